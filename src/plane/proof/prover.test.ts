import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryWorld } from '../../../test/policy-cases/arbitrary.ts';
import { arbitraryTenancies } from '../../../test/policy-cases/arbitrary-tenancy.ts';
import { NodePlane } from '../../../test/policy-cases/node-plane.ts';
import type { World } from '../../../test/policy-cases/world.ts';
import { PolicyTables, tenantPrefix, tenantWorldKey } from '../../datapath/index.ts';
import { ipcacheRow } from '../../datapath/maps/testkit.ts';
import { isCidrId, RESERVED_IDS } from '../../identity/index.ts';
import {
  EMPTY_TABLE,
  type EndpointId,
  endpointId,
  type IdentityId,
  identityId,
  type PolicyTable,
} from '../../model/index.ts';
import { type Addr, Prefix, parseAddr } from '../../net/index.ts';
import { TableLookup } from '../../policy/ask/testkit.ts';
import { judge, partyOf } from '../../policy/index.ts';
import { askFloor, tenantNumber } from '../../tenant/index.ts';
import { judgeRows } from '../../tenant/testkit.ts';
import { FakeKernel } from '../testkit.ts';
import type { Proof } from './prover.ts';

type Node = { readonly kernel: FakeKernel; readonly plane: NodePlane };

async function openNode(world: World): Promise<Node> {
  const kernel = new FakeKernel(65_536);
  const ids = new Map<Addr, EndpointId>();
  const endpointAt = (addr: Addr): EndpointId => {
    const id = ids.get(addr) ?? endpointId(ids.size + 1);
    ids.set(addr, id);
    return id;
  };
  const plane = await NodePlane.open(world, { node: 'n1', kernel, endpointAt, allPods: false });
  await plane.follow(world);
  return { kernel, plane };
}

/** Ports at which anything may change, and those around them. */
function ports(world: World, tables: Iterable<PolicyTable>): number[] {
  const found = new Set([0, 1, 0x0800, 0xffff]);
  const add = (port: number): void => {
    for (const near of [port - 1, port, port + 1]) if (near >= 0 && near <= 0xffff) found.add(near);
  };
  for (const { ports: specs } of Array.from(world.policies.values()).flat()) {
    for (const spec of specs === 'any' ? [] : specs) if ('from' in spec) [spec.from, spec.to].forEach(add);
  }
  for (const { namedPorts } of world.pods) for (const { port } of namedPorts) add(port);
  for (const { groups } of tables) {
    for (const { port, portBits } of groups.flat()) [port, port + (1 << (16 - portBits))].forEach(add);
  }
  return [...found];
}

const PROTOCOLS = [1, 6, 17, 132, 47];

/** Packet by packet: where what is in the maps says otherwise than the oracle, of everybody that the proof was about. */
async function bruteForce(world: World, { kernel, plane }: Node, { accounts }: Proof): Promise<Set<string>> {
  const { tables, revisions } = await new PolicyTables(kernel.policy).load();
  const { repository } = plane.plane;
  const wrong = new Set<string>();
  const numbers = ports(world, tables.values());
  for (const [, { identity, revision }] of accounts.rows.words) {
    const subject = accounts.identities.get(identity);
    const [ingress, egress] = revisions.get(revision) ?? [];
    const none = EMPTY_TABLE;
    const of = {
      ingress: tables.get(ingress ?? (0 as never)) ?? none,
      egress: tables.get(egress ?? (0 as never)) ?? none,
    };
    const lookup = new TableLookup(of);
    if (subject?.kind !== 'pod') throw new Error(`identity ${identity} is no pod's`);
    const entries = repository.entriesFor(identity);
    for (const direction of ['ingress', 'egress'] as const) {
      for (const peer of accounts.peers) {
        const who = accounts.identities.get(peer.identity);
        if (who === undefined) throw new Error(`nobody knows identity ${peer.identity}`);
        const party = who.kind === 'cidr' ? ({ kind: 'world', addr: peer.addr } as const) : partyOf(who, peer.addr);
        for (const protocol of PROTOCOLS) {
          for (const port of numbers) {
            const question = { subject: subject.workload, direction, peer: party, protocol, port };
            const meant = judge(entries, repository.settings, question).verdict;
            const found = lookup.judge({ direction, peer: peer.identity, peerCidr: peer.cidr, protocol, port }).verdict;
            if (meant !== found) wrong.add(`${identity} ${direction} ${found}`);
          }
        }
      }
    }
  }
  return wrong;
}

const differenceText = ({ direction, effect, rows, meant }: Proof['differences'][number]): string =>
  [direction, effect, ...rows, ...meant].join('\n');

