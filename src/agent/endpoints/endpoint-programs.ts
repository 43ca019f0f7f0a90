import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '../../base/index.ts';
import {
  type Config,
  closeLeftBehind,
  folderStamp,
  installJudges,
  JUDGE_PROGRAMS,
  judgesDifference,
  loadEndpointPrograms,
  type MapSet,
  type ObjectSpec,
  programsNamed,
  type RunningPrograms,
  removeJudges,
  TcxLink,
} from '../../datapath/index.ts';
import type { EndpointRecord } from '../../endpoint/index.ts';
import { type EndpointId, endpointId, type Ifindex } from '../../model/index.ts';
import { agentErrors } from '../errors.ts';

export type EndpointProgramsOptions = {
  readonly endpoint: ObjectSpec;
  readonly judge: ObjectSpec;
  readonly maps: MapSet;
  readonly running: RunningPrograms;
  /** What is the same for every endpoint of the node. */
  readonly base: Config;
  readonly pinDir: string;
};

export type PinnedLinks = { readonly fromPod: boolean; readonly toPod: boolean };

const HOOKS = ['ingress', 'egress'] as const;
type Hook = (typeof HOOKS)[number];
const PROGRAMS = { ingress: 'from_pod', egress: 'to_pod' } as const;
/** Endpoints whose programs are loaded before any of them is swapped: more at once would load the kernel's freeing of them. */
const BATCH = 32;

type Place = { readonly id: EndpointId; readonly device: Ifindex };
type Pair = ReturnType<typeof loadEndpointPrograms>;

/**
 * The programs at pods' devices and what they share, as pinned links: they go on when the agent is gone. The agent holds
 * the links too, so that a pin that is removed under it takes no program off.
 */
export class EndpointPrograms {
  readonly #o: EndpointProgramsOptions;
  readonly #links = new Map<EndpointId, Map<Hook, TcxLink>>();
  /** Of nobody: no pod has their address, and no word is theirs. */
  #closed: Pair | undefined;
  readonly #configs = new WeakMap<EndpointRecord, Config>();
  /** Of the pins' folder at the last look at all of them, and whose pins were right then. */
  #stamp: string | undefined;
  readonly #wellPinned = new Set<EndpointId>();

  constructor(options: EndpointProgramsOptions) {
    this.#o = options;
  }

  /** The same one for the same record: what was compared with it is not compared again. */
  configOf(record: EndpointRecord): Config {
    const known = this.#configs.get(record);
    if (known !== undefined) return known;
    const { id, hostIfindex, addr, mac } = record;
    const config = { ...this.#o.base, endpoint: id, ifindex: hostIfindex, ipv4: addr, mac };
    this.#configs.set(record, config);
    return config;
  }

  /** Loads this endpoint's programs and attaches both, or swaps what is attached. */
  async attach(record: EndpointRecord): Promise<void> {
    await this.#attach(placeOf(record), this.configOf(record));
  }

  /**
   * The same at a device that is new, and down. A hook's first program makes the kernel wait for 12 ms and more, and a swap
   * for nothing: programs that let nothing pass come first, and the endpoint's own are verified meanwhile. What runs then is
   * read back: E_AGENT_PROGRAMS.
   */
  async attachNew(record: EndpointRecord): Promise<void> {
    const place = placeOf(record);
    const [first, own] = await Promise.allSettled([
      this.#put(place, this.#closedPair()),
      (async () => this.#load(this.configOf(record)))(),
    ]);
    if (own.status === 'rejected') throw own.reason;
    try {
      if (first.status === 'rejected') throw first.reason;
      await this.#put(place, own.value);
    } finally {
      closePair(own.value);
    }
    this.#readBack(record);
  }

  /** What `attachNew` begins with: to be called before what was learnt at the start is let go of. */
  prepare(): void {
    this.#closedPair();
  }

  #closedPair(): Pair {
    if (this.#closed === undefined) {
      const { from_pod: fromPod, to_pod: toPod } = this.#o.running.load(this.#o.endpoint, Object.values(PROGRAMS));
      this.#closed = { fromPod, toPod };
    }
    return this.#closed;
  }

  #load(config: Config): Pair {
    const { endpoint: spec, maps } = this.#o;
    return loadEndpointPrograms({ spec, maps, config });
  }

