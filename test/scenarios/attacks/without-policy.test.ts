import { describe, expect, it } from 'vitest';
import { broken, useSandbox } from './lab.ts';

/** A demonstration that cannot fail shows nothing: with policies ignored, the claims about policy must break. */
describe('the demonstration where policies are ignored', () => {
  const lab = useSandbox({ agentConfig: { policyEnforcement: 'never' } });

  it('sees who gets through', async () => {
    const lines = await lab.lines('reach');
    expect(lines.filter((line) => line.held).map((line) => line.id)).toEqual(['1.allowed-a', '1.allowed-b']);
  });

  it('sees agent_of_chaos at the backend', async () => {
    const lines = await lab.lines('chaos', { rounds: 2 });
    expect(lines.map((line) => line.held)).toEqual([false, false]);
    expect(lines[0]?.seen).not.toContain(' 0 at the backend');
  });

  it('still sees forged frames dropped: that is no matter of policy', async () => {
    const lines = await lab.lines('spoof');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(expect.arrayContaining(['3.source-ip', '3.arp-flood', '3.vxlan']));
  });
});
