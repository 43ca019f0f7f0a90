import fc from 'fast-check';
import { expect, test } from 'vitest';
import { namespaceRow, podRow } from '../../cluster/samples.ts';
import { RESERVED_IDS, reservedIdentity } from '../../identity/index.ts';
import { type Identity, type ReservedName, TENANT_METADATA, TENANT_WORLDS, type TenantRow } from '../../model/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { fakeNode } from '../../plane/testkit.ts';
import { sampleService } from '../../service/samples.ts';
import { askFloor } from '../../tenant/index.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { WouldDrops } from './would-drops.ts';

const NAMESPACES = ['shop', 'ledger', 'plain', 'kube-system'];
const ENDS = [...NAMESPACES, 'host', 'remote-node', 'world', 'world 198.51.100.1', 'world 169.254.169.254'];
const NO_WARNINGS = { see: () => undefined };
const LISTED = Prefix.parse('198.51.100.0/24');
const addressOf = (end: string): string => end.split(' ')[1] ?? '192.0.2.1';

const tenant = fc.record({
  mode: fc.constantFrom('Enforce' as const, 'Observe' as const, 'Warn' as const),
  world: fc.constantFrom(...TENANT_WORLDS),
  metadata: fc.constantFrom(...TENANT_METADATA),
  nodes: fc.constantFrom('Open' as const, 'ProbesOnly' as const),
  names: fc.subarray(NAMESPACES),
  shares: fc.boolean(),
});

async function world(tenants: readonly TenantRow[]) {
  const node = await fakeNode();
  node.put(node.intent.namespaces, ...NAMESPACES.map((name) => namespaceRow(name)));
  const pods = NAMESPACES.map((namespace) => podRow('pod', { app: 'pod' }, { namespace }));
  node.put(node.intent.pods, ...pods);
  for (const [index, pod] of pods.entries()) node.connect(index + 1, pod);
  node.put(
    node.intent.services,
    ...NAMESPACES.map((namespace) =>
      sampleService({
        namespace,
        name: 'api',
        selector: { app: 'pod' },
        ports: [{ name: 'web', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 0 }],
      }),
    ),
  );
  node.intent.services.apply({ upserts: [], deletes: [], synced: true });
  node.put(node.intent.tenants, ...tenants);
  node.sync();
  await node.settle();
  return node;
}
type Node = Awaited<ReturnType<typeof world>>;

function identityOf(node: Node, end: string): Identity {
  const found = NAMESPACES.includes(end)
    ? node.identityOf(`${end}/pod` as never)
    : reservedIdentity(RESERVED_IDS[end.split(' ')[0] as ReservedName]);
  if (found === undefined) throw new Error(`${end} is nobody`);
  return found;
}

/** What is in force says of a connection to that port. */
function refusal(node: Node, from: string, to: string, port: number): string | undefined {
  const [opener, responder] = [identityOf(node, from), identityOf(node, to)];
  const key = { opener: opener.id, responder: responder.id, protocol: 'TCP' as const, port };
  const addr = parseAddr(addressOf(opener.kind === 'pod' ? to : from));
  return askFloor({ opener, responder, addr, isShared: () => node.shares.has(key) }, node.floor.membership)?.reason;
}

