import { randomBytes } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../base/index.ts';
import type { ExecProcess } from '../apiserver/index.ts';
import {
  type Container,
  isMadeToAttach,
  type LifecycleHandler,
  type Pod,
  type Probe,
  rfc3339,
} from '../client/index.ts';
import { type ContainerCommand, containerCommand } from './container-command.ts';
import { ContainerProcess, type Exit } from './container-process.ts';
import { containerEnv } from './env/container-env.ts';
import { imageMounts } from './images/images.ts';
import { containerArgv, podEnvironment } from './isolation.ts';
import type { KubeletHost } from './kubelet-host.ts';
import { runHook } from './life/hooks.ts';
import { containerLogName } from './log-files.ts';
import { LogWriter } from './logs/log-writer.ts';
import type { PodFiles } from './pod-files.ts';
import type { PodSandbox } from './pod-sandbox.ts';
import { type ContainerRecord, isFinal } from './pod-status.ts';
import { containerActions } from './probes/container-actions.ts';
import { watchContainer } from './probes/container-probes.ts';
import type { ProbeActions, ProbeResult } from './probes/probe-actions.ts';
import { RestartBackoff } from './restart-backoff.ts';
import { ContainerStreams } from './streams/container-streams.ts';

/** What another process needs to run something in a container; kept in a file that only root reads. */
export type ExecTarget = {
  readonly container: string;
  readonly procsFile: string;
  readonly init: number;
  readonly privileges: readonly string[];
  readonly workingDir: string;
  readonly env: Readonly<Record<string, string>>;
};

export type ContainerRunnerOptions = {
  readonly host: KubeletHost;
  readonly pod: Pod;
  readonly container: Container;
  readonly sandbox: PodSandbox;
  readonly files: PodFiles;
  /** The pod's folder of logs. */
  readonly logDir: string;
  /** Another container of the pod, while it runs. */
  readonly targetOf: (container: string) => ExecTarget | undefined;
  /** After every change of `record`. */
  readonly onChange: () => void;
  readonly event: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
};

export type StopOptions = {
  readonly graceMs: number;
  /** Aborted when there is to be no grace any more. */
  readonly force: AbortSignal;
  /** Who is to end before; its grace runs meanwhile. */
  readonly turn?: Promise<unknown>;
};

/** What is left of the grace after a hook is never less, or a hook could turn SIGTERM into SIGKILL. */
const LEAST_GRACE_MS = 2_000;
/** How soon what cannot be started is tried again when no object changes. */
const RETRY_MS = 1_000;

const UNSTARTED: ContainerRecord = {
  state: { kind: 'waiting', reason: 'PodInitializing' },
  restarts: 0,
  started: false,
  ready: false,
};

type Runnable = Extract<ContainerCommand, { kind: 'command' }>;
type Refused = Extract<ContainerCommand, { kind: 'refused' }>;

/** One container's life: start, hooks, probes, end, start again as the restart policy wants. */
export class ContainerRunner {
  #options: ContainerRunnerOptions;
  readonly #backoff: RestartBackoff;
  readonly #actions: ProbeActions;
  readonly #stopping = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  #policy: Pod['spec']['restartPolicy'] = 'Always';
  #record = UNSTARTED;
  #process: ContainerProcess | undefined;
  /** Aborted when the present process is gone. */
  #gone = new AbortController();
  #target: ExecTarget | undefined;
  #streams: ContainerStreams | undefined;
  /** Aborted when what is to be run is another image than what runs, or is tried. */
  #redefined = new AbortController();

