import { mkdir } from 'node:fs/promises';
import { run } from './command.ts';
import { createNetns, inNetnsArgv, ipBatch, netnsPath, setSysctls } from './netns.ts';
import type { NodePlace } from './node-place.ts';
import { BPF_MOUNT, WORLD } from './paths.ts';

/** The world's end of the network of nodes: their default gateway. */
export const WORLD_IP = '172.18.0.1';
/** Addresses of "somebody out there": documentation ranges (RFC 5737), so nobody real is ever meant. */
export const WORLD_ADDRESSES: readonly string[] = [
  ...Array.from({ length: 10 }, (_, i) => `198.51.100.${i + 1}`),
  ...Array.from({ length: 10 }, (_, i) => `203.0.113.${i + 1}`),
];

/** In the world: what the nodes' uplinks are plugged into. */
export const WORLD_BRIDGE = 'mbrbr0';

/**
 * The bridge's own, and so the one of every address of the world. Without it a bridge takes the lowest of its ports': whoever
 * joined or left changed it, now and then, and what nodes sent to the world went to nobody until they asked anew, for a minute.
 */
const WORLD_MAC = '02:00:00:00:00:01';

/** The world's side of a node's uplink. */
export function uplinkPort({ index }: NodePlace): string {
  return `mbrup${index}`;
}

/** `ip -batch` lines for the world namespace. */
export function worldPlan(): string[] {
  return [
    'link set lo up',
    // Without spanning tree and with no forwarding delay, a port forwards at once.
    `link add ${WORLD_BRIDGE} address ${WORLD_MAC} type bridge stp_state 0 forward_delay 0`,
    `addr add ${WORLD_IP}/16 dev ${WORLD_BRIDGE}`,
    `link set ${WORLD_BRIDGE} up`,
    ...WORLD_ADDRESSES.map((address) => `addr add ${address}/32 dev lo`),
  ];
}

/** `ip -batch` lines for the world namespace that connect one node. */
export function uplinkPlan(node: NodePlace): string[] {
  const port = uplinkPort(node);
  return [
    `link add ${port} type veth peer name eth0 netns ${node.netns}`,
    `link set ${port} master ${WORLD_BRIDGE} up`,
    `route replace ${node.podCidr} via ${node.ip} dev ${WORLD_BRIDGE}`,
  ];
}

/**
 * `ip -batch` lines for the node's namespace. Without routes to the pods of other nodes: an agent leaves those that somebody
 * else has as they are, and the node's own processes would not get through the tunnel.
 */
export function nodePlan(node: NodePlace): string[] {
  return [
    'link set lo up',
    `addr add ${node.ip}/16 dev eth0`,
    'link set eth0 up',
    `route add default via ${WORLD_IP} dev eth0`,
  ];
}

/**
 * A node forwards; it takes no routes from neighbours' router advertisements. rp_filter is off because a pod's address is a
 * /32 behind its own device and the datapath checks sources itself; route_localnet stays off (CVE-2020-8558).
 */
export const NODE_SYSCTLS = {
  'net/ipv4/ip_forward': 1,
  'net/ipv4/conf/all/rp_filter': 0,
  'net/ipv4/conf/default/rp_filter': 0,
  'net/ipv4/conf/all/route_localnet': 0,
  'net/ipv4/conf/default/route_localnet': 0,
  'net/ipv6/conf/all/accept_ra': 0,
  'net/ipv6/conf/default/accept_ra': 0,
} as const;

/** The world is somebody else's network: it only answers and does not forward between nodes' pods. */
const WORLD_SYSCTLS = { 'net/ipv6/conf/all/accept_ra': 0, 'net/ipv6/conf/default/accept_ra': 0 } as const;

/** Mounts the BPF file system where it belongs, if the machine has not done so. It stays. */
export async function mountBpf(mounts: string): Promise<void> {
  const mounted = mounts.split('\n').some((line) => line.split(' ')[1] === BPF_MOUNT && line.split(' ')[2] === 'bpf');
  if (!mounted) await run(['mount', '-t', 'bpf', '-o', 'mode=700', 'bpffs', BPF_MOUNT]);
}

/** Builds the world and the nodes. Nothing of ours may be there yet (see `sweep`). */
export async function buildTopology(nodes: readonly NodePlace[]): Promise<void> {
  await createNetns(WORLD);
  await setSysctls(netnsPath(WORLD), WORLD_SYSCTLS);
  await ipBatch(WORLD, worldPlan());
  for (const node of nodes) await addNode(node);
}

/** Connects one more with those that are there. */
export async function addNode(node: NodePlace): Promise<void> {
  await createNetns(node.netns);
  await setSysctls(node.netnsPath, NODE_SYSCTLS);
  await ipBatch(WORLD, uplinkPlan(node));
  await ipBatch(node.netns, nodePlan(node));
  await mkdir(node.dir, { recursive: true, mode: 0o700 });
}

/** Takes the way to a node away; what is in its namespace goes with that. */
export async function disconnectNode(node: NodePlace): Promise<void> {
  // With the port its peer goes, the node's uplink; the world's route names the bridge.
  await ipBatch(WORLD, [`route del ${node.podCidr}`, `link del ${uplinkPort(node)}`]);
}

/** argv that runs something as the world. */
export function worldArgv(argv: readonly string[]): string[] {
  return inNetnsArgv(netnsPath(WORLD), argv);
}
