import { identityId } from '../../../src/model/index.ts';
import { floorRow } from '../../../src/tenant/index.ts';
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

/** What the tenants of both ends forbid, whatever policies say. */
export const TENANT_CASES: readonly DropCase[] = [
  { name: 'to a pod of another tenant', reason: 'tenant-boundary', run: (scene) => sends(scene, B, SHOP, BILLING) },
  { name: 'out of a closed namespace', reason: 'tenant-closed', run: (scene) => sends(scene, B, CLOSED, CLOSED) },
  { name: 'to a pod that is not heard of', reason: 'tenant-unknown', run: (scene) => sends(scene, B, SHOP, 0n) },
  { name: 'to the world', reason: 'tenant-world', run: (scene) => sends(scene, WORLD, SHOP, SHOP) },
  { name: 'to a node', reason: 'tenant-nodes', run: (scene) => sends(scene, NODE, SHOP, SHOP) },
];