const isFree = fc.noBias(arbitraryWorld());

test('what planes write is what is meant, for all packets, in 120 worlds', async () => {
  await fc.assert(
    fc.asyncProperty(isFree, async (world) => {
      fc.pre(world.settings.enforcement !== 'never');
      const node = await openNode(world);
      const proof = await node.plane.plane.prover.prove();
      await node.plane.close();
      expect(proof.accounts.wrong).toEqual([]);
      expect(proof.differences).toEqual([]);
    }),
    { numRuns: 120 },
  );
});

test('a row that somebody writes is found where it lets one packet pass or drops one, and nowhere else, in 30 worlds', async () => {
  const damage = fc.record({
    what: fc.constantFrom('verdict', 'delete', 'add', 'group', 'forget'),
    at: fc.nat(1_000),
    port: fc.constantFrom(0, 53, 80, 8080, 65_535),
    protocol: fc.constantFrom(6, 17),
    bits: fc.constantFrom(16, 15, 0),
  });
  let found = 0;
  await fc.assert(
    fc.asyncProperty(isFree, damage, async (world, { what, at, port, protocol, bits }) => {
      fc.pre(world.settings.enforcement !== 'never');
      const node = await openNode(world);
      const { prover } = node.plane.plane;
      const { proved } = await prover.prove();
      const { rows, peers } = node.kernel.policy;
      const row = (await rows.entries()).at(at % Math.max(1, (await rows.entries()).length));
      const peer = (await peers.entries()).at(at % Math.max(1, (await peers.entries()).length));
      if (row !== undefined) {
        const [key, value] = row;
        if (what === 'verdict') rows.set(key, { ...value, verdict: value.verdict === 'allow' ? 'deny' : 'allow' });
        if (what === 'delete') rows.delete(key);
        if (what === 'add') {
          const planted = { ...key, protocol, port: (port >> (16 - bits)) << (16 - bits), prefixlen: 80 + bits };
          rows.set(planted, { ...value, verdict: 'allow' });
        }
      }
      if (peer !== undefined && what === 'group') peers.set(peer[0], at % 4);
      if (peer !== undefined && what === 'forget') peers.delete(peer[0]);
      const proof = await prover.prove();
      if (proved === undefined) throw new Error('something was found before');
      const again = await prover.proveAgain(proved);
      const ofAgain = again.kind === 'same' ? [] : again.proof.differences;
      expect(ofAgain.map(differenceText)).toEqual(proof.differences.map(differenceText));
      const wrong = await bruteForce(world, node, proof);
      await node.plane.close();
      const told = new Set(
        proof.differences.map(({ direction, opener, responder, effect }) => {
          const subject: IdentityId = direction === 'egress' ? opener.identity : responder.identity;
          return `${subject} ${direction} ${effect === 'opens' ? 'allow' : 'deny'}`;
        }),
      );
      // One speaks for all whom the same is said of.
      const sorts = (texts: Iterable<string>): string[] =>
        Array.from(new Set(Array.from(texts, (text) => text.replace(/^\d+ /, '')))).sort();
      expect(sorts(told)).toEqual(sorts(wrong));
      for (const text of told) expect(wrong).toContain(text);
      found += told.size > 0 ? 1 : 0;
    }),
    { numRuns: 30 },
  );
  expect(found).toBeGreaterThan(3);
});

test('nothing is proved of what changes at every reading, and that is said', async () => {
  const world = fc.sample(isFree, { numRuns: 1, seed: 7 })[0];
  if (world === undefined) throw new Error('there is no such world');
  const node = await openNode(world);
  const { ipcache } = node.kernel;
  const packed = ipcache.packed.bind(ipcache);
  let readings = 0;
  ipcache.packed = async () => {
    readings += 1;
    node.plane.plane.engine.kick();
    return await packed();
  };
  await expect(node.plane.plane.prover.prove()).rejects.toMatchObject({ code: 'E_PLANE_UNSETTLED' });
  expect(readings).toBe(5);
  await node.plane.close();
});

