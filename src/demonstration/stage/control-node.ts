import { type Addr, type Mac, parseAddr, parseMac } from '../../net/index.ts';
import {
  attempt,
  createNetns,
  deleteNetns,
  inNetnsArgv,
  ipBatch,
  netnsPath,
  run,
  setSysctls,
} from '../../sandbox/index.ts';
import { attackErrors } from '../errors.ts';
import { BOTH, type Seat } from '../tools/index.ts';
import { kubeletRules, kubeProxyRules } from './kube-proxy-rules.ts';
import { rawOnly } from './raw-only.ts';
import type { Stage } from './stage.ts';

/** Swept with everything of the sandbox (see `isSandboxNetns`). */
const NODE = 'mbr-control-node';
const POD = 'mbr-control-pod';
const NEIGHBOUR = 'mbr-control-neighbour';

const NODE_IP = parseAddr('172.19.0.2');
const NEIGHBOUR_IP = parseAddr('172.19.0.1');
const POD_GATEWAY = parseAddr('10.245.1.1');
const POD_IP = parseAddr('10.245.1.2');
const POD_CIDR = '10.245.1.0/24';
const CLUSTER_IP = parseAddr('10.97.0.10');
export const CONTROL_NODE_PORT = 30_080;
export const CONTROL_BACKEND_PORT = 8080;

/** Somebody next to the node on a wire, and which of the node's MACs he sees. */
export type Outsider = {
  readonly name: 'pod' | 'neighbour';
  readonly netns: string;
  readonly ip: Addr;
  /** With nothing but CAP_NET_RAW. */
  readonly seat: Seat;
  readonly device: string;
  readonly nodeMac: Mac;
};

/** `ip -batch` lines: the node's side of both wires, as a point-to-point CNI plugin and a cable make them. */
function plan(): { node: string[]; pod: string[]; neighbour: string[] } {
  return {
    node: [
      'link set lo up',
      `link add eth0 type veth peer name eth0 netns ${NEIGHBOUR}`,
      `link add mbrpod0 type veth peer name eth0 netns ${POD}`,
      `addr add ${NODE_IP}/16 dev eth0`,
      `addr add ${POD_GATEWAY}/24 dev mbrpod0`,
      'link set eth0 up',
      'link set mbrpod0 up',
      `route add default via ${NEIGHBOUR_IP}`,
    ],
    pod: [
      'link set lo up',
      `addr add ${POD_IP}/24 dev eth0`,
      'link set eth0 up',
      `route add default via ${POD_GATEWAY}`,
    ],
    neighbour: ['link set lo up', `addr add ${NEIGHBOUR_IP}/16 dev eth0`, 'link set eth0 up'],
  };
}

/**
 * The kernel's own defaults: a namespace starts with what this machine has set. (With rp_filter on, packets from 127.0.0.2
 * would not arrive; all others would.) IPv6 would only add noise.
 */
const SYSCTLS = {
  'net/ipv4/conf/all/rp_filter': 0,
  'net/ipv4/conf/default/rp_filter': 0,
  'net/ipv4/conf/all/route_localnet': 0,
  'net/ipv4/conf/default/route_localnet': 0,
  'net/ipv6/conf/all/disable_ipv6': 1,
  'net/ipv6/conf/default/disable_ipv6': 1,
} as const;

async function macOf(netns: string, device: string): Promise<Mac> {
  const text = await run(inNetnsArgv(netnsPath(netns), ['ip', '-j', 'link', 'show', device]));
  const [link] = JSON.parse(text) as { address: string }[];
  return parseMac(link?.address ?? '');
}

/**
 * A node as kube-proxy runs it in mode iptables, without kubelet's rule for 127/8, a pod and a neighbour; nothing of it is
 * Membrane's. It is a measure for what the attacks are worth, and goes with the stage.
 */
export class ControlNode {
  readonly netns = netnsPath(NODE);
  readonly podNetns = netnsPath(POD);
  readonly ip = NODE_IP;
  readonly outsiders: readonly Outsider[];

  private constructor(outsiders: readonly Outsider[]) {
    this.outsiders = outsiders;
  }

  static async build(stage: Stage): Promise<ControlNode> {
    const all = [NODE, POD, NEIGHBOUR];
    // What a demonstration that was killed has left.
    await Promise.all(all.map(deleteNetns));
    stage.afterwards(() => Promise.all(all.map(deleteNetns)));
    for (const name of all) await createNetns(name);
    await Promise.all(all.map((name) => setSysctls(netnsPath(name), SYSCTLS)));
    const { node, pod, neighbour } = plan();
    await ipBatch(NODE, node);
    await Promise.all([ipBatch(POD, pod), ipBatch(NEIGHBOUR, neighbour)]);
    await setSysctls(netnsPath(NODE), { 'net/ipv4/ip_forward': 1 });
    const services = BOTH.map((protocol) => ({
      protocol,
      clusterIp: CLUSTER_IP,
      port: 80,
      nodePort: CONTROL_NODE_PORT,
      backend: { ip: POD_IP, port: CONTROL_BACKEND_PORT },
    }));
    await restore(kubeProxyRules(POD_CIDR, services));
    const outsiders = await Promise.all(
      (
        [
          ['pod', POD, POD_IP, 'mbrpod0'],
          ['neighbour', NEIGHBOUR, NEIGHBOUR_IP, 'eth0'],
        ] as const
      ).map(async ([name, netns, ip, nodeDevice]) => ({
        name,
        netns: netnsPath(netns),
        ip,
        seat: rawOnly(netns, netnsPath(netns)),
        device: 'eth0',
        nodeMac: await macOf(NODE, nodeDevice),
      })),
    );
    return new ControlNode(outsiders);
  }

  /** As kube-proxy sets it: for all interfaces at once. */
  async routeLocalnet(on: boolean): Promise<void> {
    await setSysctls(this.netns, { 'net/ipv4/conf/all/route_localnet': on ? 1 : 0 });
  }

  async addKubeletRule(): Promise<void> {
    await restore(kubeletRules(), ['--noflush']);
  }

  /** The node must know the outsider's MAC, or its answers wait for an ARP that never comes: that would look like safety. */
  async warm(outsider: Outsider): Promise<void> {
    const to = outsider.name === 'pod' ? POD_GATEWAY : NODE_IP;
    const result = await attempt(inNetnsArgv(outsider.netns, ['ping', '-c', '1', '-w', '5', to]));
    if (result.code === 0) return;
    throw attackErrors.make('E_ATTACK_STAGE', { detail: `the control node does not answer ${outsider.name}'s ping` });
  }
}

async function restore(rules: string, options: readonly string[] = []): Promise<void> {
  await run(inNetnsArgv(netnsPath(NODE), ['iptables-restore', ...options]), { input: rules });
}