  constructor(options: ContainerRunnerOptions) {
    this.#options = options;
    this.#backoff = new RestartBackoff(options.host.restartDelay);
    const { host, sandbox } = options;
    this.#actions = containerActions(host.node.netnsPath, sandbox.podIPs[0] ?? '', () => this.#target);
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** Resolves when it runs and its startup probe, if it has one, has succeeded: once, whatever comes then. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** `undefined` while it does not run. */
  get target(): ExecTarget | undefined {
    return this.#target;
  }

  /** The streams of its own process; `undefined` while it does not run. */
  attach(options: { readonly stdin: boolean }): ExecProcess | undefined {
    return this.#target === undefined ? undefined : this.#streams?.attach(options);
  }

  /** Returns when the container has ended for good, or at the next end after the signal was aborted or it was stopped. */
  async run(policy: Pod['spec']['restartPolicy'], until: AbortSignal): Promise<void> {
    this.#policy = policy;
    const signal = AbortSignal.any([until, this.#stopping.signal]);
    while (!signal.aborted) {
      this.#redefined = new AbortController();
      const redefined = this.#redefined.signal;
      const either = AbortSignal.any([signal, redefined]);
      const command = this.#command();
      if (command.kind === 'refused') {
        await this.#refuse(command, either);
        continue;
      }
      const ran = await this.#runOnce(command, signal, redefined);
      if (signal.aborted || (!redefined.aborted && isFinal(policy, this.#record.state))) return;
      const { state, last } = this.#record;
      const ended = { state, last };
      // Another image has failed nothing yet.
      await this.#waitForRestart(redefined.aborted ? 0 : this.#backoff.next(ran), either);
      if (!signal.aborted) this.#set({ restarts: this.#record.restarts + 1 });
      // Nobody starts it again: what it shows is how it ended, not that it waits.
      else this.#set(ended);
    }
  }

  /** The one field of a container that may change: what runs is ended, and the new image begun whatever the policy says. */
  setImage(image: string): void {
    const { container } = this.#options;
    if (image === container.image) return;
    this.#options = { ...this.#options, container: { ...container, image } };
    this.#redefined.abort();
  }

  /** Its preStop hook, its turn, SIGTERM, the grace, SIGKILL; it is not started again. */
  async stop(options: StopOptions): Promise<void> {
    this.#stopping.abort();
    await this.#end(options, `Stopping container ${this.#options.container.name}`);
  }

  async #end({ graceMs, force, turn }: StopOptions, message: string): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    const deadline = systemClock.now() + graceMs;
    const over = AbortSignal.any([force, this.#gone.signal]);
    const left = (): number => deadline - systemClock.now();
    if (this.#target !== undefined) this.#options.event('Normal', 'Killing', message);
    if (graceMs > 0) await this.#preStop(graceMs, over);
    if (turn !== undefined && left() > 0) {
      await Promise.race([turn, systemClock.sleep(left(), over).catch(() => undefined)]);
    }
    await process.stop(graceMs > 0 ? Math.max(LEAST_GRACE_MS, left()) : 0, force);
  }

  async #preStop(limitMs: number, over: AbortSignal): Promise<void> {
    const { container, event } = this.#options;
    const hook = container.lifecycle?.preStop;
    if (hook === undefined || this.#target === undefined) return;
    const enough = systemClock.sleep(limitMs, over).then(
      () => undefined,
      () => undefined,
    );
    const result = await Promise.race([this.#hook(hook, limitMs, over), enough]);
    if (result?.ok !== true && !over.aborted) event('Warning', 'FailedPreStopHook', 'PreStopHook failed');
  }

  /** False: it failed, or the container ended meanwhile. */
  async #postStart(process: ContainerProcess): Promise<boolean> {
    const { container, event, host, pod } = this.#options;
    const hook = container.lifecycle?.postStart;
    if (hook === undefined) return true;
    const result = await Promise.race([
      this.#hook(hook, undefined, this.#gone.signal),
      process.exited.then(() => undefined),
    ]);
    if (result?.ok === true) return true;
    if (result === undefined) return false;
    event('Warning', 'FailedPostStartHook', 'PostStartHook failed');
    const graceMs = pod.spec.terminationGracePeriodSeconds * 1_000;
    await this.#end({ graceMs, force: host.shutdown }, 'FailedPostStartHook');
    return false;
  }

  #hook(hook: LifecycleHandler, limitMs: number | undefined, over: AbortSignal): Promise<ProbeResult> {
    return runHook(this.#options.container, hook, {
      actions: this.#actions,
      sleep: (ms) => systemClock.sleep(ms, over).catch(() => undefined),
      ...(limitMs !== undefined && { limitMs }),
    });
  }

  #set(change: Partial<ContainerRecord>): void {
    this.#record = { ...this.#record, ...change };
    if (this.#record.started) this.#started.resolve();
    this.#options.onChange();
  }

  #command(): ContainerCommand {
    const { host, pod, container, sandbox, targetOf } = this.#options;
    const target = container.targetContainerName;
    if (target !== '' && targetOf(target) === undefined) {
      const message = `unable to find target container ${JSON.stringify(target)}`;
      return { kind: 'refused', reason: 'CreateContainerError', message };
    }
    const place = { hostIP: host.node.ip, podIPs: sandbox.podIPs };
    const made = containerEnv(container, pod, place, host.objects.of(pod.metadata.namespace));
    if (made.kind === 'env') return containerCommand(container, pod, made.env, host.images.command(container));
    return { kind: 'refused', reason: 'CreateContainerConfigError', message: made.message };
  }

  /** Until something changes that might help. */
  async #refuse({ reason, message }: Refused, signal: AbortSignal): Promise<void> {
    const { host, pod, container, event } = this.#options;
    event('Warning', 'Failed', `Error: ${message}`);
    this.#set({ state: { kind: 'waiting', reason, message }, ready: false });
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    await Promise.race([
      host.objects.changed(pod, either),
      ...(container.targetContainerName === '' ? [] : [systemClock.sleep(RETRY_MS, either).catch(() => undefined)]),
    ]);
    done.abort();
  }

  /** One start to its end; how long it ran, in ms. */
  async #runOnce(command: Runnable, signal: AbortSignal, redefined: AbortSignal): Promise<number> {
    const { host, pod, container, sandbox, files, event, targetOf } = this.#options;
    const cgroup = sandbox.cgroup.child(`c-${container.name}`);
    const started = systemClock.now();
    const startedAt = rfc3339(started);
    // Before pods that have nothing yet: of many, the first are complete first.
    const start = async () => {
      if (signal.aborted) return undefined;
      // What the last run left behind ends before the next begins.
      await cgroup.remove();
      // From here to the process that `stop` ends nothing waits.
      if (signal.aborted) return undefined;
      cgroup.create();
      const { procsFile } = cgroup;
      const { netns, holder } = sandbox;
      const { stage } = files;
      const mounts = [...imageMounts(command.files), ...files.mounts(container, pod, command.env)];
      const { tty } = container;
      const beside = targetOf(container.targetContainerName)?.init;
      const argv = containerArgv({ ...command, procsFile, netns, holder, stage, mounts, tty, beside });
      const log = new LogWriter(this.#nextLog());
      const streams = new ContainerStreams(container, log, isMadeToAttach(pod, container));
      const env = { ...(tty && { TERM: 'xterm' }), ...command.env };
      const made = new ContainerProcess({ argv, env: podEnvironment(env), cgroup, streams });
      this.#streams = streams;
      this.#gone = new AbortController();
      this.#process = made;
      await made.failure;
      return made;
    };
    const process = await host.starts.run(start, { urgent: true });
    if (process === undefined) return 0;
    const name = container.name;
    const graceMs = pod.spec.terminationGracePeriodSeconds * 1_000;
    const onRedefined = (): void =>
      void this.#end({ graceMs, force: host.shutdown }, `Container ${name} definition changed, will be restarted`);
    const failure = await process.failure;
    if (failure !== undefined) {
      // The process may have been ended by us, and then nothing has failed.
      if (!signal.aborted) event('Warning', 'Failed', `Error: ${startFailure(failure)}`);
    } else {
      const { privileges, workingDir, env } = command;
      this.#target = {
        container: name,
        procsFile: cgroup.procsFile,
        init: process.initPid(),
        privileges,
        workingDir,
        env,
      };
      event('Normal', 'Started', `Started container ${name}`);
      const id = randomBytes(32).toString('hex');
      if (await this.#postStart(process)) {
        const isStarted = container.startupProbe === undefined;
        const ready = isStarted && container.readinessProbe === undefined;
        this.#set({ state: { kind: 'running', startedAt }, started: isStarted, ready, id });
        void this.#probe(started, AbortSignal.any([this.#gone.signal, signal, host.shutdown]));
      }
    }
    redefined.addEventListener('abort', onRedefined, { once: true });
    if (redefined.aborted) onRedefined();
    const exit = await process.exited;
    redefined.removeEventListener('abort', onRedefined);
    this.#gone.abort();
    this.#process = undefined;
    this.#target = undefined;
    this.#streams = undefined;
    this.#set({ started: false, ready: false, state: terminated(exit, startedAt, failure) });
    return systemClock.now() - started;
  }

  /** Of the run that begins: the last one's is kept, and no other. */
  #nextLog(): string {
    const { container, logDir } = this.#options;
    const path = join(logDir, containerLogName(container.name));
    if (existsSync(path)) renameSync(path, join(logDir, containerLogName(container.name, true)));
    return path;
  }

  async #waitForRestart(delay: number, signal: AbortSignal): Promise<void> {
    const last = this.#record.state;
    const { container, pod, event } = this.#options;
    const { name, namespace, uid } = pod.metadata;
    if (delay > 0) {
      const message = `back-off ${goDuration(delay)} restarting failed container=${container.name} pod=${name}_${namespace}(${uid})`;
      this.#set({ last, state: { kind: 'waiting', reason: 'CrashLoopBackOff', message } });
      event(
        'Warning',
        'BackOff',
        `Back-off restarting failed container ${container.name} in pod ${name}_${namespace}(${uid})`,
      );
      await systemClock.sleep(delay, signal).catch(() => undefined);
    } else this.#set({ last });
  }

  async #probe(startedAt: number, signal: AbortSignal): Promise<void> {
    const { container, event } = this.#options;
    await watchContainer({
      container,
      actions: this.#actions,
      clock: systemClock,
      startedAt,
      signal,
      onStarted: () => {
        if (!this.#record.started) this.#set({ started: true });
      },
      onReady: (ready) => {
        if (this.#record.ready !== ready) this.#set({ ready });
      },
      onFailure: (kind, output) => event('Warning', 'Unhealthy', `${kind} probe failed: ${output}`),
      onDead: (kind, probe) => void this.#endDead(kind, probe),
    });
  }

  async #endDead(kind: 'Startup' | 'Liveness', probe: Probe): Promise<void> {
    const { container, host, pod } = this.#options;
    const seconds = probe.terminationGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds;
    const restart = this.#policy === 'Never' ? '' : ', will be restarted';
    const message = `Container ${container.name} failed ${kind.toLowerCase()} probe${restart}`;
    await this.#end({ graceMs: seconds * 1_000, force: host.shutdown }, message);
  }
}

/** `failure`: why there was no process; as container runtimes say it, who know of no time of its start. */
function terminated({ exitCode }: Exit, startedAt: string, failure: string | undefined): ContainerRecord['state'] {
  const finishedAt = rfc3339();
  if (failure === undefined) {
    return { kind: 'terminated', exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt, finishedAt };
  }
  const message = startFailure(failure);
  return { kind: 'terminated', exitCode: 128, reason: 'StartError', message, startedAt: rfc3339(0), finishedAt };
}

function startFailure(why: string): string {
  return `failed to start container: unable to start container process: ${why}`;
}

/** As Go writes it: `10s`, `1m20s`, `5m0s`. */
function goDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
