import { expect, it } from 'vitest';
import { FakeClock } from '../base/index.ts';
import { endpointId, identityId, ifindex } from '../model/index.ts';
import { type Addr, parseAddr } from '../net/index.ts';
import { Reconciler, Table } from '../table/index.ts';
import { endpointsCodecs } from './endpoints-map.ts';
import { FakeMap } from './fake.ts';
import type { EndpointValue } from './gen/codecs.ts';
import { MAP_SPECS } from './gen/layout.ts';
import { mapOperations } from './map-operations.ts';

type Row = { readonly addr: Addr; readonly endpoint: number };

it('brings a map to what a table wants, and keeps what does not fit as an error of its row', async () => {
  const map = new FakeMap<Addr, EndpointValue>({ ...MAP_SPECS.endpoints, maxEntries: 2 }, endpointsCodecs);
  const value = (endpoint: number): EndpointValue => ({
    endpoint: endpointId(endpoint),
    ifindex: ifindex(endpoint + 10),
    cidrIdentity: identityId(0),
  });
  const [a, b, c] = [parseAddr('10.0.0.1'), parseAddr('10.0.0.2'), parseAddr('10.0.0.3')];
  const table = new Table<Addr, Row>({ name: 'owners', key: (row) => row.addr });
  table.set({ addr: a, endpoint: 1 });
  const clock = new FakeClock();
  const reconciler = new Reconciler({
    name: 'owners',
    desired: table,
    operations: mapOperations(map, {
      id: (addr) => addr,
      key: (row: Row) => row.addr,
      value: (row) => value(row.endpoint),
    }),
    clock,
  });
  // Left behind by an earlier process.
  map.set(c, value(9));
  const controller = new AbortController();
  const running = reconciler.run(controller.signal);
  await reconciler.settled();
  expect(await map.entries()).toEqual([[a, value(1)]]);

  table.set({ addr: b, endpoint: 2 });
  table.set({ addr: c, endpoint: 3 });
  await reconciler.settled();
  expect(reconciler.status(c)).toMatchObject({ state: 'error', code: 'E_DATAPATH_MAP_FULL' });
  table.delete(a);
  await reconciler.settled();
  await clock.advance(1000);
  expect(map.get(c)).toEqual(value(3));
  expect(reconciler.status(c)).toEqual({ state: 'done' });
  controller.abort();
  await running;
});
