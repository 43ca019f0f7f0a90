import type { DropReason } from '../../model/gen/enums.ts';
import { type Addr, addrFromBytes } from '../../net/index.ts';
import type { AffinityKey, AffinityValue } from '../gen/codecs.ts';
import type { Config } from '../gen/config.ts';
import { MAP_SPECS, type MapName } from '../gen/layout.ts';
import { kernelError, mapById, mapInfo, type ObjectSpec, type ProgFd, progTestRun } from '../kernel/index.ts';
import {
  affinityMap,
  EventRing,
  MapSet,
  mapIsNeeded,
  mapKind,
  SCRATCH_SIZES,
  tenantAccountsMap,
  UNUSED_TENANT_ACCOUNT,
} from '../maps/index.ts';
import { installJudges, JUDGE_PROGRAMS } from './judges.ts';
import { loadEndpointPrograms, loadPrograms } from './loader.ts';

/**
 * What the agent writes is what a verdict about a new connection is taken from; all else is the trial's own, so that it leaves no
 * trace. So is what tenants have used, which stands in one row with what they may have.
 */
function isAsked(name: MapName): boolean {
  return mapKind(name) === 'desired' && name !== 'tenant_accounts';
}

export type TrialSpecs = Readonly<Record<'endpoint' | 'judge', ObjectSpec>>;

export type TrialResult = (
  | { readonly verdict: 'passed' }
  | { readonly verdict: 'dropped'; readonly reason: DropReason }
) & {
  /** Where it went, or was to go, when it had been turned; undefined: nobody says. */
  readonly destination: TrialPlace | undefined;
};

type TrialPlace = { readonly addr: Addr; readonly port: number };

type Way = { readonly fromPod: boolean; readonly forwarded: boolean };

const DROP = 2;
/** Offsets in struct __sk_buff. */
const SKB = { ingressIfindex: 36, size: 192 } as const;
/** The loopback device, which every network namespace has: it came in by some device. */
const SOME_DEVICE = 1;

/**
 * Sends packets through the node's own programs by BPF_PROG_TEST_RUN: on the maps that are in force, but with a conntrack, events and counters of their
 * own. Nothing leaves the node, and nobody is told or charged.
 */
export class PacketTrial implements Disposable {
  readonly #specs: TrialSpecs;
  readonly #maps = new MapSet({ pinDir: undefined, sizes: SCRATCH_SIZES });
  #ring: EventRing | undefined;

  /** `maps` stay the caller's. Throws what loading programs throws. */
  static async open(specs: TrialSpecs, maps: MapSet, config: Config): Promise<PacketTrial> {
    const trial = new PacketTrial(specs, maps, config);
    // Whoever has an account has one here, and nothing on it: what it may open by number is no part of a proof, how fast neither,
    // and every drop is to be told.
    const own = tenantAccountsMap(trial.#maps);
    for (const [tenant, { limit }] of await tenantAccountsMap(maps).entries())
      own.set(tenant, { ...UNUSED_TENANT_ACCOUNT, interval: 0, eventInterval: 0, limit });
    return trial;
  }

  private constructor(specs: TrialSpecs, maps: MapSet, config: Config) {
    this.#specs = specs;
    const known = Object.keys(MAP_SPECS) as MapName[];
    const asked = known.filter((name) => isAsked(name) && mapIsNeeded(name, config));
    this.#maps.adopt(new Map(asked.map((name) => [name, mapById(mapInfo(maps.get(name)).id)] as const)));
    const judges = { spec: specs.judge, maps: this.#maps, config: telling(config), programs: JUDGE_PROGRAMS };
    installJudges(this.#maps, loadPrograms(judges));
    this.#ring = new EventRing(this.#maps.get('events'), this.#maps.spec('events').maxEntries);
  }

  /** `config`: of the endpoint whose program sees the packet. `fromPod`: it sends; else the packet is for it, and came in by a device where `forwarded`. */
  run(config: Config, frame: Uint8Array, way: Way): TrialResult {
    for (const result of this.runAll(config, [frame], way)) return result;
    throw new TypeError('a frame has a result');
  }

  /** The same for each of them, one after the other, for as long as somebody asks. */
  *runAll(config: Config, frames: Iterable<Uint8Array>, way: Way): Generator<TrialResult> {
    const programs = loadEndpointPrograms({ spec: this.#specs.endpoint, maps: this.#maps, config: telling(config) });
    try {
      for (const frame of frames) {
        const { action, data } = this.#run(way.fromPod ? programs.fromPod : programs.toPod, frame, way.forwarded);
        const drop = (this.#ring?.drain() ?? []).find(({ type }) => type === 'drop');
        if (action !== DROP) yield { verdict: 'passed', destination: destinationOf(data) };
        else {
          const destination = drop && { addr: drop.destination, port: drop.destinationPort };
          yield { verdict: 'dropped', reason: drop?.reason ?? 'none', destination };
        }
      }
    } finally {
      programs.fromPod.close();
      programs.toPod.close();
    }
  }

  /** Clients that keep a backend, which is the programs' own memory: as the node's have it. */
  remember(rows: Iterable<readonly [AffinityKey, AffinityValue]>): void {
    for (const [key, value] of rows) affinityMap(this.#maps).set(key, value);
  }

  /** Nobody has a backend any more: the next packet of a client is given one as if it were the first. */
  async forgetClients(): Promise<void> {
    const affinity = affinityMap(this.#maps);
    await affinity.deleteMany((await affinity.entries()).map(([key]) => key));
  }

  #run(program: ProgFd, frame: Uint8Array, forwarded: boolean): { readonly action: number; readonly data: Uint8Array } {
    const context = new DataView(new ArrayBuffer(SKB.size));
    context.setUint32(SKB.ingressIfindex, forwarded ? SOME_DEVICE : 0, true);
    const data = new Uint8Array(new ArrayBuffer(frame.length));
    data.set(frame);
    try {
      const run = progTestRun(program, { data, context: new Uint8Array(context.buffer), repeat: 1 });
      return { action: run.retval, data: run.data };
    } catch (error) {
      throw kernelError('E_DATAPATH_SYSCALL', 'send a packet through a program', error);
    }
  }

  close(): void {
    this.#ring?.close();
    this.#ring = undefined;
    this.#maps.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Why it drops is told by an event. */
const telling = (config: Config): Config => ({ ...config, enableEvents: true });

/** Where an IPv4 packet goes by now; offsets in a frame, and in its header. */
const IPV4 = { at: 14, kind: 0x40, destination: 16 } as const;

function destinationOf(frame: Uint8Array): TrialPlace | undefined {
  const first = frame[IPV4.at] ?? 0;
  if ((first & 0xf0) !== IPV4.kind) return undefined;
  const ports = IPV4.at + (first & 0xf) * 4;
  if (frame.length < ports + 4) return undefined;
  const start = IPV4.at + IPV4.destination;
  const port = ((frame[ports + 2] ?? 0) << 8) | (frame[ports + 3] ?? 0);
  return { addr: addrFromBytes(frame.subarray(start, start + 4)), port };
}