  /**
   * The same for many. `beforeSwap` runs when the programs of some are loaded, and right before they are swapped;
   * `failed` hears of each that could not be.
   */
  async attachAll(
    records: readonly EndpointRecord[],
    {
      beforeSwap,
      failed,
    }: { beforeSwap: () => Promise<void>; failed: (record: EndpointRecord, error: unknown) => Promise<void> },
  ): Promise<void> {
    for (let at = 0; at < records.length; at += BATCH) {
      const loaded: { record: EndpointRecord; programs: Pair }[] = [];
      for (const record of records.slice(at, at + BATCH)) {
        try {
          loaded.push({ record, programs: this.#load(this.configOf(record)) });
        } catch (error) {
          await failed(record, error);
        }
      }
      await beforeSwap();
      for (const { record, programs } of loaded) {
        try {
          await this.#put(placeOf(record), programs);
        } catch (error) {
          await failed(record, error);
        } finally {
          closePair(programs);
        }
      }
    }
  }

  async #attach(place: Place, config: Config): Promise<void> {
    const programs = this.#load(config);
    try {
      await this.#put(place, programs);
    } finally {
      closePair(programs);
    }
  }

  /** The programs stay the caller's; links keep them. */
  async #put({ id, device }: Place, programs: Pair): Promise<void> {
    const of = { ingress: programs.fromPod, egress: programs.toPod };
    const held = this.#links.get(id) ?? new Map<Hook, TcxLink>();
    this.#links.set(id, held);
    const put = async (hook: Hook): Promise<void> => {
      const before = held.get(hook);
      if (before?.now.ifindex === device && before.isPinned) return before.replace(of[hook]);
      const link = await TcxLink.attach({ ifindex: device, hook, pin: this.#pin(id, hook), program: of[hook] });
      before?.close();
      held.set(hook, link);
    };
    const done = await Promise.allSettled(HOOKS.map(put));
    for (const one of done) if (one.status === 'rejected') throw one.reason;
  }

  /** Lets nothing pass at a device whose pod is unknown: its word is 0, and programs that name other maps are replaced. */
  async close(id: EndpointId, device: Ifindex): Promise<void> {
    await this.#attach({ id, device }, { ...this.#o.base, endpoint: id, ifindex: device });
  }

  /** Closes an endpoint for programs of its device that stayed on maps that nobody writes any more. */
  async closeLeftBehind({ id, hostIfindex }: Pick<EndpointRecord, 'id' | 'hostIfindex'>): Promise<void> {
    await closeLeftBehind(this.#o.maps, programsNamed(hostIfindex, HOOKS, Object.values(PROGRAMS)), { only: id });
  }

  /** How what runs at an endpoint's device, or what keeps it there, differs from what should; undefined: it does not. */
  difference(record: EndpointRecord): string | undefined {
    try {
      return this.#unpinned(record.id) ?? this.#difference(record);
    } catch (error) {
      return errorMessage(error);
    }
  }

  /** The same of many: those that differ. Pins are looked at one by one only when something in their folder changed. */
  differences(records: readonly EndpointRecord[]): Map<EndpointId, string> {
    // Taken first: what changes meanwhile makes another one.
    const stamp = folderStamp(this.#folder);
    if (stamp === undefined || stamp !== this.#stamp) this.#wellPinned.clear();
    this.#stamp = stamp;
    const found = new Map<EndpointId, string>();
    for (const record of records) {
      const difference = this.#wellPinned.has(record.id) ? this.#differenceOfPinned(record) : this.difference(record);
      if (difference === undefined) this.#wellPinned.add(record.id);
      else found.set(record.id, difference);
    }
    return found;
  }

  #differenceOfPinned(record: EndpointRecord): string | undefined {
    try {
      return this.#difference(record);
    } catch (error) {
      return errorMessage(error);
    }
  }

  #unpinned(id: EndpointId): string | undefined {
    const unpinned = this.unpinned(id);
    return unpinned.length > 0 ? `not pinned: ${unpinned.join(', ')}` : undefined;
  }

  #difference(record: EndpointRecord): string | undefined {
    const { endpoint: spec, running } = this.#o;
    const config = this.configOf(record);
    for (const hook of HOOKS) {
      const link = this.#link(record.id, hook);
      if (link === undefined) return `no program is pinned at ${hook}`;
      const { ifindex: device, programId } = link.now;
      if (device === 0) return `the program at ${hook} was taken off`;
      if (device !== record.hostIfindex) return `the program at ${hook} is at another device`;
      const difference = running.difference(programId, { spec, program: PROGRAMS[hook], config });
      if (difference !== undefined) return `${hook}: ${difference}`;
    }
    return undefined;
  }

  /** Which hooks of an endpoint hold a program whose pin is gone. */
  unpinned(id: EndpointId): Hook[] {
    return HOOKS.filter((hook) => this.#link(id, hook)?.isPinned === false);
  }

  /** Pins again what lost its pin. E_DATAPATH_PIN. */
  repin(id: EndpointId): void {
    for (const hook of this.unpinned(id)) this.#links.get(id)?.get(hook)?.repin();
  }

  /** Throws E_AGENT_PROGRAMS, E_DATAPATH_ATTACH and its kin when a link is not as it should be. */
  verify(record: EndpointRecord): void {
    for (const hook of HOOKS) {
      const pin = this.#pin(record.id, hook);
      using link = TcxLink.open(pin);
      link?.verify();
      if (link === undefined || link.now.ifindex !== record.hostIfindex)
        throw agentErrors.make('E_AGENT_PROGRAMS', { detail: `no program is pinned at ${pin}` });
    }
    this.#readBack(record);
  }

  #readBack(record: EndpointRecord): void {
    const detail = this.difference(record);
    if (detail !== undefined) throw agentErrors.make('E_AGENT_PROGRAMS', { detail });
  }

  /** Takes the programs off. Call it when the device is gone: then it costs no waiting. */
  async detach(id: EndpointId): Promise<void> {
    for (const hook of HOOKS) {
      const pin = this.#pin(id, hook);
      this.#links.get(id)?.get(hook)?.close();
      await TcxLink.open(pin)?.detach();
      rmSync(pin, { recursive: true, force: true });
    }
    this.#links.delete(id);
  }

  /** Which endpoints have pinned links. */
  pinned(): Map<EndpointId, PinnedLinks> {
    const pins = new Set(list(this.#folder));
    const ids = Array.from(pins, (name) => Number(/^([1-9]\d{0,4})-/.exec(name)?.[1] ?? 0)).filter((id) => id > 0);
    return new Map(
      Array.from(new Set(ids), (id) => {
        return [endpointId(id), { fromPod: pins.has(`${id}-ingress`), toPod: pins.has(`${id}-egress`) }];
      }),
    );
  }

  /** How the programs that all endpoints share differ from what they should be. */
  sharedDifference(): string | undefined {
    const { judge: spec, maps, base: config, running } = this.#o;
    return judgesDifference(running, { spec, maps, config });
  }

  /** Puts the programs that all endpoints share in place, unless exactly they are. */
  installShared(): void {
    const { judge: spec, maps, running } = this.#o;
    if (this.sharedDifference() !== undefined) installJudges(maps, running.load(spec, JUDGE_PROGRAMS));
  }

  /** What conntrack does not let pass is dropped until `installShared`. */
  removeShared(): void {
    removeJudges(this.#o.maps);
  }

  /** Lets go of what it holds; everything stays attached. */
  release(): void {
    for (const held of this.#links.values()) for (const link of held.values()) link.close();
    this.#links.clear();
    if (this.#closed !== undefined) closePair(this.#closed);
    this.#closed = undefined;
  }

  #link(id: EndpointId, hook: Hook): TcxLink | undefined {
    const held = this.#links.get(id) ?? new Map<Hook, TcxLink>();
    this.#links.set(id, held);
    const known = held.get(hook);
    if (known !== undefined) return known;
    const link = TcxLink.open(this.#pin(id, hook));
    if (link !== undefined) held.set(hook, link);
    return link;
  }

  get #folder(): string {
    return podPins(this.#o.pinDir);
  }

  #pin(id: EndpointId, hook: Hook): string {
    return join(this.#folder, pinName(id, hook));
  }
}

const placeOf = (record: EndpointRecord): Place => ({ id: record.id, device: record.hostIfindex });

function closePair({ fromPod, toPod }: Pair): void {
  fromPod.close();
  toPod.close();
}

/** One folder for all: a single question says whether any pin in it changed. */
function podPins(pinDir: string): string {
  return join(pinDir, 'links/pods');
}

const pinName = (id: EndpointId, hook: Hook): string => `${id}-${hook}`;

/** Removes the pins of an endpoint of whose programs nobody knows anything any more. */
export function removePodPins(pinDir: string, id: EndpointId): void {
  for (const hook of HOOKS) rmSync(join(podPins(pinDir), pinName(id, hook)), { recursive: true, force: true });
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
