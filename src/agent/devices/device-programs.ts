import { readdirSync, rmSync } from 'node:fs';
import { errorMessage, type Logger } from '../../base/index.ts';
import {
  attachXdp,
  type Config,
  closeLeftBehind,
  detachXdp,
  type MapSet,
  type ObjectSpec,
  programsNamed,
  type RunningPrograms,
  TcxLink,
  xdpDevice,
  xdpProgram,
} from '../../datapath/index.ts';
import { type Ifindex, ifindex } from '../../model/index.ts';
import type { AgentConfig } from '../node/index.ts';

export type DeviceProgramsOptions = {
  /** host.bpf.o */
  readonly host: ObjectSpec;
  /** overlay.bpf.o */
  readonly overlay: ObjectSpec;
  /** xdp.bpf.o */
  readonly xdp: ObjectSpec;
  readonly acceleration: AgentConfig['nodePortAcceleration'];
  readonly log: Logger;
  readonly maps: MapSet;
  readonly running: RunningPrograms;
  readonly base: Config;
  readonly pinDir: string;
};

/** The programs at the node's own devices, as pinned links: they go on when the agent is gone. */
export class DevicePrograms {
  readonly #o: DeviceProgramsOptions;
  /** Held, so that a pin that is removed under the agent takes no program off. */
  readonly #links = new Map<string, TcxLink>();
  /** Devices whose drivers know no XDP, which is nobody's fault. */
  readonly #slow = new Set<Ifindex>();

  constructor(options: DeviceProgramsOptions) {
    this.#o = options;
  }

  /** Devices, gone or not, that links are pinned for. */
  pinned(): Ifindex[] {
    try {
      return readdirSync(this.#directory()).flatMap((name) => (/^\d+$/.test(name) ? [ifindex(Number(name))] : []));
    } catch {
      return [];
    }
  }

  /** Whether anything of ours is at a device, whatever it is. */
  isAttached(device: Ifindex): boolean {
    const { programs } = this.#at(device);
    return HOOKS.every((hook) => programsNamed(device, [hook], [programs[hook]]).length > 0);
  }

  #at(device: Ifindex): { readonly spec: ObjectSpec; readonly programs: Readonly<Record<Hook, ProgramName>> } {
    const { host, overlay, base } = this.#o;
    const isOverlay = base.enableOverlay && device === base.overlayIfindex;
    return isOverlay ? { spec: overlay, programs: OVERLAY } : { spec: host, programs: PROGRAMS };
  }

  /**
   * Closes what programs at a device judge by when they stayed on maps that nobody writes any more: no pod is open to them
   * and no service is known to them. What is the node's own passes, since the node must stay within reach.
   */
  async closeLeftBehind(device: Ifindex): Promise<void> {
    const xdp = xdpProgram(this.#pin(device, 'xdp'));
    const tcx = programsNamed(device, HOOKS, Object.values(this.#at(device).programs));
    await closeLeftBehind(this.#o.maps, xdp === undefined ? tcx : [...tcx, xdp]);
  }

  /** How what runs at a device, or what keeps it there, differs from what should; undefined: it does not. */
  difference(device: Ifindex): string | undefined {
    try {
      return this.#difference(device);
    } catch (error) {
      return errorMessage(error);
    }
  }

  #difference(device: Ifindex): string | undefined {
    const { xdp, base: config, running } = this.#o;
    const { spec, programs } = this.#at(device);
    for (const hook of HOOKS) {
      const link = this.#link(device, hook);
      const now = link?.now;
      if (link === undefined || now?.ifindex !== device) return `no program is pinned at ${hook}`;
      if (!link.isPinned) return `the pin of the program at ${hook} is gone`;
      const difference = running.difference(now.programId, { spec, program: programs[hook], config });
      if (difference !== undefined) return `${hook}: ${difference}`;
    }
    if (!this.#accelerates(device)) return undefined;
    const pin = this.#pin(device, 'xdp');
    const program = xdpDevice(pin) === device ? xdpProgram(pin) : undefined;
    if (program === undefined) return 'no XDP program is pinned';
    return running.difference(program, { spec: xdp, program: 'forward_xdp', config });
  }

  /** Attaches what belongs to a device, or swaps what is attached. Throws what TcxLink.attach throws. */
  async attach(device: Ifindex): Promise<void> {
    const { spec, programs: names } = this.#at(device);
    const programs = this.#o.running.load(
      spec,
      HOOKS.map((hook) => names[hook]),
    );
    try {
      for (const hook of HOOKS) {
        const pin = this.#pin(device, hook);
        const before = this.#link(device, hook);
        if (before?.now.ifindex === device && !before.isPinned) before.repin();
        const link = await TcxLink.attach({ program: programs[names[hook]], ifindex: device, hook, pin });
        before?.close();
        this.#links.set(pin, link);
      }
    } finally {
      for (const hook of HOOKS) programs[names[hook]].close();
    }
    // Last: what it does not know, the others must.
    await this.#accelerate(device);
  }

  async #accelerate(device: Ifindex): Promise<void> {
    const { xdp, running, acceleration, log } = this.#o;
    const pin = this.#pin(device, 'xdp');
    if (!this.#accelerates(device)) return await detachXdp(pin);
    const { forward_xdp: program } = running.load(xdp, ['forward_xdp']);
    try {
      await attachXdp({ program, ifindex: device, pin });
    } catch (error) {
      if (acceleration === 'native') throw error;
      this.#slow.add(device);
      log.warn({ ifindex: device, error: errorMessage(error) }, 'node ports are not accelerated at a device');
    } finally {
      program.close();
    }
  }

  #accelerates(device: Ifindex): boolean {
    const { acceleration, base } = this.#o;
    const isOverlay = base.enableOverlay && device === base.overlayIfindex;
    return base.enableServices && acceleration !== 'disabled' && !isOverlay && !this.#slow.has(device);
  }

  async detach(device: Ifindex): Promise<void> {
    await detachXdp(this.#pin(device, 'xdp'));
    for (const hook of HOOKS) {
      const pin = this.#pin(device, hook);
      this.#links.get(pin)?.close();
      this.#links.delete(pin);
      await TcxLink.open(pin)?.detach();
    }
    rmSync(`${this.#directory()}/${device}`, { recursive: true, force: true });
  }

  /** Lets go of what it holds; everything stays attached. */
  release(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #link(device: Ifindex, hook: Hook): TcxLink | undefined {
    const pin = this.#pin(device, hook);
    const known = this.#links.get(pin);
    if (known !== undefined) return known;
    const link = TcxLink.open(pin);
    if (link !== undefined) this.#links.set(pin, link);
    return link;
  }

  #directory(): string {
    return `${this.#o.pinDir}/links/devices`;
  }

  #pin(device: Ifindex, hook: Hook | 'xdp'): string {
    return `${this.#directory()}/${device}/${hook}`;
  }
}

const PROGRAMS = { ingress: 'from_netdev', egress: 'to_netdev' } as const;
const OVERLAY = { ingress: 'from_overlay', egress: 'to_overlay' } as const;
type Hook = keyof typeof PROGRAMS;
type ProgramName = (typeof PROGRAMS | typeof OVERLAY)[Hook];
const HOOKS: readonly Hook[] = ['ingress', 'egress'];
