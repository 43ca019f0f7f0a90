import { MembraneError } from '../../base/index.ts';
import { datapathErrors } from '../errors.ts';
import { type Config, encodeConfig } from '../gen/config.ts';
import { MAP_SPECS, type MapName } from '../gen/layout.ts';
import type { ObjectSpec, ProgFd } from '../kernel/index.ts';
import {
  BpfObject,
  duplicateProgram,
  ErrnoError,
  errnoName,
  kernelError,
  type LoadFailure,
  summariseLog,
} from '../kernel/index.ts';
import { type MapSet, mapIsNeeded } from '../maps/index.ts';

function isMapName(name: string): name is MapName {
  return name in MAP_SPECS;
}

/** Carries the whole log: `message` has its last lines. */
export class VerifierError extends MembraneError {
  /** Private, so that printing the error does not print thousands of lines. */
  readonly #log: string;

  constructor(base: MembraneError, log: string) {
    super(base.code, base.message, base.remedy, base.cause);
    this.#log = log;
  }

  get log(): string {
    return this.#log;
  }
}

export type LoadOptions<Name extends string> = {
  readonly spec: ObjectSpec;
  readonly maps: MapSet;
  readonly config: Config;
  /** Which of the object's programs to load. */
  readonly programs: readonly Name[];
};

/**
 * Loads programs of one object with their constants. The caller owns the descriptors.
 * Throws E_DATAPATH_OBJECT, E_DATAPATH_VERIFIER (a VerifierError), E_DATAPATH_LOAD, E_DATAPATH_PERMISSION and what
 * MapSet.get throws; then nothing stays loaded.
 */
export function loadPrograms<Name extends string>(options: LoadOptions<Name>): Record<Name, ProgFd> {
  const first = attempt(options, false);
  if (!('failure' in first)) return first.programs;
  // Once more, for the log: a buffer for it would cost every load that succeeds.
  const second = attempt(options, true);
  if ('failure' in second) throw loadError(options.spec.path, second.failure);
  return second.programs;
}

type Attempt<Name extends string> = { readonly programs: Record<Name, ProgFd> } | { readonly failure: LoadFailure };

function attempt<Name extends string>(options: LoadOptions<Name>, keepLogs: boolean): Attempt<Name> {
  const { spec, config } = options;
  using object = BpfObject.open(spec.path);
  for (const map of spec.maps) {
    // A map that is not in bpf/lib/maps.h is the object's own: libbpf makes it, and it lives as long as the program.
    if (!isMapName(map.name)) continue;
    // Only constants make code dead: an object that reads none needs all its maps.
    if (spec.configOffset !== undefined && !mapIsNeeded(map.name, config)) object.omitMap(map.name);
    else object.reuseMap(map.name, options.maps.get(map.name).number);
  }
  if (spec.configOffset !== undefined) object.patchSection('.rodata', spec.configOffset, encodeConfig(config));
  for (const program of spec.programs) {
    const wanted = options.programs.some((name) => name === program.name);
    object.setAutoload(program.name, wanted);
    if (wanted && keepLogs) object.keepLog(program.name);
  }
  const failure = object.load();
  if (failure !== undefined) return { failure };
  const entries = options.programs.map((name) => [name, duplicateProgram(object.programFd(name))] as const);
  return { programs: Object.fromEntries(entries) as Record<Name, ProgFd> };
}

function loadError(path: string, failure: LoadFailure): MembraneError {
  const cause = new ErrnoError('load', failure.errno);
  const [log] = failure.logs;
  if (log === undefined) {
    const detail = [path, ...failure.messages].join('\n');
    return kernelError('E_DATAPATH_LOAD', detail, cause);
  }
  const summary = summariseLog(log[1]);
  const omitted = summary.omitted > 0 ? `  (${summary.omitted} lines before these)\n` : '';
  const detail = `${log[0]} of ${path}: ${errnoName(failure.errno)}\n${omitted}  ${summary.lines.join('\n  ')}`;
  return new VerifierError(datapathErrors.make('E_DATAPATH_VERIFIER', { detail, cause }), log[1]);
}

export type EndpointPrograms = {
  /** For tcx ingress of the host end: what the pod sends. */
  readonly fromPod: ProgFd;
  /** For tcx egress of the host end: what the pod gets. */
  readonly toPod: ProgFd;
};

/** One endpoint's own copies, with its constants. About 2 ms; the caller owns both descriptors. */
export function loadEndpointPrograms(options: Omit<LoadOptions<string>, 'programs'>): EndpointPrograms {
  const programs = loadPrograms({ ...options, programs: ['from_pod', 'to_pod'] as const });
  return { fromPod: programs.from_pod, toPod: programs.to_pod };
}
