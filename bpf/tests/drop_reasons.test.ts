import { describe, expect, test } from 'vitest';
import { DROP_REASON, type DropReason } from '../../src/model/gen/enums.ts';
import { A, A6, B, B6, type DropCase } from './drop-cases/case.ts';
import { FROM_NETDEV_CASES } from './drop-cases/from-netdev.ts';
import { FROM_OVERLAY_CASES } from './drop-cases/from-overlay.ts';
import { FROM_POD_CASES } from './drop-cases/from-pod.ts';
import { TO_NETDEV_CASES } from './drop-cases/to-netdev.ts';
import { TO_POD_CASES } from './drop-cases/to-pod.ts';
import { Lab } from './lab.ts';

const HOOKS = [
  { hook: 'from_pod', cases: FROM_POD_CASES, counted: 'a', direction: 'egress' },
  { hook: 'to_pod', cases: TO_POD_CASES, counted: 'b', direction: 'ingress' },
  { hook: 'from_netdev', cases: FROM_NETDEV_CASES, counted: 'node', direction: 'ingress' },
  { hook: 'to_netdev', cases: TO_NETDEV_CASES, counted: 'node', direction: 'egress' },
] as const;

/** Reasons that no packet can bring about from outside. */
const UNREACHABLE: Readonly<Partial<Record<DropReason, string>>> = {
  none: 'stands for what is forwarded',
  internal: 'only where the verifier wants a check that cannot fail',
  'ct-full': 'an LRU map makes room; only a kernel out of memory refuses',
  'packet-too-long': 'the lab has no routes: masquerade_second_address.test.ts has',
  'sock-quota': 'no packet, but a socket that is refused: sock_flood.test.ts',
  'unfinished-checksum':
    'BPF_PROG_TEST_RUN makes no such frames; test/scenarios/attacks/unfinished-checksums.test.ts does',
};

describe.each(HOOKS)('$hook drops', ({ cases, counted, direction }) => {
  test.each(cases.map((one) => [one.name, one.reason, one] as const))(
    '%s: %s',
    async (_name, reason, one: DropCase) => {
      using lab = new Lab(one.config === undefined ? {} : { config: one.config });
      const a = lab.pod({ id: 1, addr: A, identity: 300, ipv6: A6 });
      const b = lab.pod({ id: 2, addr: B, identity: 301, ipv6: B6 });
      await lab.open(a);
      await lab.open(b);

      const outcome = await one.run({ lab, a, b });

      expect(outcome.verdict).toBe(reason);
      expect(outcome.events.map(({ type }) => type)).toEqual(['drop']);
      const endpoint = { a: 1, b: 2, node: 0 }[one.counted ?? counted];
      const drops = (await lab.datapath.drops()).filter((row) => row.reason === reason);
      expect(drops).toEqual([expect.objectContaining({ endpoint, direction })]);
      const counters = (await lab.datapath.counters()).filter((row) => row.reason === reason);
      expect(counters.map(({ packets }) => packets)).toEqual(drops.map(({ packets }) => packets));
    },
  );
});

test('every drop reason has a case', () => {
  const covered = new Set([...HOOKS.flatMap(({ cases }) => cases), ...FROM_OVERLAY_CASES].map(({ reason }) => reason));
  const missing = (Object.keys(DROP_REASON) as DropReason[]).filter(
    (reason) => !covered.has(reason) && UNREACHABLE[reason] === undefined,
  );
  expect(missing).toEqual([]);
  expect(Object.keys(UNREACHABLE).filter((reason) => covered.has(reason as DropReason))).toEqual([]);
});
