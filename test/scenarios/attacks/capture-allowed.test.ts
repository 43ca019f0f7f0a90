import { expect, it } from 'vitest';
import { broken, useSandbox } from './lab.ts';

/** What line 12 is worth: where the operator lets Services have the resolver's address, the thief gets its traffic. */
const lab = useSandbox({ agentConfig: { serviceAddressRanges: ['198.51.100.0/24'] } });

it('sees the capture of an address that Services may have, and of no other', async () => {
  const lines = await lab.lines('capture');
  expect(broken(lines).map((line) => line.split(':')[0])).toEqual(['12.resolver', '12.load-balancer']);
  for (const line of lines.slice(2)) expect(line.seen).toContain("A's frontend: captured 10.244.");
  expect(lines.slice(0, 2).map(({ held }) => held)).toEqual([true, true]);
});