test('would-drop is what is dropped once all enforce, and is not yet: in 30 worlds, for all pairs', async () => {
  let [told, spared] = [0, 0];
  await fc.assert(
    fc.asyncProperty(fc.tuple(tenant, tenant), async (drawn) => {
      const rows = drawn.map(({ names, mode, world: outside, metadata, nodes, shares }, index) => {
        const [own = '', other = ''] = index === 0 ? ['a', 'b'] : ['b', 'a'];
        return tenantRow(own, {
          claims: { names, prefix: undefined },
          mode,
          boundary: { world: outside, nodes },
          world: { cidrs: [LISTED], metadata },
          exports: names.map((namespace) => ({
            name: namespace,
            service: `${namespace}/api` as never,
            ports: undefined,
            to: [other],
            expires: undefined,
          })),
          imports: shares ? NAMESPACES.map((namespace) => ({ tenant: other, export: namespace, labels: {} })) : [],
        });
      });
      const now = await world(rows);
      const then = await world(rows.map((row) => ({ ...row, mode: 'Enforce' as const })));
      const drops = new WouldDrops({ ...now, apiServers: () => [], now: () => now.clock.now(), warnings: NO_WARNINGS });
      expect(drops.isNeeded).toBe(rows.some(({ mode }) => mode !== 'Enforce'));
      for (const from of ENDS) {
        for (const to of ENDS) {
          for (const port of [8080, 9090]) {
            const event = {
              type: 'open' as const,
              source: addressOf(from),
              destination: addressOf(to),
              sourceIdentity: identityOf(now, from).id,
              destinationIdentity: identityOf(now, to).id,
              sourcePort: 40_000,
              destinationPort: port,
              protocol: 6,
              isReply: false,
            };
            const isNow = refusal(now, from, to, port);
            const expected = isNow === undefined ? refusal(then, from, to, port) : undefined;
            expect(drops.of(event)?.reason, `${from} -> ${to} ${port} ${JSON.stringify(drawn)}`).toBe(expected);
            const back = { ...event, isReply: true, sourcePort: port, destinationPort: 40_000 };
            const turned = {
              ...back,
              type: 'renew' as const,
              source: event.destination,
              destination: event.source,
              sourceIdentity: event.destinationIdentity,
              destinationIdentity: event.sourceIdentity,
            };
            expect(drops.of(turned)?.reason).toBe(expected);
            expect(drops.of({ ...event, type: 'drop' })).toBeUndefined();
            if (expected === undefined) spared += 1;
            else told += 1;
          }
        }
      }
    }),
    { numRuns: 30 },
  );
  expect(Math.min(told, spared)).toBeGreaterThan(100);
});

test('each that opens is counted, by reason, and whoever warns is told', async () => {
  const node = await world([tenantRow('a', { claims: { names: ['shop'], prefix: undefined }, mode: 'Observe' })]);
  const told: unknown[][] = [];
  const drops = new WouldDrops({
    ...node,
    apiServers: () => [],
    now: () => node.clock.now(),
    warnings: { see: (...seen) => told.push(seen) },
  });
  const event = {
    type: 'open' as const,
    source: '10.244.1.3',
    destination: '10.244.1.1',
    sourceIdentity: identityOf(node, 'plain').id,
    destinationIdentity: identityOf(node, 'shop').id,
    sourcePort: 1,
    destinationPort: 2,
    protocol: 6,
    isReply: false,
  };
  drops.count(event);
  drops.count(event);
  drops.count({ ...event, type: 'close' });
  drops.count({ ...event, destinationIdentity: event.sourceIdentity });
  expect([...drops.counts]).toEqual([['tenant-boundary', 2]]);
  const one = ['tenant-boundary', event.sourceIdentity, event.destinationIdentity];
  expect(told).toEqual([one, one]);
});

test('what is shared of the API server would be open, and nothing else of nodes', async () => {
  const row = tenantRow('a', {
    claims: { names: ['shop'], prefix: undefined },
    mode: 'Observe',
    systemServices: ['apiserver'],
  });
  const node = await world([row]);
  const responder = identityOf(node, 'kube-apiserver').id;
  const apiServers = () => [{ responder, protocol: 'TCP' as const, port: 6443 }];
  const drops = new WouldDrops({ ...node, apiServers, now: () => node.clock.now(), warnings: NO_WARNINGS });
  const reasonAt = (destinationPort: number) =>
    drops.of({
      type: 'open',
      source: '10.244.1.1',
      destination: '172.18.0.4',
      sourceIdentity: identityOf(node, 'shop').id,
      destinationIdentity: responder,
      sourcePort: 1,
      destinationPort,
      protocol: 6,
      isReply: false,
    })?.reason;
  expect([reasonAt(6443), reasonAt(6444)]).toEqual([undefined, 'tenant-nodes']);
});
