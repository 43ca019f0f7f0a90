import type { DropReason } from '../../model/gen/enums.ts';
import type { TenantAccount } from '../gen/codecs.ts';
import type { Config } from '../gen/config.ts';
import { MAP_SPECS, type MapName } from '../gen/layout.ts';
import { kernelError, mapById, mapInfo, type ObjectSpec, type ProgFd, progTestRun } from '../kernel/index.ts';
import { EventRing, MapSet, SCRATCH_SIZES, tenantAccountsMap } from '../maps/index.ts';
import { installJudges } from './judges.ts';
import { loadEndpointPrograms, mapIsNeeded } from './loader.ts';

/** What a verdict about a new connection is taken from; all else is the trial's own, so that it leaves no trace. */
const ASKED: readonly MapName[] = [
  'endpoint_words',
  'endpoints',
  'ipcache',
  'tenants',
  'tenant_shares',
  'tenant_world',
  'policy_revisions',
  'policy_peers',
  'policy',
  'services',
  'service_slots',
  'backends',
];

export type TrialSpecs = Readonly<Record<'endpoint' | 'judge', ObjectSpec>>;

export type TrialResult = { readonly verdict: 'passed' } | { readonly verdict: 'dropped'; readonly reason: DropReason };

const UNUSED: Pick<TenantAccount, 'turn' | 'used' | 'before' | 'found'> = {
  turn: 0,
  used: [0, 0],
  before: [0, 0],
  found: [0, 0],
};

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
    // Whoever has an account has one here, and nothing on it: what it may open by number is no part of a proof.
    const own = tenantAccountsMap(trial.#maps);
    for (const [tenant, account] of await tenantAccountsMap(maps).entries()) own.set(tenant, { ...account, ...UNUSED });
    return trial;
  }

  private constructor(specs: TrialSpecs, maps: MapSet, config: Config) {
    this.#specs = specs;
    const known = Object.keys(MAP_SPECS) as MapName[];
    const asked = known.filter((name) => ASKED.includes(name) && mapIsNeeded(name, config));
    this.#maps.adopt(new Map(asked.map((name) => [name, mapById(mapInfo(maps.get(name)).id)] as const)));
    installJudges({ spec: specs.judge, maps: this.#maps, config: telling(config) });
    this.#ring = new EventRing(this.#maps.get('events'), this.#maps.spec('events').maxEntries);
  }

  /** `config`: of the endpoint whose program sees the packet. `fromPod`: it sends; else the packet is for it, and came in by a device where `forwarded`. */
  run(config: Config, frame: Uint8Array, way: { readonly fromPod: boolean; readonly forwarded: boolean }): TrialResult {
    const programs = loadEndpointPrograms({ spec: this.#specs.endpoint, maps: this.#maps, config: telling(config) });
    try {
      const action = this.#run(way.fromPod ? programs.fromPod : programs.toPod, frame, way.forwarded);
      const events = this.#ring?.drain() ?? [];
      if (action !== DROP) return { verdict: 'passed' };
      return { verdict: 'dropped', reason: events.find(({ type }) => type === 'drop')?.reason ?? 'none' };
    } finally {
      programs.fromPod.close();
      programs.toPod.close();
    }
  }

  #run(program: ProgFd, frame: Uint8Array, forwarded: boolean): number {
    const context = new DataView(new ArrayBuffer(SKB.size));
    context.setUint32(SKB.ingressIfindex, forwarded ? SOME_DEVICE : 0, true);
    const data = new Uint8Array(new ArrayBuffer(frame.length));
    data.set(frame);
    try {
      return progTestRun(program, { data, context: new Uint8Array(context.buffer), repeat: 1 }).retval;
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
