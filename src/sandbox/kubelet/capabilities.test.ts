import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerCapabilities, DEFAULT_CAPABILITIES, setprivArgs } from './capabilities.ts';

const names = (request: Parameters<typeof containerCapabilities>[0]): readonly string[] => {
  const found = containerCapabilities(request);
  return found.kind === 'only' ? found.names : [found.kind];
};

describe('containerCapabilities', () => {
  it('is the runtimes’ default without a wish', () => {
    expect(names({})).toEqual([...DEFAULT_CAPABILITIES].toSorted());
    expect(names({})).not.toContain('SYS_ADMIN');
    expect(names({})).not.toContain('NET_ADMIN');
    expect(names({})).not.toContain('BPF');
  });

  it.each([
    [{ drop: ['ALL'] }, []],
    [{ drop: ['ALL'], add: ['NET_RAW'] }, ['NET_RAW']],
    [{ drop: ['all'], add: ['cap_net_raw', 'CAP_KILL'] }, ['KILL', 'NET_RAW']],
    [{ privileged: true, drop: ['ALL'] }, ['all']],
    [{ add: ['NET_ADMIN,+sys_admin'] }, ['unknown']],
    [{ drop: ['--help'] }, ['unknown']],
  ])('%j', (request, expected) => {
    expect(names(request)).toEqual(expected);
  });

  it('honours a single drop beside ALL', () => {
    const all = names({ add: ['ALL'], drop: ['SYS_ADMIN'] });
    expect(all).toContain('BPF');
    expect(all).not.toContain('SYS_ADMIN');
  });

  it('never lets a hostile name into an option', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 5 }), fc.array(fc.string(), { maxLength: 5 }), (add, drop) => {
        const found = containerCapabilities({ add, drop });
        if (found.kind === 'unknown') return true;
        return setprivArgs(found).every((arg) => /^--[a-z-]+=-all(,\+[a-z_]+)*$/.test(arg));
      }),
    );
  });
});
