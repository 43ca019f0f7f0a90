import fc from 'fast-check';
import { expect, test } from 'vitest';
import { samplePod } from '../identity/samples.ts';
import {
  type Identity,
  type IdentityId,
  identityId,
  RESERVED_NAME,
  TENANT_NODES,
  TENANT_WORLDS,
} from '../model/index.ts';
import { policySettingsSchema } from '../policy/settings.ts';
import { type FloorRow, floorRow, Membership } from '../tenant/index.ts';
import { judgeRows, type KernelEnd, SYSTEM_SERVICES, tenantRow } from '../tenant/testkit.ts';
import { floorBetween, passages } from './decide.ts';
import { differences } from './differences.ts';
import { IntentWorld } from './intent-world.ts';
import { type KernelShare, KernelWorld } from './kernel-world.ts';
import { tenantPairs } from './matrix.ts';
import type { Peer } from './world.ts';

const NAMESPACES = ['a', 'a-1', 'b', 'b-1', 'c', 'kube-system'];
const OTHERS = ['host', 'remote-node', 'kube-apiserver', 'world'] as const;
const PORTS = [53, 80];

/** Two pods a namespace. */
const PODS = NAMESPACES.flatMap((namespace, index) =>
  [0, 1].map((nth) => samplePod(300 + index * 2 + nth, { namespace, app: `${nth}` })),
);
const RESERVED: Identity[] = OTHERS.map((name) => ({ kind: 'reserved', id: identityId(RESERVED_NAME[name]), name }));
const EVERYBODY: readonly Identity[] = [...PODS, ...RESERVED];
const alone = (identity: IdentityId): Peer => ({ identity, cidr: identityId(0), addr: undefined });

const worlds = fc.record({
  unassigned: fc.constantFrom<'Open' | 'Closed'>('Open', 'Closed'),
  tenants: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('red', 'green'),
      names: fc.subarray(NAMESPACES),
      world: fc.constantFrom(...TENANT_WORLDS),
      nodes: fc.constantFrom(...TENANT_NODES),
      closed: fc.option(fc.constant('not understood'), { nil: undefined, freq: 8 }),
    }),
    { selector: ({ name }) => name },
  ),
  shares: fc.uniqueArray(
    fc.record({
      opener: fc.constantFrom(...PODS),
      responder: fc.constantFrom(...PODS),
      port: fc.constantFrom(...PORTS),
    }),
    { maxLength: 4, selector: ({ opener, responder, port }) => `${opener.id} ${responder.id} ${port}` },
  ),
  /** What somebody else wrote: whose a pod is, as that of another pod; or nothing at all. */
  damage: fc.option(fc.record({ at: fc.nat(PODS.length - 1), as: fc.nat(PODS.length) }), { nil: undefined }),
  lost: fc.boolean(),
});

