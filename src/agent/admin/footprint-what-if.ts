import { setImmediate } from 'node:timers/promises';
import type { FootprintView } from '../../api/index.ts';
import {
  CONFIG_DOCS,
  type Config,
  footprint,
  JUDGE_PROGRAMS,
  loadPrograms,
  MapSet,
  type ObjectSpec,
  type ProgFd,
  SCRATCH_SIZES,
  SOCK_HOOKS,
  SWITCHES,
  type Switch,
} from '../../datapath/index.ts';

/** xdp.bpf.o where node ports are accelerated, else undefined. */
export type FootprintSpecs = Readonly<Record<'endpoint' | 'judge' | 'host' | 'overlay' | 'sock', ObjectSpec>> & {
  readonly xdp: ObjectSpec | undefined;
};

type Copy = FootprintView['whatIf'][number]['programs'][number];

function measure(specs: FootprintSpecs, config: Config): Copy[] {
  using maps = new MapSet({ pinDir: undefined, sizes: SCRATCH_SIZES });
  const services = config.enableServices;
  const loaded: ProgFd[] = [
    ...Object.values(loadPrograms({ spec: specs.endpoint, maps, config, programs: ['from_pod', 'to_pod'] as const })),
    ...Object.values(loadPrograms({ spec: specs.judge, maps, config, programs: JUDGE_PROGRAMS })),
    ...Object.values(
      loadPrograms({ spec: specs.host, maps, config, programs: ['from_netdev', ...(services ? ['to_netdev'] : [])] }),
    ),
    ...(config.enableOverlay
      ? Object.values(loadPrograms({ spec: specs.overlay, maps, config, programs: ['from_overlay', 'to_overlay'] }))
      : []),
    ...(services ? Object.values(loadPrograms({ spec: specs.sock, maps, config, programs: SOCK_HOOKS })) : []),
    ...(services && specs.xdp !== undefined
      ? Object.values(loadPrograms({ spec: specs.xdp, maps, config, programs: ['forward_xdp'] }))
      : []),
  ];
  try {
    return footprint(loaded).programs.map(({ name, instructions, bytes }) => ({
      name,
      instructions,
      jitedBytes: bytes,
    }));
  } finally {
    for (const program of loaded) program.close();
  }
}

const total = (programs: readonly Copy[]): number => programs.reduce((sum, { instructions }) => sum + instructions, 0);

function withFeatures(base: Config, enabled: (feature: Switch) => boolean): Config {
  return { ...base, ...Object.fromEntries(SWITCHES.map((feature) => [feature, enabled(feature)])) };
}

/**
 * Loads copies of the programs, one of each, with everything off, with everything on, and with everything but one
 * feature: what each costs is what the verifier did not have to remove. Some seconds, between the pieces of which others
 * have their turns; nothing stays loaded.
 */
export async function measureWhatIf(
  specs: FootprintSpecs,
  base: Config,
): Promise<Pick<FootprintView, 'whatIf' | 'features'>> {
  // IPv6 is not there yet: a flag without code behind it is in no sum.
  const everything = withFeatures(base, (feature) => feature !== 'enableIpv6');
  const nothing = withFeatures(base, () => false);
  const measured = async (config: Config): Promise<Copy[]> => {
    await setImmediate();
    return measure(specs, config);
  };
  const full = await measured(everything);
  const features: FootprintView['features'] = [];
  for (const feature of SWITCHES) {
    const without = feature === 'enableIpv6' ? undefined : total(await measured({ ...everything, [feature]: false }));
    features.push({
      name: feature,
      enabled: base[feature],
      description: CONFIG_DOCS[feature],
      ...(without === undefined ? {} : { instructions: total(full) - without }),
    });
  }
  return {
    whatIf: [
      { features: 'none', programs: await measured(nothing) },
      { features: 'all', programs: full },
    ],
    features,
  };
}
