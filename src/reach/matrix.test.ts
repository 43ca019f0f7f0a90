import fc from 'fast-check';
import { expect, test } from 'vitest';
import { samplePod } from '../identity/samples.ts';
import {
  type Identity,
  type IdentityId,
  identityId,
  RESERVED_NAME,
  TENANT_METADATA,
  TENANT_NODES,
  TENANT_WORLDS,
} from '../model/index.ts';
import { type Addr, Prefix, parseAddr } from '../net/index.ts';
import { policySettingsSchema } from '../policy/settings.ts';
import { type FloorRow, floorRow, Membership, tenantNumber } from '../tenant/index.ts';
import { judgeRows, type KernelEnd, SYSTEM_SERVICES, tenantRow } from '../tenant/testkit.ts';
import { floorBetween, passages } from './decide.ts';
import { differences } from './differences.ts';
import { IntentWorld } from './intent-world.ts';
import { type KernelListed, type KernelShare, KernelWorld } from './kernel-world.ts';
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
const alone = (identity: IdentityId, addr?: Addr): Peer => ({ identity, cidr: identityId(0), addr });
/** Outside and of nodes; each of them stands for all between which tenants make no difference. */
const ADDRESSES = ['10.0.0.1', '10.1.0.1', '192.0.2.1', '169.254.169.254'].map(parseAddr);
const CIDRS = ['10.0.0.0/8', '10.1.0.0/16', '169.254.0.0/16', '::/0'].map((text) => Prefix.parse(text));
const addressesOf = ({ kind }: Identity): readonly (Addr | undefined)[] => (kind === 'pod' ? [undefined] : ADDRESSES);

const worlds = fc.record({
  unassigned: fc.constantFrom<'Open' | 'Closed'>('Open', 'Closed'),
  tenants: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('red', 'green'),
      names: fc.subarray(NAMESPACES),
      world: fc.constantFrom(...TENANT_WORLDS),
      nodes: fc.constantFrom(...TENANT_NODES),
      cidrs: fc.subarray(CIDRS),
      metadata: fc.constantFrom(...TENANT_METADATA),
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
  /** A row of what a tenant lists that is not there, or is there and not meant. */
  listing: fc.option(fc.constantFrom(...CIDRS), { nil: undefined }),
});

test('the floor, what is shared through it and the matrix against brute force, in 500 worlds', () => {
  let damaged = 0;
  let shared = 0;
  fc.assert(
    fc.property(worlds, ({ unassigned, tenants, shares: drawn, damage, lost, listing }) => {
      const settings = { unassigned, systemNamespaces: ['kube-system'], systemServices: SYSTEM_SERVICES };
      const membership = new Membership(
        tenants.map(({ name, names, world, nodes, cidrs, metadata, closed }) =>
          tenantRow(name, {
            claims: { names, prefix: undefined },
            boundary: { world, nodes },
            world: { cidrs, metadata },
            closed,
          }),
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
      const meantListed: KernelListed[] = tenants
        .filter(({ world }) => world === 'Listed')
        .flatMap(({ name, cidrs }) => cidrs.map((prefix) => ({ tenant: tenantNumber(name), prefix })));
      const isVictim = ({ tenant, prefix }: KernelListed): boolean =>
        tenant === tenantNumber('red') && prefix === listing;
      const listed =
        listing === undefined
          ? meantListed
          : meantListed.some(isVictim)
            ? meantListed.filter((one) => !isVictim(one))
            : [...meantListed, { tenant: tenantNumber('red'), prefix: listing }];
      const owners = (id: IdentityId) => rows.get(id) ?? 0n;
      const dump = { subjects: [], policy: undefined, owners, shares: written, listed };
      const kernel = new KernelWorld(dump);

      type Account = {
        rows: ReadonlyMap<IdentityId, FloorRow>;
        shares: readonly KernelShare[];
        listed: readonly KernelListed[];
      };
      const asMeant: Account = { rows: good, shares: meant, listed: meantListed };
      const asWritten: Account = { rows, shares: written, listed };
      type End = { readonly one: Identity; readonly addr: Addr | undefined };
      const end = (from: Account, { one, addr }: End): KernelEnd =>
        one.kind === 'reserved'
          ? { reserved: one.name, ...(addr === undefined ? {} : { addr }) }
          : { row: from.rows.get(one.id) ?? 0n };
      const refusalOf = (from: Account, a: End, b: End): string | undefined =>
        judgeRows(
          end(from, a),
          end(from, b),
          () => false,
          (number, addr) => from.listed.some(({ tenant, prefix }) => tenant === number && prefix.contains(addr)),
        );
      /** bpf/lib/tenant.h, packet by packet. */
      const passes = (from: Account, a: End, b: End, port: number): boolean => {
        const refusal = refusalOf(from, a, b);
        const mayBeShared = !['tenant-closed', 'tenant-unknown', 'tenant-metadata'].includes(refusal ?? '');
        return (
          refusal === undefined ||
          (mayBeShared &&
            from.shares.some(
              (share) => share.opener === a.one.id && share.responder === b.one.id && share.port === port,
            ))
        );
      };
      const ends = EVERYBODY.flatMap((one) => addressesOf(one).map((addr) => ({ one, addr })));
      let differs = false;
      for (const a of ends) {
        for (const b of ends) {
          if (a.one.kind === 'reserved' && b.one.kind === 'reserved') continue;
          const pair = { opener: alone(a.one.id, a.addr), responder: alone(b.one.id, b.addr) };
          for (const [world, from] of [
            [intent, asMeant],
            [kernel, asWritten],
          ] as const) {
            const cells = Array.from(passages(world, pair), ({ cell }) => cell);
            for (const port of [...PORTS, 443]) {
              const found = cells.some((cell) => cell.protocol === 6 && cell.from <= port && port <= cell.to);
              if (found !== passes(from, a, b, port)) throw new Error(`${a.one.id} -> ${b.one.id} ${port}: ${found}`);
            }
          }
          differs ||= refusalOf(asMeant, a, b) !== refusalOf(asWritten, a, b);
        }
      }
      const peers = ends.map(({ one, addr }) => alone(one.id, addr));
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
        const isOpen = all.some(([a, b]) => floorBetween(kernel, alone(a), alone(b)).refusal === undefined);
        const isShared = all.some(([a, b]) =>
          written.some(
            (share) =>
              share.opener === a && share.responder === b && floorBetween(kernel, alone(a), alone(b)).mayBeShared,
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
