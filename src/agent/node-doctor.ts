import { type Config, countEntries, MAP_SPECS, type MapName, type MapSet, mapIsNeeded } from '../datapath/index.ts';
import type { AgentConfig } from './config.ts';
import { Doctor, type MapFill, type WatchedDevice } from './doctor/index.ts';
import type { EndpointTable } from './endpoint-table.ts';
import type { Intent } from './intent.ts';
import type { Uplink } from './node-facts.ts';

export type NodeDoctorOptions = {
  readonly config: AgentConfig;
  readonly base: Config;
  readonly uplink: Uplink;
  readonly maps: MapSet;
  readonly endpoints: EndpointTable;
  readonly intent: Intent;
  readonly serviceCgroup: string | undefined;
  readonly apiServer: URL;
  /** Of maps that the agent keeps count of anyway; the others are walked. */
  readonly counted: () => Partial<Readonly<Record<MapName, number>>>;
};

/** The doctor of this agent's node. */
export function nodeDoctor(options: NodeDoctorOptions): Doctor {
  const { config, uplink, endpoints, intent, serviceCgroup, apiServer } = options;
  return new Doctor({
    pinDir: config.pinDir,
    uplink: {
      name: uplink.name,
      device: { ifindex: uplink.ifindex, label: `the uplink ${uplink.name}`, isPod: false },
    },
    podDevices: () => podDevices(endpoints),
    pods: () =>
      intent.pods.rows
        .values()
        .filter(({ nodeName }) => nodeName === config.nodeName)
        .toArray(),
    maps: () => mapFills(options),
    sockets: { enabled: config.enableServices, cgroup: serviceCgroup },
    apiServer: { host: hostOf(apiServer), port: portOf(apiServer) },
  });
}

/** Not those that are being made or taken apart. */
function podDevices(endpoints: EndpointTable): Map<string, WatchedDevice> {
  const settled = endpoints.values().filter(({ state }) => state !== 'creating' && state !== 'disconnecting');
  return new Map(
    settled.map(({ record: { hostIfname, hostIfindex, pod } }) => [
      hostIfname,
      { ifindex: hostIfindex, label: `${hostIfname} (${pod.namespace}/${pod.name})`, isPod: true },
    ]),
  );
}

async function mapFills({ maps, base, counted }: NodeDoctorOptions): Promise<MapFill[]> {
  const known = counted();
  const fills: MapFill[] = [];
  for (const name of (Object.keys(MAP_SPECS) as MapName[]).filter((one) => mapIsNeeded(one, base))) {
    const { type, maxEntries } = maps.spec(name);
    if (type !== 'hash' && type !== 'lpmTrie' && type !== 'lruHash' && type !== 'lruPerCpuHash') continue;
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
