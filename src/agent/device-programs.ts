import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { type Config, loadPrograms, type MapSet, type ObjectSpec, TcxLink } from '../datapath/index.ts';
import { type Ifindex, ifindex } from '../model/index.ts';
import { hashOf } from './hash.ts';

export type DeviceProgramsOptions = {
  /** host.bpf.o */
  readonly host: ObjectSpec;
  readonly maps: MapSet;
  readonly base: Config;
  readonly pinDir: string;
};

/** The programs at the node's own devices, as pinned links: they go on when the agent is gone. */
export class DevicePrograms {
  readonly #o: DeviceProgramsOptions;
  /** Names exactly what should run at every device. */
  readonly wanted: string;

  constructor(options: DeviceProgramsOptions) {
    this.#o = options;
    this.wanted = hashOf(readFileSync(options.host.path), JSON.stringify(options.base));
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
    return this.#hooks().every((hook) => {
      using link = TcxLink.open(this.#pin(device, hook));
      return link?.ifindex === device;
    });
  }

  /** Attaches what belongs to a device, or swaps what is attached. Throws what TcxLink.attach throws. */
  async attach(device: Ifindex): Promise<void> {
    const { host, maps, base } = this.#o;
    const hooks = this.#hooks();
    const programs = loadPrograms({ spec: host, maps, config: base, programs: hooks.map((hook) => PROGRAMS[hook]) });
    try {
      for (const hook of hooks) {
        const pin = this.#pin(device, hook);
        (await TcxLink.attach({ program: programs[PROGRAMS[hook]], ifindex: device, hook, pin })).close();
      }
      if (!hooks.includes('egress')) await TcxLink.open(this.#pin(device, 'egress'))?.detach();
    } finally {
      for (const hook of hooks) programs[PROGRAMS[hook]].close();
    }
  }

  async detach(device: Ifindex): Promise<void> {
    for (const hook of HOOKS) await TcxLink.open(this.#pin(device, hook))?.detach();
    rmSync(`${this.#directory()}/${device}`, { recursive: true, force: true });
  }

  /** Nothing leaves a device translated while services are off. */
  #hooks(): readonly Hook[] {
    return this.#o.base.enableServices ? HOOKS : ['ingress'];
  }

  #directory(): string {
    return `${this.#o.pinDir}/links/devices`;
  }

  #pin(device: Ifindex, hook: Hook): string {
    return `${this.#directory()}/${device}/${hook}`;
  }
}

const PROGRAMS = { ingress: 'from_netdev', egress: 'to_netdev' } as const;
type Hook = keyof typeof PROGRAMS;
const HOOKS: readonly Hook[] = ['ingress', 'egress'];
