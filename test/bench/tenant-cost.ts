import { tenantWorldKey, UNUSED_TENANT_ACCOUNT } from '../../src/datapath/index.ts';
import { shareRow } from '../../src/datapath/maps/testkit.ts';
import { TENANT_UNLIMITED } from '../../src/model/gen/numbers.ts';
import { identityId, NO_LIMITS } from '../../src/model/index.ts';
import { Prefix, parseAddr } from '../../src/net/index.ts';
import { type FloorRow, floorRow, NOT_SAID, tenantNumber, UNASSIGNED_ROW } from '../../src/tenant/index.ts';
import { tenantRow } from '../../src/tenant/testkit.ts';
import type { Family } from './row.ts';
import { frame, Scene } from './scene.ts';
import { interleaved, median, pairedRatio, summary } from './stats.ts';

const ROUNDS = 15;
const REPEAT = 100_000;
/** Of what writes maps or events. */
const FEW = 20_000;
/** New connections in a round; each has a port of its own. */
const OPENED = 500;
const FIRST_PORT = 1_024;
const PODS = [300, 301] as const;
const SCALES = [
  [1, 0],
  [100, 100],
  [1_000, 10_000],
] as const;

const rowOf = (tenant: string, connections?: number): FloorRow =>
  floorRow({ state: 'tenant', tenant: tenantRow(tenant, { limits: { ...NO_LIMITS, connections } }) }, 'Open');

function say(scene: Scene, rows: readonly FloorRow[]): void {
  for (const [index, id] of PODS.entries()) scene.datapath.tenants.set(identityId(id), rows[index] ?? NOT_SAID);
}

/** That nobody said anything of is nobody's while there is no Tenant. */
const NONE = [NOT_SAID, NOT_SAID];
const SAME = [rowOf('shop'), rowOf('shop')];
const LIMITED = [rowOf('shop', 1_000_000), rowOf('shop', 1_000_000)];

const OUTSIDE = parseAddr('198.51.100.5');
/** As many as a Tenant may have, of as many tenants. */
const CIDRS = 256;
const LISTERS = 100;
const CLOSED = rowOf('shop');
const LISTED = floorRow(
  { state: 'tenant', tenant: tenantRow('shop', { boundary: { world: 'Listed', nodes: 'ProbesOnly' } }) },
  'Open',
);

/** Everybody lists the same, but for the address itself. */
function fillWorld(scene: Scene): void {
  for (const name of ['shop', ...Array.from({ length: LISTERS }, (_, at) => `tenant-${at}`)]) {
    const tenant = tenantNumber(name);
    for (let at = 0; at < CIDRS; at += 1) {
      const prefix = Prefix.of(parseAddr(`198.51.${at}.128`), 25);
      scene.datapath.world.set(tenantWorldKey({ tenant, prefix }), 1);
    }
  }
}

/** Other tenants, each with an identity, and shares of others. */
function fill(scene: Scene, tenants: number, exports: number): void {
  for (let i = 0; i < tenants; i += 1) scene.datapath.tenants.set(identityId(1_000 + i), rowOf(`tenant-${i}`));
  for (let i = 0; i < exports; i += 1) {
    const key = { opener: identityId(2_000 + i), responder: identityId(3_000), port: 80, protocol: 6 };
    scene.datapath.shares.set(key, shareRow());
  }
}

/** What the floor and limits of tenants cost a packet, by BPF_PROG_TEST_RUN. */
export const tenantCost: Family = {
  name: 'tenants',
  rows: ['floor.established', 'floor.open', 'limit.open', 'tenant.scale', 'floor.listed'],
  run: async (report) => {
    using scene = new Scene({}, { tenant_shares: 16_384, tenant_world: 32_768 });
    await scene.open();
    scene.establish();
    scene.datapath.tenantAccounts.set(tenantNumber('shop'), {
      ...UNUSED_TENANT_ACCOUNT,
      interval: 1_000,
      eventInterval: 1_000,
      limit: [TENANT_UNLIMITED, TENANT_UNLIMITED],
    });
    const data = frame({});
    let port = FIRST_PORT;
    const open = (rows: readonly FloorRow[]) => (): number => {
      say(scene, rows);
      const costs = Array.from({ length: OPENED }, () =>
        scene.cost(frame({ flags: ['SYN'], sourcePort: port++ }), 'redirect', 1),
      );
      scene.datapath.events();
      return median(costs);
    };
    const established = (rows: readonly FloorRow[]) => (): number => {
      say(scene, rows);
      return scene.cost(data, 'redirect', REPEAT);
    };
    const results = await interleaved(ROUNDS, {
      plain: established(NONE),
      'floor.established': established(LIMITED),
      none: open(NONE),
      'floor.open': open(SAME),
      'limit.open': open(LIMITED),
    });
    const row = (name: 'floor.established' | 'floor.open' | 'limit.open', before: 'plain' | 'none', note: string) =>
      report({
        name,
        ...summary(results[name]),
        unit: 'ns',
        baseline: 'ns, without a Tenant',
        baselineValue: summary(results[before]).value,
        ratio: pairedRatio(results[name], results[before]),
        note,
      });
    row('floor.established', 'plain', 'in a tenant with limits');
    row('floor.open', 'none', 'a connection that is new, in one tenant without limits');
    row('limit.open', 'none', 'the same in a tenant with limits, of events as well');

    const denied = frame({ flags: ['SYN'], port: 81 });
    const scales: number[][] = [];
    scene.datapath.tenants.set(identityId(0), UNASSIGNED_ROW);
    say(scene, [rowOf('shop'), rowOf('billing')]);
    for (const [tenants, exports] of SCALES) {
      fill(scene, tenants, exports);
      // The first one of all warms up what the others find warm.
      scene.cost(denied, 'drop', REPEAT);
      scene.datapath.events();
      const costs = Array.from({ length: ROUNDS }, () => {
        const cost = scene.cost(denied, 'drop', FEW);
        scene.datapath.events();
        return cost;
      });
      scales.push(costs);
    }
    const [least = [], , most = []] = scales;
    report({
      name: 'tenant.scale',
      ...summary(most),
      unit: 'ns',
      baseline: 'ns, with 2 tenants and no export',
      baselineValue: summary(least).value,
      ratio: pairedRatio(most, least),
      note: 'refused between two of 1,000 tenants with 10,000 exports',
    });

    fillWorld(scene);
    const outside = frame({ flags: ['SYN'], to: OUTSIDE });
    const refused = (row: FloorRow) => (): number => {
      say(scene, [row, row]);
      const cost = scene.cost(outside, 'drop', FEW);
      scene.datapath.events();
      return cost;
    };
    const world = await interleaved(ROUNDS, { closed: refused(CLOSED), listed: refused(LISTED) });
    report({
      name: 'floor.listed',
      ...summary(world.listed),
      unit: 'ns',
      baseline: 'ns, where the world is closed',
      baselineValue: summary(world.closed).value,
      ratio: pairedRatio(world.listed, world.closed),
      note: `refused to an address that none of ${CIDRS} prefixes covers, beside ${LISTERS} tenants with as many`,
    });
  },
};
