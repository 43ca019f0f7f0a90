import {
  type Clock,
  type Lifecycle,
  type Logger,
  type NamespacedName,
  type Service,
  Signal,
} from '../../base/index.ts';
import type { Intent, ObjectProblems } from '../../cluster/index.ts';
import type { Frontend, ServiceProblem } from '../../model/index.ts';
import { Table } from '../../table/index.ts';
import { Passes, type PassTimes } from '../passes.ts';
import type { HostPortPods } from './host-port-pods.ts';
import type { ServiceFollower } from './service-follower.ts';
import type { ServiceInstaller } from './service-installer.ts';

/** How often what happens without an event (addresses of the node, room in a full map) is looked at. */
const ROUTINE_MS = 30_000;
/** How soon the node's own sockets get a port that a pod has, too. Packets from outside are theirs at once. */
const SOCKETS_MS = 2_000;
/** So that a service that flaps leaves time for others: a thousand backends are written ten times a second. */
const REST_MS_PER_BACKEND = 0.1;
const REST_MS_PER_HASH_SLOT = 0.01;
const REST_MIN_MS = 10;
const SWEEP_MS = 300;

/** Until what the kernel had no memory for is tried again. */
const SHORT_MS = 1_000;

export type ServiceEngineOptions = {
  readonly intent: Intent;
  readonly follower: ServiceFollower;
  readonly installer: ServiceInstaller;
  readonly hostPorts: HostPortPods;
  /** Slots of the table that a service with external frontends has; 0: none. */
  readonly hashSlots: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly passTimes?: PassTimes | undefined;
  /** Told of a Service, or of a pod that wants ports of the node, whenever what is wrong with it changes and is not nothing. */
  readonly problems: ObjectProblems;
};

/** A service with the frontends that it has in the kernel. */
export type WrittenService = { readonly service: NamespacedName; readonly frontends: readonly Frontend[] };

/** Brings services into the kernel. Events of one turn of the event loop make one pass; passes never overlap. */
export class ServiceEngine implements Service {
  /** Backends left the kernel: whoever talks to them waits in vain. */
  readonly backendsGone = new Signal();
  readonly written = new Table<WrittenService, NamespacedName>(({ service }) => service);
  readonly #o: ServiceEngineOptions;
  readonly #passes: Passes;
  /** Services that were written just now, and until when their next change waits. */
  readonly #resting = new Map<NamespacedName, number>();
  /** Desired, not yet in the kernel. */
  readonly #waiting = new Map<NamespacedName, readonly Frontend[]>();
  readonly #reported = new Map<NamespacedName, string>();
  /** How often each was written. */
  readonly #writes = new Map<NamespacedName, number>();
  #refresh = true;
  #converged = false;

  constructor(options: ServiceEngineOptions) {
    this.#o = options;
    const { log, passTimes: times } = options;
    const failure = 'services did not reach the kernel';
    this.#passes = new Passes({ pass: async () => await this.#pass(), failure, log, times });
  }

  /** Why the last pass failed; undefined: it did not. */
  get problem(): string | undefined {
    return this.#passes.problem;
  }

  /** Passes that have begun. */
  get begun(): number {
    return this.#passes.begun;
  }

  /** Every service has reached the kernel at least once. */
  get converged(): boolean {
    return this.#converged;
  }

  /** What is desired of this service is not all in the kernel yet. */
  isPending(service: NamespacedName): boolean {
    return !this.#converged || this.#waiting.has(service) || this.#o.follower.isOutdated(service);
  }

