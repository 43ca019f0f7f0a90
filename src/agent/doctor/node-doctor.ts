import { namespacedName } from '../../base/index.ts';
import type { Intent } from '../../cluster/index.ts';
import { type Config, countEntries, MAP_SPECS, type MapName, type MapSet, mapIsNeeded } from '../../datapath/index.ts';
import { isConnected } from '../../endpoint/index.ts';
import { type EndpointTable, type PolicyFollower, textOf } from '../../plane/index.ts';
import type { LintFinding } from '../../policy/index.ts';
import type { NodeDevices } from '../devices/index.ts';
import type { AgentConfig, Ports } from '../node/index.ts';
import { Doctor } from './doctor.ts';
import type { WatchedDevice } from './hook-facts.ts';
import type { MapFill } from './judge-maps.ts';
import type { OverlayFacts } from './judge-overlay.ts';

export type NodeDoctorOptions = {
  readonly config: AgentConfig;
  readonly base: Config;
  readonly devices: Pick<NodeDevices, 'guarded'>;
  readonly maps: MapSet;
  readonly endpoints: EndpointTable;
  readonly intent: Intent;
  readonly policies: Pick<PolicyFollower, 'problems'>;
  /** What asks for too much or does not fit, with the reason. */
  readonly refusedPolicies: () => ReadonlyMap<string, string>;
  readonly lint: () => readonly LintFinding[];
  readonly serviceCgroup: () => string | undefined;
  /** How what runs in the kernel differs from what should. */
  readonly datapath: () => readonly string[];
  readonly flowExport: () => { readonly problems: readonly string[]; readonly fine: string };
  readonly proof: () => { readonly problems: readonly string[]; readonly fine: string };
  readonly apiServer: URL;
  readonly mayForge: (node: string) => Promise<boolean>;
  readonly masqueradePorts: Ports | undefined;
  readonly refusedServices: () => ReadonlyMap<string, string> | undefined;
  /** Of maps that the agent keeps count of anyway; the others are walked. */
  readonly counted: () => Partial<Readonly<Record<MapName, number>>>;
};

const SMALLER = 'Name fewer peers and ports, or raise policyLimits or maps.policy: until then it closes.';
/** No node has the name, or should. */
const NOBODY = 'membrane-doctor.invalid';
const BOTH = ['ingress', 'egress'] as const;

/** The doctor of this agent's node. */
export function nodeDoctor(options: NodeDoctorOptions): Doctor {
  const { config, devices, endpoints, intent, policies, serviceCgroup, apiServer } = options;
  return new Doctor({
    pinDir: config.pinDir,
    nodeDevices: () => nodeDevices(devices, config),
    podDevices: () => podDevices(endpoints),
    pods: () => intent.pods.rows.values().toArray(),
    policies: () => [
      ...Array.from(policies.problems, ([name, why]) => ({ name, text: textOf(why) })),
      ...Array.from(options.refusedPolicies(), ([name, text]) => ({ name, text, remedy: SMALLER })),
    ],
    lint: options.lint,
    maps: () => mapFills(options),
    sockets: () => ({ enabled: config.enableServices, cgroup: serviceCgroup() }),
    datapath: options.datapath,
    proof: options.proof,
    flowExport: options.flowExport,
    refusedServices: options.refusedServices,
    masqueradePorts: options.masqueradePorts,
    apiServer: { host: hostOf(apiServer), port: portOf(apiServer) },
    mayForge: async () => await options.mayForge(NOBODY),
    overlay: () => overlayFacts(options),
  });
}

function overlayFacts({ config, intent }: NodeDoctorOptions): OverlayFacts | undefined {
  if (config.routing === 'none') return undefined;
  const names = Array.from(intent.nodes.rows.values(), ({ name }) => name);
  const port = config.routing === 'tunnel' ? config.tunnelPort : undefined;
  return { port, peers: names.filter((name) => name !== config.nodeName).toSorted() };
}

function nodeDevices({ guarded }: Pick<NodeDevices, 'guarded'>, config: AgentConfig): Map<string, WatchedDevice> {
  const hooks = config.enableServices ? BOTH : BOTH.slice(0, 1);
  return new Map(
    Array.from(guarded, ([ifindex, name]) => [name, { ifindex, label: `the node's ${name}`, isPod: false, hooks }]),
  );
}

/** Not those that are being made or taken apart. */
function podDevices(endpoints: EndpointTable): Map<string, WatchedDevice> {
  const settled = endpoints.values().filter(({ state }) => isConnected(state));
  return new Map(
    settled.map(({ record: { hostIfname, hostIfindex, pod } }) => [
      hostIfname,
      { ifindex: hostIfindex, label: `${hostIfname} (${namespacedName(pod)})`, isPod: true, hooks: BOTH },
    ]),
  );
}

async function mapFills({ maps, base, counted }: NodeDoctorOptions): Promise<MapFill[]> {
  const known = counted();
  const fills: MapFill[] = [];
  for (const name of (Object.keys(MAP_SPECS) as MapName[]).filter((one) => mapIsNeeded(one, base))) {
    const { type, maxEntries } = maps.spec(name);
    if (type !== 'hash' && type !== 'lpmTrie' && type !== 'lruHash' && type !== 'perCpuHash') continue;
    const entries = known[name] ?? (await countEntries(maps, name));
    fills.push({ name, isLru: type.startsWith('lru'), entries, maxEntries });
  }
  return fills;
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
