import type { TenantAccount } from '../../../src/datapath/gen/codecs.ts';
import { UNUSED_TENANT_ACCOUNT } from '../../../src/datapath/index.ts';
import { TENANT_UNLIMITED } from '../../../src/model/gen/numbers.ts';
import { identityId, NO_LIMITS } from '../../../src/model/index.ts';
import { parseAddr } from '../../../src/net/index.ts';
import { floorRow, tenantNumber } from '../../../src/tenant/index.ts';
import { tenantRow } from '../../../src/tenant/testkit.ts';
import { fromPod, tcp } from '../frames.ts';
import { NODE, WORLD } from '../lab.ts';
import { B, type DropCase, type Scene } from './case.ts';

const SYN = tcp(40_000, 8080, 'SYN');
const SHOP = floorRow({ state: 'tenant', tenant: tenantRow('shop') }, 'Open');
const BILLING = floorRow({ state: 'tenant', tenant: tenantRow('billing') }, 'Open');
const CLOSED = floorRow({ state: 'closed', tenants: [], why: '' }, 'Open');

/** Whose the identities of both pods are; 0: nobody has said it. */
function say({ lab, a, b }: Scene, ofA: bigint, ofB: bigint): void {
  const rows = [
    [0, 0n],
    [a.identity, ofA],
    [b.identity, ofB],
  ] as const;
  for (const [id, row] of rows) lab.datapath.tenants.set(identityId(id), row);
}

function sends(scene: Scene, to: typeof B, ofA: bigint, ofB: bigint) {
  say(scene, ofA, ofB);
  return scene.lab.send(scene.a, fromPod(scene.a, to, SYN));
}

/** A tenant that has an account, with nothing in it. */
function limited(scene: Scene, to: typeof B, account: Partial<TenantAccount>) {
  const none = { ...UNUSED_TENANT_ACCOUNT, interval: 0, eventInterval: 0 } as const;
  const limits = { ...NO_LIMITS, connections: 1 };
  const tenant = tenantRow('shop', { limits, boundary: { world: 'Open', nodes: 'Open' } });
  const full: TenantAccount = { ...none, limit: [TENANT_UNLIMITED, TENANT_UNLIMITED], ...account };
  scene.lab.datapath.tenantAccounts.set(tenantNumber('shop'), full);
  const row = floorRow({ state: 'tenant', tenant }, 'Open');
  return sends(scene, to, row, row);
}

/** What the tenants of both ends forbid, whatever policies say. */
export const TENANT_CASES: readonly DropCase[] = [
  { name: 'to a pod of another tenant', reason: 'tenant-boundary', run: (scene) => sends(scene, B, SHOP, BILLING) },
  { name: 'out of a closed namespace', reason: 'tenant-closed', run: (scene) => sends(scene, B, CLOSED, CLOSED) },
  { name: 'to a pod that is not heard of', reason: 'tenant-unknown', run: (scene) => sends(scene, B, SHOP, 0n) },
  { name: 'to the world', reason: 'tenant-world', run: (scene) => sends(scene, WORLD, SHOP, SHOP) },
  {
    name: 'to where clouds give out credentials',
    reason: 'tenant-metadata',
    run: (scene) => sends(scene, parseAddr('169.254.169.254'), SHOP, SHOP),
  },
  { name: 'to a node', reason: 'tenant-nodes', run: (scene) => sends(scene, NODE, SHOP, SHOP) },
  {
    name: 'beyond the connections of its tenant',
    reason: 'tenant-connections',
    run: (scene) => limited(scene, B, { limit: [0, TENANT_UNLIMITED] }),
  },
  {
    name: 'faster than its tenant may open',
    reason: 'tenant-rate',
    run: (scene) => limited(scene, B, { interval: 1_000, turn: Number.MAX_SAFE_INTEGER }),
  },
  {
    name: 'to the world, beyond the ports of its tenant',
    reason: 'tenant-nat-ports',
    run: (scene) => limited(scene, WORLD, { limit: [TENANT_UNLIMITED, 0] }),
  },
];