  /**
   * Equal, one by one, at two moments between which nothing of the service changed, here or in the kernel. Undefined:
   * something of it is under way.
   */
  stampOf(service: NamespacedName): readonly unknown[] | undefined {
    if (this.isPending(service)) return undefined;
    const writes: unknown = this.#writes.get(service);
    // As long as it is: one that was grown has room for sixteen, of every service of a cluster.
    return [writes].concat(this.#o.follower.objectsOf(service));
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('service routine', async (signal) => {
      while (!signal.aborted) {
        this.#retryRefused();
        this.kick({ refresh: true });
        await this.#o.clock.sleep(ROUTINE_MS, signal).catch(() => undefined);
      }
    });
    lifecycle.spawn('ports of the node that pods want', async (signal) => {
      while (!signal.aborted) {
        if (this.#o.follower.lookAtSockets()) this.kick();
        await this.#o.clock.sleep(SOCKETS_MS, signal).catch(() => undefined);
      }
    });
  }

  async stop(): Promise<void> {
    await this.#passes.stop();
  }

  /** Something changed; `refresh`: nodes or pods, not only services. */
  kick({ refresh = false } = {}): void {
    this.#refresh ||= refresh;
    this.#passes.kick();
  }

  /** Resolves when nothing is left to do now. */
  async idle(): Promise<void> {
    await this.#passes.idle();
  }

  async #pass(): Promise<void> {
    const { intent, follower, installer, clock } = this.#o;
    if (!intent.servicesSynced) return;
    if (this.#refresh) follower.refresh();
    this.#refresh = false;
    if (installer.short) this.#retryInstaller();
    for (const [service, frontends] of await follower.follow((one) => this.#rests(one)))
      this.#waiting.set(service, frontends);
    const due = this.#due(clock.elapsed());
    await installer.install(due, clock.elapsed());
    for (const [service, frontends] of due) {
      // What changed again meanwhile waits for the next pass.
      if (this.#waiting.get(service) === frontends) this.#waiting.delete(service);
      this.#writes.set(service, (this.#writes.get(service) ?? 0) + 1);
      this.#rest(service, frontends, clock.elapsed());
      if (frontends.length === 0 && follower.objectsOf(service).length === 0) this.#writes.delete(service);
      if (intent.services.get(service) === undefined) this.written.delete(service);
      else this.written.set({ service, frontends });
    }
    this.#report(due.keys());
    if (!this.#converged) {
      await installer.prune(clock.elapsed());
      this.#converged = true;
    }
    const gone = await installer.sweep(clock.elapsed());
    if (gone > 0) this.backendsGone.emit();
    if (this.#retryRefused()) this.#passes.kick();
    if (installer.pending) this.#passes.later(SWEEP_MS);
    if (installer.short) this.#passes.later(SHORT_MS);
  }

  /** Whether there is something to try again, since rows or shares were given back. */
  #retryRefused(): boolean {
    const { installer, follower } = this.#o;
    const byShare = follower.retryRefused();
    return (installer.roomier && this.#retryInstaller()) || byShare;
  }

  #retryInstaller(): boolean {
    const services = this.#o.installer.retryRefused();
    for (const service of services) this.#o.follower.touch(service);
    return services.length > 0;
  }

  /** Whether it was written just now; there will be a pass when it was long enough ago. */
  #rests(service: NamespacedName): boolean {
    const left = (this.#resting.get(service) ?? 0) - this.#o.clock.elapsed();
    if (left > 0) this.#passes.later(left);
    return left > 0;
  }

  #due(now: number): Map<NamespacedName, readonly Frontend[]> {
    for (const [service, until] of this.#resting) if (until <= now) this.#resting.delete(service);
    const due = new Map<NamespacedName, readonly Frontend[]>();
    for (const [service, frontends] of this.#waiting) {
      const until = this.#resting.get(service);
      if (until === undefined) due.set(service, frontends);
      else this.#passes.later(until - now);
    }
    return due;
  }

  /** The first change goes at once; the next of the same service after a rest that grows with what it costs. */
  #rest(service: NamespacedName, frontends: readonly Frontend[], now: number): void {
    if (!this.#converged) return;
    const backends = frontends.reduce((most, frontend) => Math.max(most, frontend.backends.length), 0);
    const hashed = frontends.some(({ kind }) => kind !== 'ClusterIP') ? this.#o.hashSlots : 0;
    const rest = Math.max(REST_MIN_MS, backends * REST_MS_PER_BACKEND, hashed * REST_MS_PER_HASH_SLOT);
    this.#resting.set(service, now + rest);
  }

  /** Services that are not as they should be since maps or their shares of them are full, and why. */
  get refused(): ReadonlyMap<NamespacedName, string> {
    const { follower, installer } = this.#o;
    return new Map([
      ...Array.from(follower.refused, ([key, { problem }]) => [key, `service ${key}: ${problem.message}`] as const),
      ...Array.from(installer.refused, ([key, { message }]) => [key, message] as const),
    ]);
  }

  /** All that is wrong with a service: its own objects, others that have what it wants, maps without room. */
  problemsOf(service: NamespacedName): readonly ServiceProblem[] {
    const refused = this.#o.installer.refused.get(service);
    const problems = this.#o.follower.problemsOf(service);
    return refused === undefined ? problems : [...problems, { reason: 'MapFull', message: refused.message }];
  }

  /** Says once what is wrong with a service, and again when it changes. */
  #report(services: Iterable<NamespacedName>): void {
    const { intent, hostPorts, log } = this.#o;
    for (const service of services) {
      const problems = this.problemsOf(service);
      const text = problems.map(({ reason, message }) => `${reason}: ${message}`).join('; ');
      if (text === (this.#reported.get(service) ?? '')) continue;
      if (text === '') this.#reported.delete(service);
      else {
        this.#reported.set(service, text);
        log.warn({ service, problems: text.slice(0, 2_000) }, 'service has problems');
        const row = intent.services.get(service) ?? hostPorts.rows.get(service);
        if (row === undefined) continue;
        const { namespace, name, uid } = row;
        const kind = hostPorts.rows.has(service) ? 'Pod' : 'Service';
        this.#o.problems.report({ apiVersion: 'v1', kind, namespace, name, uid }, problems);
      }
    }
  }
}
