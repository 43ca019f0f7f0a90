import type { LinkFd } from '../../../src/datapath/kernel/fd.ts';
import { linkDetach, TCX_EGRESS, TCX_INGRESS, tcxLinkCreate } from '../../../src/datapath/kernel/syscall.ts';
import { OUTSIDE_WORDS } from '../../../src/datapath/maps/outside.ts';
import { Netdev } from '../../../src/datapath/netlink/netdev.ts';
import { TestDatapath } from '../../../src/datapath/testkit.ts';
import { endpointId, identityId, ruleId } from '../../../src/model/index.ts';
import { type PolicyTableRow } from '../../../src/model/testkit.ts';
import { type Addr, macOfAddr, PROTOCOL_NUMBERS, parseAddr, parseMac } from '../../../src/net/index.ts';
import { netnsPath } from '../../../src/sandbox/machine/netns.ts';
import { bystanders, DEFAULTS } from '../scene.ts';
import type { Path } from './load.ts';
import { Namespaces } from './paths.ts';

const GATEWAY = parseAddr('169.254.1.1');
const GATEWAY_MAC = parseMac('0a:58:a9:fe:01:01');
const IDENTITY = { client: 300, server: 301 } as const;
const MTU = 1500;
/** How often the agent looks at the ring. */
const DRAIN_MS = 50;

/**
 * Two pods as the agent connects them: the datapath with everything that is on by default, the server open to the
 * client's identity alone, flow events read as they come. `rows`: how many more each policy table has.
 */
export async function membranePath(name: string, rows = 0): Promise<Path> {
  const namespaces = new Namespaces(name);
  const links: LinkFd[] = [];
  const devices: string[] = [];
  const netdev = Netdev.open();
  const datapath = new TestDatapath({
    sizes: { policy: 262_144, conntrack: 262_144, events: 1 << 22, snat: 65_536, fragments: 8192 },
  });
  const timer = setInterval(() => datapath.events(), DRAIN_MS);
  const close = async (): Promise<void> => {
    clearInterval(timer);
    for (const link of links.splice(0)) {
      await linkDetach(link);
      link.close();
    }
    for (const device of devices.splice(0)) await netdev.deleteLink(device);
    netdev.close();
    datapath.close();
    await namespaces.close();
  };

  const connect = async (id: number, netns: string, addr: Addr): Promise<void> => {
    const device = `mbrb${name.slice(0, 6)}${id}`;
    const mac = macOfAddr(addr);
    await netdev.deleteLink(device);
    const spec = { name: device, mac: GATEWAY_MAC, peerName: 'eth0', peerMac: mac, mtu: MTU };
    const { ifindex } = await netdev.createVeth(spec, netnsPath(netns));
    devices.push(device);
    const config = { ...DEFAULTS, endpoint: endpointId(id), ifindex, ipv4: addr, mac, gatewayMac: GATEWAY_MAC };
    const { fromPod, toPod } = datapath.loadEndpoint({ ...config, gatewayIpv4: GATEWAY });
    links.push(await tcxLinkCreate(fromPod, ifindex, TCX_INGRESS), await tcxLinkCreate(toPod, ifindex, TCX_EGRESS));
    await netdev.setUp(ifindex);
    await netdev.configurePod({
      netns: netnsPath(netns),
      device: 'eth0',
      addr,
      gateway: GATEWAY,
      gatewayMac: GATEWAY_MAC,
    });
  };

  try {
    const [client, server] = [await namespaces.add('c'), await namespaces.add('s')];
    const [clientAddr, serverAddr] = [parseAddr('10.255.251.1'), parseAddr('10.255.251.2')];
    await connect(1, client, clientAddr);
    await connect(2, server, serverAddr);
    datapath.turnOutside(OUTSIDE_WORDS, 1);
    await datapath.open(1, IDENTITY.client, 2, [row('egress', 0, 0), ...bystanders(rows)]);
    await datapath.open(2, IDENTITY.server, 3, [
      row('ingress', IDENTITY.client, PROTOCOL_NUMBERS.TCP),
      ...bystanders(rows),
    ]);
    return { client, server, serverAddr, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function row(direction: 'ingress' | 'egress', peer: number, protocol: number): PolicyTableRow {
  const value = { verdict: 'allow', precedence: 1, rule: ruleId(1) } as const;
  return { ...value, direction, peer: identityId(peer), protocol, port: 0, portBits: 0 };
}
