import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ServiceMaps } from '../../datapath/index.ts';
import { fakeServiceMaps } from '../../datapath/maps/testkit.ts';
import type { ObjectRow, ServiceSpec, SliceSpec } from '../../model/index.ts';
import { sampleEndpoint, sampleName, sampleService, sampleSlice } from '../../service/samples.ts';
import type { Table } from '../../table/index.ts';
import { served, serviceNode } from './testkit.ts';

const NAMES = ['a', 'b', 'c'] as const;

const serviceArb = fc.record({
  name: fc.constantFrom(...NAMES),
  clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2', 'None'),
  externalIP: fc.constantFrom('192.0.2.1', '10.96.0.1', '8.8.8.8'),
  type: fc.constantFrom('ClusterIP', 'NodePort', 'ExternalName'),
  nodePort: fc.constantFrom(30_000, 30_001),
  local: fc.boolean(),
});
const sliceArb = fc.record({
  name: fc.constantFrom('s1', 's2', 's3'),
  service: fc.constantFrom(...NAMES, ''),
  endpoints: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
  terminating: fc.boolean(),
});
const event = fc.oneof(
  fc.record({ put: serviceArb }),
  fc.record({ putSlice: sliceArb }),
  fc.record({ drop: fc.constantFrom(...NAMES) }),
  fc.record({ dropSlice: fc.constantFrom('s1', 's2', 's3') }),
  fc.constant({ pass: true }),
);

type ServiceInput = typeof serviceArb extends fc.Arbitrary<infer T> ? T : never;
type SliceInput = typeof sliceArb extends fc.Arbitrary<infer T> ? T : never;

const serviceRow = ({ name, clusterIP, externalIP, type, nodePort, local }: ServiceInput): ServiceSpec =>
  sampleService({
    uid: name,
    namespace: 'n',
    name,
    type,
    clusterIPs: [clusterIP],
    externalIPs: [externalIP],
    ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: type === 'NodePort' ? nodePort : 0 }],
    externalTrafficPolicy: local ? 'Local' : 'Cluster',
  });

const sliceRow = ({ name, service, endpoints, terminating }: SliceInput): SliceSpec => {
  const nodeName = (last: number): string => (last % 2 === 0 ? 'node-1' : 'node-2');
  const rows = endpoints.map((last) =>
    sampleEndpoint(`10.244.1.${last}`, { ready: !terminating, terminating, nodeName: nodeName(last) }),
  );
  return sampleSlice(rows, { uid: name, namespace: 'n', name, service });
};

const on = async (maps: ServiceMaps) => await serviceNode(maps, { addressRanges: ['192.0.2.0/24', '10.96.0.0/16'] });

const put = <T extends ObjectRow>(table: Table<T>, row: T): void =>
  table.apply({ upserts: [row], deletes: [], synced: true });
function drop<T extends ObjectRow>(table: Table<T>, key: string): void {
  const row = table.get(key);
  if (row !== undefined) table.apply({ upserts: [], deletes: [row], synced: true });
}

describe('ServiceFollower', () => {
  it('arrives step by step where a look at everything at once would', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        const maps = fakeServiceMaps();
        const { intent, follower, installer } = await on(maps);
        let time = 0;
        for (const one of events) {
          time += 100;
          if ('put' in one) put(intent.services, serviceRow(one.put));
          else if ('putSlice' in one) put(intent.slices, sliceRow(one.putSlice));
          else if ('drop' in one) drop(intent.services, `n/${one.drop}`);
          else if ('dropSlice' in one) drop(intent.slices, `n/${one.dropSlice}`);
          else {
            await installer.install(await follower.follow(), time);
            await installer.sweep(time);
          }
        }
        await installer.install(await follower.follow(), time);
        await installer.sweep(time + 1_000);

        const fresh = fakeServiceMaps();
        const other = await on(fresh);
        for (const row of intent.services.rows.values()) put(other.intent.services, row);
        for (const row of intent.slices.rows.values()) put(other.intent.slices, row);
        await other.installer.install(await other.follower.follow(), 0);

        expect(await served(maps)).toEqual(await served(fresh));
        for (const name of NAMES) {
          const key = sampleName(`n/${name}`);
          expect(follower.problemsOf(key)).toEqual(other.follower.problemsOf(key));
          expect(follower.frontendsOf(key)).toEqual(other.follower.frontendsOf(key));
        }
        expect((await maps.slots.entries()).length).toBe((await fresh.slots.entries()).length);
      }),
      { numRuns: 200 },
    );
  });
});
