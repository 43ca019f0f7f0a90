import { type Addr, type Mac, parseAddr, parseMac } from '../../net/index.ts';
import {
  createNetns,
  deleteNetns,
  inNetnsArgv,
  ipBatch,
  type NodePlace,
  run,
  setSysctls,
  WORLD,
  WORLD_BRIDGE,
} from '../../sandbox/index.ts';
import type { Party } from '../frames/index.ts';
import type { Seat } from '../tools/index.ts';
import { rawOnly } from './raw-only.ts';
import type { Stage } from './stage.ts';

/** Swept with everything of the sandbox (see `isSandboxNetns`). */
const NAME = 'mbr-neighbour';
const PORT = 'mbrnb0';
const MAC = parseMac('02:00:00:00:00:fa');

/** A host of somebody else on the network of the nodes, which knows the node's MAC. */
export type Neighbour = Party & {
  readonly netns: string;
  /** With nothing but CAP_NET_RAW. */
  readonly seat: Seat;
  readonly nodeMac: Mac;
};

/** Connects it to the world's bridge; it goes with the stage. `node`: which one it knows. */
export async function joinNeighbour(
  stage: Stage,
  node: NodePlace = stage.node,
  ip: Addr = parseAddr('172.18.0.250'),
): Promise<Neighbour> {
  // With its namespace goes its device, and with that the bridge's port.
  await deleteNetns(NAME);
  stage.afterwards(() => deleteNetns(NAME));
  const netns = await createNetns(NAME);
  await setSysctls(netns, { 'net/ipv6/conf/all/disable_ipv6': 1, 'net/ipv6/conf/default/disable_ipv6': 1 });
  await ipBatch(WORLD, [
    `link add ${PORT} type veth peer name eth0 address ${MAC} netns ${NAME}`,
    `link set ${PORT} master ${WORLD_BRIDGE} up`,
  ]);
  await ipBatch(NAME, [
    'link set lo up',
    `addr add ${ip}/16 dev eth0`,
    'link set eth0 up',
    `route add default via ${node.ip}`,
  ]);
  // The node has to know its MAC, or answers would wait for ARP: that would look like safety.
  await run(inNetnsArgv(netns, ['ping', '-c', '1', '-w', '5', node.ip]));
  const text = await run(await stage.sandbox.nodeCommand(node.name, ['ip', '-j', 'link', 'show', 'eth0']));
  const [link] = JSON.parse(text) as { address: string }[];
  return { ip, mac: MAC, netns, seat: rawOnly(NAME, netns), nodeMac: parseMac(link?.address ?? '') };
}
