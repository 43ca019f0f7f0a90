import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { errorMessage, type Logger } from '../base/index.ts';
import {
  attachXdp,
  type Config,
  detachXdp,
  loadPrograms,
  type MapSet,
  type ObjectSpec,
  TcxLink,
  xdpDevice,
} from '../datapath/index.ts';
import { type Ifindex, ifindex } from '../model/index.ts';
import type { AgentConfig } from './config.ts';
import { hashOf } from './hash.ts';

export type DeviceProgramsOptions = {
  /** host.bpf.o */
  readonly host: ObjectSpec;
  /** xdp.bpf.o */
  readonly xdp: ObjectSpec;
  readonly acceleration: AgentConfig['nodePortAcceleration'];
  readonly log: Logger;
  readonly maps: MapSet;
  readonly base: Config;
  readonly pinDir: string;
};

/** The programs at the node's own devices, as pinned links: they go on when the agent is gone. */
export class DevicePrograms {
  readonly #o: DeviceProgramsOptions;
  /** Names exactly what should run at every device. */
  readonly wanted: string;
  /** Devices whose drivers know no XDP, which is nobody's fault. */
  readonly #slow = new Set<Ifindex>();

  constructor(options: DeviceProgramsOptions) {
    this.#o = options;
    const { host, xdp, acceleration, base } = options;
    this.wanted = hashOf(readFileSync(host.path), readFileSync(xdp.path), acceleration, JSON.stringify(base));
  }

  /** Devices, gone or not, that links are pinned for. */
  pinned(): Ifindex[] {
    try {
      return readdirSync(this.#directory()).flatMap((name) => (/^\d+$/.test(name) ? [ifindex(Number(name))] : []));
    } catch {
      return [];
    }
  }

  /** Whether every link that belongs to a device is there. What runs in them is not looked at. */
  isAttached(device: Ifindex): boolean {
    if (this.#accelerates(device) && xdpDevice(this.#pin(device, 'xdp')) !== device) return false;
    return HOOKS.every((hook) => {
      using link = TcxLink.open(this.#pin(device, hook));
      return link?.ifindex === device;
    });
  }

  /** Attaches what belongs to a device, or swaps what is attached. Throws what TcxLink.attach throws. */
  async attach(device: Ifindex): Promise<void> {
    const { host, maps, base } = this.#o;
    const programs = loadPrograms({ spec: host, maps, config: base, programs: HOOKS.map((hook) => PROGRAMS[hook]) });
    try {
      for (const hook of HOOKS) {
        const pin = this.#pin(device, hook);
        (await TcxLink.attach({ program: programs[PROGRAMS[hook]], ifindex: device, hook, pin })).close();
      }
    } finally {
      for (const hook of HOOKS) programs[PROGRAMS[hook]].close();
    }
    // Last: what it does not know, the others must.
    await this.#accelerate(device);
  }

  async #accelerate(device: Ifindex): Promise<void> {
    const { xdp, maps, base, acceleration, log } = this.#o;
    const pin = this.#pin(device, 'xdp');
    if (!this.#accelerates(device)) return await detachXdp(pin);
    const { forward_xdp: program } = loadPrograms({ spec: xdp, maps, config: base, programs: ['forward_xdp'] });
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
    return base.enableServices && acceleration !== 'disabled' && !this.#slow.has(device);
  }

  async detach(device: Ifindex): Promise<void> {
    await detachXdp(this.#pin(device, 'xdp'));
    for (const hook of HOOKS) await TcxLink.open(this.#pin(device, hook))?.detach();
    rmSync(`${this.#directory()}/${device}`, { recursive: true, force: true });
  }

  #directory(): string {
    return `${this.#o.pinDir}/links/devices`;
  }

  #pin(device: Ifindex, hook: Hook | 'xdp'): string {
    return `${this.#directory()}/${device}/${hook}`;
  }
}

const PROGRAMS = { ingress: 'from_netdev', egress: 'to_netdev' } as const;
type Hook = keyof typeof PROGRAMS;
const HOOKS: readonly Hook[] = ['ingress', 'egress'];
