import type { FootprintView } from '../../api/index.ts';
import {
  CONFIG_DOCS,
  type Config,
  footprint,
  loadPrograms,
  MAP_SPECS,
  type MapName,
  MapSet,
  type MapSizes,
  mapIsNeeded,
  type ObjectSpec,
  type ProgFd,
  SOCK_HOOKS,
  SWITCHES,
  type Switch,
} from '../../datapath/index.ts';

/** xdp.bpf.o where node ports are accelerated, else undefined. */
export type FootprintSpecs = Readonly<Record<'endpoint' | 'judge' | 'host' | 'sock', ObjectSpec>> & {
  readonly xdp: ObjectSpec | undefined;
};

/** Not those of the node: loading to measure must leave nothing behind. */
const SMALL: MapSizes = {
  endpoints: 16,
  ipcache: 16,
  policy: 16,
  policy_peers: 16,
  policy_revisions: 16,
  conntrack: 64,
  snat: 64,
  fragments: 64,
  drops: 64,
  event_accounts: 32,
  netns_endpoints: 16,
  services: 16,
  service_slots: 16,
  backends: 16,
  affinity: 64,
  affinity_usage: 64,
  sock_origins: 64,
  sock_accounts: 16,
  translations: 64,
  events: 4096,
};

type Program = FootprintView['programs'][number];

const PLACES: Readonly<Record<string, string>> = {
  from_pod: "tcx/ingress of every pod's device",
  to_pod: "tcx/egress of every pod's device",
  judge_from_pod: 'tail call, new connections of pods',
  judge_to_pod: 'tail call, new connections to pods',
  from_netdev: "tcx/ingress of the node's devices",
  to_netdev: "tcx/egress of the node's devices",
  forward_xdp: "XDP at the drivers of the node's devices",
};
const SOCKETS = 'the cgroup of pods and of processes of the node';

function measure(specs: FootprintSpecs, config: Config): Program[] {
  using maps = new MapSet({ pinDir: undefined, sizes: SMALL });
  const services = config.enableServices;
  const loaded: ProgFd[] = [
    ...Object.values(loadPrograms({ spec: specs.endpoint, maps, config, programs: ['from_pod', 'to_pod'] as const })),
    ...Object.values(
      loadPrograms({ spec: specs.judge, maps, config, programs: ['judge_from_pod', 'judge_to_pod'] as const }),
    ),
    ...Object.values(
      loadPrograms({ spec: specs.host, maps, config, programs: ['from_netdev', ...(services ? ['to_netdev'] : [])] }),
    ),
    ...(services ? Object.values(loadPrograms({ spec: specs.sock, maps, config, programs: SOCK_HOOKS })) : []),
    ...(services && specs.xdp !== undefined
      ? Object.values(loadPrograms({ spec: specs.xdp, maps, config, programs: ['forward_xdp'] }))
      : []),
  ];
  try {
    return footprint(loaded).programs.map(({ name, instructions, bytes }) => ({
      name,
      attachedTo: PLACES[name] ?? SOCKETS,
      kernelId: 0,
      instructions,
      jitedBytes: bytes,
    }));
  } finally {
    for (const program of loaded) program.close();
  }
}

const total = (programs: readonly Program[]): number =>
  programs.reduce((sum, { instructions }) => sum + instructions, 0);

function withFeatures(base: Config, enabled: (feature: Switch) => boolean): Config {
  return { ...base, ...Object.fromEntries(SWITCHES.map((feature) => [feature, enabled(feature)])) };
}

/**
 * Loads the programs with everything off, with everything on, as configured, and with everything but one feature: what
 * each costs is what the verifier did not have to remove. Some 100 ms; nothing stays loaded.
 */
export function measureFootprint(
  specs: FootprintSpecs,
  base: Config,
  maps: MapSet,
  entries: Readonly<Record<string, number>>,
): FootprintView {
  // IPv6 is not there yet: a flag without code behind it is in no sum.
  const everything = withFeatures(base, (feature) => feature !== 'enableIpv6');
  const full = measure(specs, everything);
  const minimal = measure(
    specs,
    withFeatures(base, () => false),
  );
  const named = (programs: Program[], variant: string): Program[] =>
    programs.map((program) => ({ ...program, name: `${program.name} (${variant})` }));
  return {
    programs: [...measure(specs, base), ...named(minimal, 'minimal'), ...named(full, 'full')],
    maps: (Object.keys(MAP_SPECS) as MapName[])
      .filter((name) => mapIsNeeded(name, base))
      .map((name) => {
        const { type, maxEntries, keySize, valueSize } = maps.spec(name);
        const memoryBytes = type === 'ringBuffer' ? maxEntries : maxEntries * (keySize + valueSize);
        return {
          name,
          type,
          maxEntries,
          ...(entries[name] === undefined ? {} : { entries: entries[name] }),
          memoryBytes,
        };
      }),
    features: SWITCHES.map((feature) => ({
      name: feature,
      enabled: base[feature],
      description: CONFIG_DOCS[feature],
      ...(feature === 'enableIpv6'
        ? {}
        : { instructions: total(full) - total(measure(specs, { ...everything, [feature]: false })) }),
    })),
  };
}
