import { type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';
import {
  attachSockets,
  closeSocketsLeftBehind,
  detachSockets,
  pinnedSocketsDifference,
  type RunningPrograms,
  SOCK_HOOKS,
  type SockAttachOptions,
  socketsAttached,
  socketsDifference,
} from '../../datapath/index.ts';

const LOOK_MS = 10_000;

export type ServiceHooksOptions = Omit<SockAttachOptions, 'cgroup'> & {
  /** Whose processes' sockets are to be turned; undefined: it is not in sight. Asked each time. */
  readonly findCgroup: () => string | undefined;
  readonly clock: Clock;
  readonly running: RunningPrograms;
  /** False: what is attached is to stay as it is for now. */
  readonly mayReplace: () => boolean;
  readonly log: Logger;
};

/**
 * Keeps the socket programs in place, or takes them off when services are off. They stay when the agent ends. A cgroup
 * that is not there yet, or was made anew, is steered as soon as it is.
 */
export class ServiceHooks implements Service {
  readonly #o: ServiceHooksOptions;
  #cgroup: string | undefined;
  /** Why the programs could not be put in place; undefined: they were, or are not to be. */
  #refused: string | undefined;
  /** What went wrong last, so that it is said once. */
  #problem: string | undefined;

  constructor(options: ServiceHooksOptions) {
    this.#o = options;
  }

  /** Where the programs are attached; undefined: nowhere. */
  get cgroup(): string | undefined {
    return this.#cgroup;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    const { config, pinDir, clock } = this.#o;
    if (!config.enableServices) {
      await detachSockets(pinDir);
      return;
    }
    await this.attach();
    lifecycle.spawn('socket hooks', async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(LOOK_MS, signal).catch(() => undefined);
        const cgroup = this.#cgroup;
        if (!signal.aborted && (cgroup === undefined || !this.#isAttached(cgroup))) await this.attach();
      }
    });
  }

  /** How what is attached differs from what should be; undefined: it does not, or it is not known yet where it belongs. */
  difference(): string | undefined {
    if (this.#refused !== undefined) return this.#refused;
    const cgroup = this.#cgroup;
    if (cgroup === undefined || !this.#o.mayReplace()) return undefined;
    return this.#differenceAt(cgroup);
  }

  #differenceAt(cgroup: string): string | undefined {
    try {
      return socketsDifference(this.#o.running, { ...this.#o, cgroup });
    } catch (error) {
      return errorMessage(error);
    }
  }

  #isAttached(cgroup: string): boolean {
    try {
      return socketsAttached({ ...this.#o, cgroup });
    } catch {
      return false;
    }
  }

  /** Puts the programs in place, unless exactly they are. */
  async attach(): Promise<void> {
    const { config, mayReplace } = this.#o;
    if (!config.enableServices) return;
    const cgroup = this.#o.findCgroup();
    this.#cgroup = undefined;
    this.#refused = undefined;
    if (cgroup === undefined) {
      if (mayReplace()) await this.#letGo();
      this.#say('no cgroup of the whole node is in sight: mount it and name it as "cgroup" in the configuration');
      return;
    }
    if (!mayReplace() && this.#isAttached(cgroup)) {
      this.#cgroup = cgroup;
      return;
    }
    try {
      if (this.#differenceAt(cgroup) !== undefined) {
        const { pinDir, running, spec } = this.#o;
        await attachSockets({ cgroup, pinDir }, () => running.load(spec, SOCK_HOOKS));
      }
      this.#cgroup = cgroup;
      this.#problem = undefined;
      this.#o.log.info({ cgroup }, 'sockets are turned to backends');
    } catch (error) {
      await closeSocketsLeftBehind(this.#o.maps, cgroup).catch((failure: unknown) => this.#say(errorMessage(failure)));
      // Pods must be judged all the same.
      this.#refused = `${cgroup}: ${errorMessage(error)}`;
      this.#say(this.#refused);
    }
  }

  /**
   * What an agent before attached to a cgroup that is not in sight now stays while it does what it should. Otherwise it would turn sockets by
   * maps that nobody writes any more, to backends that are gone, and to whoever has their addresses since.
   */
  async #letGo(): Promise<void> {
    try {
      if (pinnedSocketsDifference(this.#o.running, this.#o) !== undefined) await detachSockets(this.#o.pinDir);
    } catch (error) {
      this.#refused = errorMessage(error);
    }
  }

  #say(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#o.log.error({ problem }, 'sockets are not turned to backends: services are not served to processes');
  }
}
