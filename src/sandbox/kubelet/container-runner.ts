import { randomBytes } from 'node:crypto';
import { systemClock } from '../../base/index.ts';
import { type Container, type Pod, rfc3339 } from '../client/index.ts';
import { attempt } from '../machine/index.ts';
import { type ContainerCommand, containerCommand } from './container-command.ts';
import { ContainerProcess, type Exit } from './container-process.ts';
import { containerEnv } from './env/container-env.ts';
import { imageMounts } from './images/images.ts';
import { containerArgv, execArgv } from './isolation.ts';
import type { KubeletHost } from './kubelet-host.ts';
import { httpProbe, tcpProbe } from './network-probe.ts';
import type { PodFiles } from './pod-files.ts';
import type { PodSandbox } from './pod-sandbox.ts';
import { type ContainerRecord, isFinal } from './pod-status.ts';
import { watchReadiness } from './readiness.ts';
import { RestartBackoff } from './restart-backoff.ts';

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
  readonly logPath: string;
  /** After every change of `record`. */
  readonly onChange: () => void;
  readonly event: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
};

type Runnable = Extract<ContainerCommand, { kind: 'command' }>;
type Refused = Extract<ContainerCommand, { kind: 'refused' }>;

/** One container's life: start, readiness, end, start again as the pod's restart policy wants. */
export class ContainerRunner {
  readonly #options: ContainerRunnerOptions;
  readonly #backoff: RestartBackoff;
  #record: ContainerRecord = { state: { kind: 'waiting', reason: 'PodInitializing' }, restarts: 0, ready: false };
  #process: ContainerProcess | undefined;
  #target: ExecTarget | undefined;

  constructor(options: ContainerRunnerOptions) {
    this.#options = options;
    this.#backoff = new RestartBackoff(options.host.restartDelay);
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** `undefined` while it does not run. */
  get target(): ExecTarget | undefined {
    return this.#target;
  }

  /** Returns when the container has ended for good, or at the next end after the signal was aborted. */
  async run(policy: Pod['spec']['restartPolicy'], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const command = this.#command();
      if (command.kind === 'refused') {
        await this.#refuse(command, signal);
        continue;
      }
      const ran = await this.#runOnce(command, signal);
      if (signal.aborted || isFinal(policy, this.#record.state)) return;
      await this.#waitForRestart(this.#backoff.next(ran), signal);
      if (!signal.aborted) this.#set({ restarts: this.#record.restarts + 1 });
    }
  }

  /** SIGTERM, the grace, SIGKILL. */
  async stop(graceMs: number, force: AbortSignal): Promise<void> {
    if (this.#record.state.kind === 'running') {
      this.#options.event('Normal', 'Killing', `Stopping container ${this.#options.container.name}`);
    }
    await this.#process?.stop(graceMs, force);
  }

  #set(change: Partial<ContainerRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#options.onChange();
  }

  #command(): ContainerCommand {
    const { host, pod, container, sandbox } = this.#options;
    const place = { hostIP: host.node.ip, podIPs: sandbox.podIPs };
    const made = containerEnv(container, pod, place, host.objects.of(pod.metadata.namespace));
    if (made.kind === 'env') return containerCommand(container, pod, made.env, host.images.command(container));
    return { kind: 'refused', reason: 'CreateContainerConfigError', message: made.message };
  }

  /** Until something changes that might help. */
  async #refuse({ reason, message }: Refused, signal: AbortSignal): Promise<void> {
    const { host, pod, event } = this.#options;
    event('Warning', 'Failed', `Error: ${message}`);
    this.#set({ state: { kind: 'waiting', reason, message }, ready: false });
    await host.objects.changed(pod.metadata.namespace, signal);
  }

  /** One start to its end; how long it ran, in ms. */
  async #runOnce(command: Runnable, signal: AbortSignal): Promise<number> {
    const { host, pod, container, sandbox, files, event } = this.#options;
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
      const argv = containerArgv({ ...command, procsFile, netns, holder, stage, mounts });
      const made = new ContainerProcess({ argv, env: command.env, cgroup, logPath: this.#options.logPath });
      this.#process = made;
      await made.running;
      return made;
    };
    const process = await host.starts.run(start, { urgent: true });
    if (process === undefined) return 0;
    const name = container.name;
    const ended = new AbortController();
    const running = await process.running;
    if (running) {
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
      const ready = container.readinessProbe === undefined;
      this.#set({ state: { kind: 'running', startedAt }, ready, id });
      void this.#probe(AbortSignal.any([ended.signal, signal, host.shutdown]));
    }
    const exit = await process.exited;
    ended.abort();
    this.#process = undefined;
    this.#target = undefined;
    this.#set({ ready: false, state: this.#terminated(exit, startedAt, running) });
    return systemClock.now() - started;
  }

  #terminated(exit: Exit, startedAt: string, ran: boolean): ContainerRecord['state'] {
    const reason = !ran ? 'StartError' : exit.exitCode === 0 ? 'Completed' : 'Error';
    const failure = ran ? {} : { message: 'the process could not be started; its log says why' };
    return { kind: 'terminated', exitCode: exit.exitCode, reason, startedAt, finishedAt: rfc3339(), ...failure };
  }

  async #waitForRestart(delay: number, signal: AbortSignal): Promise<void> {
    const last = this.#record.state;
    const { name } = this.#options.container;
    if (delay > 0) {
      const message = `back-off ${Math.ceil(delay / 1_000)}s restarting failed container=${name}`;
      this.#set({ last, state: { kind: 'waiting', reason: 'CrashLoopBackOff', message } });
      this.#options.event('Warning', 'BackOff', `Back-off restarting failed container ${name}`);
      await systemClock.sleep(delay, signal).catch(() => undefined);
    } else this.#set({ last });
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const { container, sandbox, host } = this.#options;
    if (container.readinessProbe === undefined) return;
    const ip = sandbox.podIPs[0] ?? '';
    await watchReadiness(container, container.readinessProbe, {
      signal,
      onChange: (ready) => this.#set({ ready }),
      actions: {
        tcp: (port, timeoutMs) => tcpProbe(host.node.netnsPath, ip, port, timeoutMs),
        http: (port, path, timeoutMs) => httpProbe(host.node.netnsPath, ip, port, path, timeoutMs),
        exec: async (argv, timeoutMs) => {
          if (this.#target === undefined) return false;
          const { env } = this.#target;
          const result = await attempt(execArgv({ ...this.#target, argv }), { env, timeoutMs }).catch(() => undefined);
          return result?.code === 0;
        },
      },
    });
  }
}