test('the floor, what is shared through it and the matrix against brute force, in 500 worlds', () => {
  let damaged = 0;
  let shared = 0;
  fc.assert(
    fc.property(worlds, ({ unassigned, tenants, shares: drawn, damage, lost }) => {
      const settings = { unassigned, systemNamespaces: ['kube-system'], systemServices: SYSTEM_SERVICES };
      const membership = new Membership(
        tenants.map(({ name, names, world, nodes, closed }) =>
          tenantRow(name, { claims: { names, prefix: undefined }, boundary: { world, nodes }, closed }),
        ),
        settings,
      );
      const rows = new Map<IdentityId, FloorRow>(
        PODS.map(({ id, workload }) => [id, floorRow(membership.of(workload.namespace), unassigned)]),
      );
      const good = new Map(rows);
      const [victim, model] = damage === undefined ? [] : [PODS[damage.at], PODS[damage.as]];
      if (victim !== undefined) rows.set(victim.id, model === undefined ? 0n : (rows.get(model.id) ?? 0n));
      const meant: KernelShare[] = drawn.map(({ opener, responder, port }) => ({
        opener: opener.id,
        responder: responder.id,
        protocol: 6,
        port,
      }));
      const written = lost ? meant.slice(1) : meant;
      const intent = new IntentWorld({
        identities: new Map(EVERYBODY.map((one) => [one.id, one])),
        belonging: (namespace) => membership.of(namespace),
        unassigned,
        shares: meant,
        entriesFor: () => [],
        settings: policySettingsSchema.parse({}),
      });
      const dump = { subjects: [], policy: undefined, owners: (id: IdentityId) => rows.get(id) ?? 0n, shares: written };
      const kernel = new KernelWorld(dump);

      const end = (from: ReadonlyMap<IdentityId, FloorRow>, one: Identity): KernelEnd =>
        one.kind === 'reserved' ? { reserved: one.name } : { row: from.get(one.id) ?? 0n };
      /** bpf/lib/tenant.h, packet by packet. */
      const passes = (
        from: ReadonlyMap<IdentityId, FloorRow>,
        list: readonly KernelShare[],
        a: Identity,
        b: Identity,
        port: number,
      ): boolean => {
        const refusal = judgeRows(end(from, a), end(from, b));
        const mayBeShared = refusal !== 'tenant-closed' && refusal !== 'tenant-unknown';
        return (
          refusal === undefined ||
          (mayBeShared &&
            list.some((share) => share.opener === a.id && share.responder === b.id && share.port === port))
        );
      };
      let differs = false;
      for (const a of EVERYBODY) {
        for (const b of EVERYBODY) {
          if (a.kind === 'reserved' && b.kind === 'reserved') continue;
          for (const port of [...PORTS, 443]) {
            for (const [world, from, list] of [
              [intent, good, meant],
              [kernel, rows, written],
            ] as const) {
              const found = Array.from(passages(world, { opener: alone(a.id), responder: alone(b.id) })).some(
                ({ cell }) => cell.protocol === 6 && cell.from <= port && port <= cell.to,
              );
              if (found !== passes(from, list, a, b, port)) throw new Error(`${a.id} -> ${b.id} ${port}: ${found}`);
            }
          }
          differs ||= judgeRows(end(good, a), end(good, b)) !== judgeRows(end(rows, a), end(rows, b));
        }
      }
      const peers = EVERYBODY.map(({ id }) => alone(id));
      const told = Array.from(differences({ intent, kernel, dump, intentShares: meant, peers })).filter(
        (one) => one !== undefined,
      );
      expect(
        told.some(({ layer }) => layer === 'floor'),
        'floor',
      ).toBe(differs);
      expect(told.filter(({ layer }) => layer === 'sharing').length).toBe(meant.length - written.length);
      if (differs) damaged += 1;

      const groups = ['red', 'green', ''].map((name) => ({
        name,
        identities: PODS.filter(({ workload }) => {
          const owner = membership.of(workload.namespace);
          return name === '' ? owner.state === 'unassigned' : owner.state === 'tenant' && owner.tenant.name === name;
        }).map(({ id }) => id),
      }));
      for (const pair of tenantPairs(kernel, groups, written)) {
        if (pair === undefined) continue;
        const [from, to] = [pair.from, pair.to].map(
          (name) => groups.find((one) => one.name === name)?.identities ?? [],
        );
        const all = (from ?? []).flatMap((a) => (to ?? []).map((b) => [a, b] as const));
        const isOpen = all.some(([a, b]) => floorBetween(kernel, a, b).refusal === undefined);
        const isShared = all.some(([a, b]) =>
          written.some(
            (share) => share.opener === a && share.responder === b && floorBetween(kernel, a, b).mayBeShared,
          ),
        );
        const standing = all.length === 0 ? 'empty' : isOpen ? 'together' : isShared ? 'shared' : 'isolated';
        expect(pair.standing).toBe(standing);
        if (standing === 'shared') shared += 1;
      }
    }),
    { numRuns: 500 },
  );
  expect(damaged).toBeGreaterThan(20);
  expect(shared).toBeGreaterThan(0);
});
