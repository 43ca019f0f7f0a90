import { expect, it } from 'vitest';
import { FakeClock } from '../../base/testkit.ts';
import { HIDDEN_PEER } from '../../model/index.ts';
import { Rights } from '../../observe/index.ts';
import { TestHub } from '../../observe/testkit.ts';
import { whileSeesAll } from './viewer.ts';

it('what only who sees all is told ends with his right to it, whatever is there to be told', async () => {
  const clock = new FakeClock(1_000_000);
  let may = true;
  const rights = new Rights({
    ask: async () => may,
    tenantOf: () => undefined,
    peers: () => HIDDEN_PEER,
    namespaces: () => [],
    clock,
  });
  const admin = { seesAll: false, subject: { name: 'admin', groups: [] }, stillHolds: undefined } as const;
  async function* there() {
    yield 'one';
    yield 'two';
  }
  const told = whileSeesAll({ rights, hub: new TestHub({}) }, admin, new AbortController().signal, there);
  expect(await told.next()).toEqual({ done: false, value: 'one' });
  may = false;
  await clock.advance(2_000);
  await expect(told.next()).rejects.toMatchObject({ code: 'E_OBSERVE_REVOKED' });
});
