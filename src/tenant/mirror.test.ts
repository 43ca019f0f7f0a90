import fc from 'fast-check';
import { expect, test } from 'vitest';
import { namespaceRow, podRow } from '../cluster/samples.ts';
import type { TenantRow } from '../model/index.ts';
import { PROTOCOL_NUMBERS } from '../net/index.ts';
import { fakeNode } from '../plane/testkit.ts';
import { judge, networkPolicy, type PolicySettings, partyOf, readPolicy } from '../policy/index.ts';
import { sampleService } from '../service/samples.ts';
import { askFloor } from './ask.ts';
import { mirrorsOf } from './mirror.ts';
import { tenantRow } from './testkit.ts';

const NAMESPACES = ['shop-a', 'shop-b', 'ledger', 'plain', 'kube-system'];
const SETTINGS: PolicySettings = { enforcement: 'default', allowLocalhost: 'always', cidrSelects: [] };

const tenant = fc.record({
  names: fc.subarray(NAMESPACES.slice(0, 4)),
  prefix: fc.constantFrom(undefined, 'shop-'),
  world: fc.constantFrom('Open' as const, 'Closed' as const),
  labels: fc.constantFrom<Readonly<Record<string, string>>>({}, { app: 'pod' }, { app: 'nobody' }),
  ports: fc.constantFrom(undefined, ['web'], [9]),
  expires: fc.constantFrom(undefined, 500_000, 5_000_000),
  dns: fc.boolean(),
  closed: fc.constantFrom(undefined, undefined, undefined, 'it says something'),
});

async function worldOf(tenants: readonly TenantRow[]) {
  const node = await fakeNode();
  node.put(node.intent.namespaces, ...NAMESPACES.map((name) => namespaceRow(name)));
  const pods = NAMESPACES.map((namespace) => podRow('pod', { app: 'pod', 'k8s-app': 'kube-dns' }, { namespace }));
  node.put(node.intent.pods, ...pods);
  for (const [index, pod] of pods.entries()) node.connect(index + 1, pod);
  const port = { protocol: 'TCP', nodePort: 0 } as const;
  node.put(
    node.intent.services,
    ...NAMESPACES.map((namespace) =>
      sampleService({
        namespace,
        name: namespace === 'kube-system' ? 'kube-dns' : 'api',
        selector: { app: 'pod' },
        ports: [
          { ...port, name: 'web', port: 80, targetPort: 8080 },
          { ...port, name: 'more', port: 81, targetPort: 8081 },
        ],
      }),
    ),
  );
  node.intent.services.apply({ upserts: [], deletes: [], synced: true });
  node.put(node.intent.tenants, ...tenants);
  node.sync();
  await node.settle();
  return node;
}

test('read as NetworkPolicies they let pass what the floor lets pass, between all that have them', async () => {
  const seen = { allow: 0, deny: 0, world: 0 };
  await fc.assert(
    fc.asyncProperty(fc.tuple(tenant, tenant), async (drawn) => {
      const rows = drawn.map(({ names, prefix, world, labels, ports, expires, dns, closed }, index) => {
        const [own = '', other = ''] = index === 0 ? ['a', 'b'] : ['b', 'a'];
        const exports = NAMESPACES.map((name) => ({
          name,
          service: `${name}/api` as never,
          ports,
          to: [other],
          expires,
        }));
        return tenantRow(own, {
          claims: { names, prefix: index === 0 ? prefix : undefined },
          boundary: { world, nodes: 'Open' },
          exports,
          imports: NAMESPACES.map((name) => ({ tenant: other, export: name, labels })),
          systemServices: dns ? ['dns'] : [],
          closed,
        });
      });
      const node = await worldOf(rows);
      const { membership } = node.floor;
      const mirrors = mirrorsOf({
        membership,
        namespaces: NAMESPACES,
        service: (key) => node.intent.services.get(key),
        now: node.clock.now(),
      });
      expect(new Set(mirrors.map(({ namespace, name }) => `${namespace}/${name}`)).size).toBe(mirrors.length);
      const entries = mirrors.flatMap(({ namespace, name, spec }) => {
        const object = {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { namespace, name },
          spec,
        };
        expect(networkPolicy.validate(JSON.parse(JSON.stringify(object)))).toEqual([]);
        const reading = readPolicy(networkPolicy.schema.parse(object));
        expect(reading.problems).toEqual([]);
        return reading.entries;
      });
      const has = (namespace: string): boolean => ['tenant', 'closed'].includes(membership.of(namespace).state);
      const of = (namespace: string) => {
        const found = node.identityOf(`${namespace}/pod` as never);
        if (found === undefined) throw new Error(`${namespace} is nobody`);
        return found;
      };
      const allows = (own: string, direction: 'egress' | 'ingress', peer: Parameters<typeof partyOf>, port: number) =>
        judge(entries, SETTINGS, {
          subject: of(own).workload,
          direction,
          peer: partyOf(...peer),
          protocol: PROTOCOL_NUMBERS.TCP,
          port,
        }).verdict === 'allow';
      for (const from of NAMESPACES) {
        for (const to of NAMESPACES) {
          if (!has(from) && !has(to)) continue;
          for (const port of [8080, 8081, 9090]) {
            const [opener, responder] = [of(from), of(to)];
            const key = { opener: opener.id, responder: responder.id, protocol: 'TCP' as const, port };
            const floor = askFloor({ opener, responder, isShared: () => node.shares.has(key) }, membership);
            const passes = allows(from, 'egress', [responder], port) && allows(to, 'ingress', [opener], port);
            expect(passes, `${from} -> ${to} ${port} ${JSON.stringify([rows, mirrors])}`).toBe(floor === undefined);
            seen[passes ? 'allow' : 'deny'] += 1;
          }
        }
        if (!has(from)) continue;
        const owner = membership.of(from);
        const isOpen = owner.state === 'tenant' && owner.tenant.boundary.world === 'Open';
        const world = node.repository.identity(2 as never);
        if (world === undefined) throw new Error('there is no world');
        for (const direction of ['egress', 'ingress'] as const)
          expect(allows(from, direction, [world, '198.51.100.1' as never], 443)).toBe(isOpen);
        if (isOpen) seen.world += 1;
      }
    }),
    { numRuns: 40 },
  );
  expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(0);
});