test('whoever somebody says that an address or a pod is', async () => {
  const worlds = fc.sample(isFree, { numRuns: 50, seed: 7 });
  const world = worlds.find(
    ({ pods }) => pods.some(({ node }) => node === 'n1') && pods.some(({ node }) => node === 'n2'),
  );
  if (world === undefined) throw new Error('there is no such world');
  const node = await openNode(world);
  const { words, ipcache, endpoints } = node.kernel;
  const [first] = words.entries().filter(([id]) => id < 100);
  const rows = await ipcache.entries();
  const [prefix] = rows.find(([one]) => one.length === one.bits) ?? [];
  const [gone] = rows.find(([one]) => one.length < one.bits) ?? [];
  const [local] = await endpoints.entries();
  if (first === undefined || prefix === undefined || gone === undefined || local === undefined)
    throw new Error('the world is empty');
  words.set(first[0], { ...first[1], identity: identityId(60_000) });
  ipcache.set(prefix, ipcacheRow({ identity: identityId(60_001) }));
  ipcache.delete(gone);
  endpoints.delete(local[0]);
  const { accounts } = await node.plane.plane.prover.prove();
  await node.plane.close();
  const texts = accounts.wrong.map(({ row }) => row);
  expect(texts).toEqual(
    expect.arrayContaining([
      `endpoint_words row: endpoint ${first[0]} is identity 60000`,
      expect.stringContaining(`ipcache row: ${prefix.toString()} is identity 60001`),
      `no ipcache row of ${gone.toString()}`,
      `no endpoints row of ${local[0]}`,
    ]),
  );
});

/** Every address at which an answer about IPv4 may begin or end. */
function edgesOf(prefixes: readonly Prefix[]): Addr[] {
  const values = prefixes
    .filter(({ family }) => family === 4)
    .flatMap(({ value, size }) => [value - 1n, value, value + size - 1n, value + size])
    .filter((value) => value >= 1n << 24n && value < 1n << 32n);
  return [...new Set(values)].map((value) =>
    parseAddr([24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')),
  );
}

/** Is the world behind it, by whatever prefix? */
function isOutside({ rows }: Proof['accounts'], addr: Addr): boolean {
  if (rows.endpoints.some(([own]) => own === addr)) return false;
  const covering = Array.from(rows.ipcache).filter(([prefix]) => prefix.contains(addr));
  const [, owner] = covering.sort(([a], [b]) => b.length - a.length)[0] ?? [];
  return owner !== undefined && ((owner.identity as number) === RESERVED_IDS.world || isCidrId(owner.identity));
}

test('what tenants list of the world is proved for all addresses: a row that is gone, or that nobody lists, is found', async () => {
  const planted = ['0.0.0.0/0', '203.0.113.0/25', '203.0.113.7/32', '198.51.100.0/23', '169.254.169.254/32'];
  const steps = fc.sample(arbitraryTenancies({ worlds: 1, flows: 0 }), { numRuns: 8, seed: 20 }).flat();
  let found = 0;
  let right = 0;
  for (const { world } of steps) {
    const node = await openNode(world);
    const { tenantWorld, tenants } = node.kernel;
    const { floor, prover } = node.plane.plane;
    const own = (await tenantWorld.entries()).map(([row]) => row);
    const isFour = (row: (typeof own)[number]): boolean => tenantPrefix(row)?.prefix.family === 4;
    const changes = [
      () => undefined,
      ...own.filter(isFour).map((row) => () => tenantWorld.delete(row)),
      ...['red', 'green'].flatMap((name) =>
        planted.map((text) => {
          const row = tenantWorldKey({ tenant: tenantNumber(name), prefix: Prefix.parse(text) });
          return () => tenantWorld.set(row, 1);
        }),
      ),
    ];
    for (const change of changes) {
      change();
      const { accounts, differences } = await prover.prove();
      const all = Array.from(floor.membership.tenants.values()).flatMap(({ world: said }) => said.cidrs);
      const edges = edgesOf([...all, ...planted.map((text) => Prefix.parse(text))]);
      const differs = edges
        .filter((addr) => isOutside(accounts, addr))
        .some((addr) =>
          accounts.identities.values().some((subject) => {
            if (subject.kind !== 'pod') return false;
            const responder = { kind: 'reserved', id: identityId(RESERVED_IDS.world), name: 'world' } as const;
            const meant = askFloor({ opener: subject, responder, addr }, floor.membership);
            const row = tenants.get(subject.id) || tenants.get(identityId(0));
            const isListed = (tenant: bigint, asked: Addr): boolean =>
              tenantWorld.get(tenantWorldKey({ tenant, prefix: Prefix.host(asked) })) !== undefined;
            const said = judgeRows({ row }, { reserved: 'world', addr }, undefined, isListed);
            return (meant === undefined) !== (said === undefined);
          }),
        );
      expect(differences.some(({ layer }) => layer === 'floor')).toBe(differs);
      if (differs) found += 1;
      else right += 1;
      for (const [row] of await tenantWorld.entries()) tenantWorld.delete(row);
      for (const row of own) tenantWorld.set(row, 1);
    }
    await node.plane.close();
  }
  expect(Math.min(found, right)).toBeGreaterThan(0);
});
