import { join } from 'node:path';
import { HOME } from '../../base/home.ts';
import type { Logger } from '../../base/index.ts';
import {
  BPFFS,
  type Config,
  ensureBpffs,
  Generation,
  KernelEndpointWords,
  KernelTenantRows,
  LinkList,
  type MapSet,
  Netdev,
  NetworkNews,
  type ObjectSpec,
  RunningPrograms,
  readObjectSpec,
  requireFeatures,
} from '../../datapath/index.ts';
import { ifindex } from '../../model/index.ts';
import type { AgentConfig } from './config.ts';
import { type Ports, reserveMasqueradePorts, UNRESERVED_PORTS } from './masquerade-ports.ts';
import { NodeAddresses } from './node-addresses.ts';
import { mapSizes, nodeConfig } from './node-config.ts';
import { findUplink, type Uplink } from './node-facts.ts';
import { openOverlayDevice } from './overlay-device.ts';
import { hasProxy, proxyFacts } from './proxy-facts.ts';

const PROGRAMS = ['endpoint', 'judge', 'host', 'overlay', 'sock', 'xdp', 'sockets', 'conntrack'] as const;
type ProgramFile = (typeof PROGRAMS)[number];

/** This node's kernel: its devices, its maps, and the programs that are for it. */
export type Kernel = {
  readonly netdev: Netdev;
  readonly links: LinkList;
  readonly addresses: NodeAddresses;
  readonly uplink: Uplink;
  /** Undefined: nobody is masqueraded. */
  readonly masqueradePorts: Ports | undefined;
  /** What is the same for every program of the node. */
  readonly base: Config;
  readonly specs: Readonly<Record<ProgramFile, ObjectSpec>>;
  readonly generation: Generation;
  readonly maps: MapSet;
  readonly words: KernelEndpointWords;
  readonly tenants: KernelTenantRows;
  readonly running: RunningPrograms;
  /** False: programs of an earlier life go on with its maps until the new ones hold what the API says. */
  readonly mayReplace: () => boolean;
  /** Lets go of what is open; what is pinned goes on. */
  readonly close: () => void;
};

/** Opens the maps that are there, or makes them; attaches nothing. */
export async function openKernel(config: AgentConfig, log: Logger): Promise<Kernel> {
  const pinRoot = config.pinDir.startsWith(`${BPFFS}/`) ? BPFFS : config.pinDir;
  ensureBpffs(pinRoot);
  requireFeatures(pinRoot);
  const netdev = Netdev.open();
  // One each: who has heard of a change has heard of it.
  const news = { links: NetworkNews.open(), addresses: NetworkNews.open() };
  const uplink = await findUplink(netdev, config.uplink);
  const masquerades = config.enableMasquerade || config.enableServices;
  const masqueradePorts = masquerades ? reserveMasqueradePorts(log) : undefined;
  const overlay = await openOverlayDevice(config, uplink);
  const base = nodeConfig(config, {
    uplink,
    ports: masqueradePorts ?? UNRESERVED_PORTS,
    overlay: overlay?.ifindex ?? ifindex(0),
    // A packet filter that cannot be read is doctor's to tell of.
    besideProxy: await proxyFacts().then(hasProxy, () => false),
  });
  const generation = await Generation.open({ pinDir: config.pinDir, sizes: mapSizes(config.maps), config: base });
  const { maps } = generation;
  const words = KernelEndpointWords.of(maps.get('endpoint_words'));
  const tenants = KernelTenantRows.of(maps.get('tenants'));
  const specs = readSpecs();
  const running = new RunningPrograms({ maps, base });
  // All are loaded once before any is attached: what the kernel refuses must cost nobody anything.
  for (const spec of attachable(specs, config)) running.learn(spec);
  return {
    netdev,
    links: new LinkList(netdev, news.links),
    addresses: new NodeAddresses(news.addresses),
    uplink,
    masqueradePorts,
    base,
    specs,
    generation,
    maps,
    words,
    tenants,
    running,
    mayReplace: () => generation.isComplete,
    close() {
      running.discard();
      for (const open of [words, tenants, netdev, news.links, news.addresses, generation]) open.close();
    },
  };
}

function readSpecs(): Kernel['specs'] {
  const read = (name: ProgramFile) => [name, readObjectSpec(join(HOME, `build/${name}.bpf.o`))] as const;
  return Object.fromEntries(PROGRAMS.map(read)) as Kernel['specs'];
}

function attachable({ endpoint, judge, host, overlay, sock, xdp }: Kernel['specs'], config: AgentConfig): ObjectSpec[] {
  const accelerates = config.enableServices && config.nodePortAcceleration !== 'disabled';
  const others = config.routing === 'tunnel' ? [overlay] : [];
  return [endpoint, judge, host, ...others, ...(config.enableServices ? [sock] : []), ...(accelerates ? [xdp] : [])];
}
