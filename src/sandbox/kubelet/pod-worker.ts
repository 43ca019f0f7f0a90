import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Backoff, errorMessage, systemClock } from '../../base/index.ts';
import { type ExecProcess, isApiError } from '../apiserver/index.ts';
import { type Container, type Pod, podKey, rfc3339 } from '../client/index.ts';
import { ContainerRunner, type ExecTarget } from './container-runner.ts';
import type { KubeletHost } from './kubelet-host.ts';
import { DEADLINE_EXCEEDED, Deadline } from './life/deadline.ts';
import { isSidecar, stopOrder } from './life/stop-order.ts';
import { podLogDir } from './log-files.ts';
import { notHonoured } from './not-honoured.ts';
import { PodFiles } from './pod-files.ts';
import { PodSandbox } from './pod-sandbox.ts';
import { type ContainerRecord, podStatus } from './pod-status.ts';

/** A network that is refused is asked for again after these delays. */
const SANDBOX_BACKOFF = { initial: 200, max: 5_000 };

/** One pod of the node, known by its uid, from the first sight of it to the removal of its object. */
export class PodWorker {
  readonly #host: KubeletHost;
  readonly #startTime = rfc3339();
  /** Aborted when the pod is to end. */
  readonly #ending = new AbortController();
  /** Aborted when it is to end without any grace. */
  readonly #force = new AbortController();
  /** Aborted when its containers have ended. */
  readonly #done = new AbortController();
  readonly #deadline = new Deadline(systemClock);
  readonly #runners = new Map<string, ContainerRunner>();
  readonly #files: PodFiles;
  #pod: Pod;
  #sandbox: PodSandbox | undefined;
  #graceMs = 0;
  #conditions: Parameters<typeof podStatus>[3] = [];
  #written = '';
  /** Why its containers cannot be made yet. */
  #missing: string | undefined;
  /** What it runs without, as last told. */
  #notHonoured = '';
  #gone = false;
  #hasDeadline = false;
  /** While its containers run: starts those that were added. */
  #startEphemeral: (() => void) | undefined;

  constructor(host: KubeletHost, pod: Pod) {
    this.#host = host;
    this.#pod = pod;
    this.#files = new PodFiles(host, pod, (type, reason, message) => this.#event(type, reason, message));
    this.update(pod);
  }

  /** A new version of the object: its deletion matters, its deadline, its images, its ephemeral containers, and what its files are made of; the rest of the spec does not change. */
  update(pod: Pod): void {
    const { labels, annotations } = this.#pod.metadata;
    const { activeDeadlineSeconds } = pod.spec;
    if (!this.#hasDeadline || activeDeadlineSeconds !== this.#pod.spec.activeDeadlineSeconds) {
      this.#deadline.set(activeDeadlineSeconds);
      this.#hasDeadline = true;
    }
    this.#pod = pod;
    if (!isDeepStrictEqual([labels, annotations], [pod.metadata.labels, pod.metadata.annotations])) {
      this.#host.objects.tell(pod);
    }
    if (pod.metadata.deletionTimestamp === undefined) {
      for (const { name, image } of specContainers(pod)) this.#runners.get(name)?.setImage(image);
      this.#startEphemeral?.();
      return;
    }
    this.#graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1_000;
    if (this.#graceMs === 0) this.#force.abort();
    this.#ending.abort();
  }

  /** The object is not there any more: a forced deletion. */
  forget(): void {
    this.#gone = true;
    this.#force.abort();
    this.#ending.abort();
  }

  /** `undefined` while the container does not run. */
  execTarget(container?: string): ExecTarget | undefined {
    const name = container ?? this.#pod.spec.containers[0]?.name ?? '';
    return this.#runners.get(name)?.target;
  }

  /** `undefined` while the container does not run. */
  attach(container: string, options: { readonly stdin: boolean }): ExecProcess | undefined {
    return this.#runners.get(container)?.attach(options);
  }

  get netns(): string | undefined {
    return this.#sandbox?.netns || undefined;
  }

  async checkNetwork(): Promise<void> {
    await this.#sandbox?.check();
  }

  /** Resolves when nothing of the pod is left on the node. */
  async run(): Promise<void> {
    const over = AbortSignal.any([this.#ending.signal, this.#host.shutdown]);
    const stop = AbortSignal.any([over, this.#deadline.signal]);
    stop.addEventListener('abort', () => this.#onStop(), { once: true });
    try {
      this.#tellNotHonoured();
      if ((await this.#prepareFiles(stop)) && (await this.#setUp(stop))) await this.#runContainers(stop);
    } catch (error) {
      this.#host.log.error({ pod: podKey(this.#pod), error: errorMessage(error) }, 'pod failed');
      this.#event('Warning', 'Failed', errorMessage(error));
    }
    this.#deadline.stop();
    // A pod that has run to its end frees its network at once, and its object stays until somebody deletes it.
    this.#done.abort();
    await this.#tearDown();
    if (!over.aborted) await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }));
    if (this.#host.shutdown.aborted) return;
    this.#finalize();
    rmSync(this.#logDir, { recursive: true, force: true });
  }

  #tellNotHonoured(): void {
    const { namespace, name } = this.#pod.metadata;
    const stored = this.#host.store.get('pods', { namespace, name });
    const paths = stored === undefined ? [] : notHonoured(stored);
    if (paths.length === 0 || this.#notHonoured === paths.join()) return;
    this.#notHonoured = paths.join();
    this.#event('Warning', 'NotHonoured', `the sandbox runs the pod without: ${paths.join(', ')}`);
  }

  /** Resolves when the pod's volumes are there; false when it is to end before. */
  async #prepareFiles(stop: AbortSignal): Promise<boolean> {
    const done = await this.#files.prepare(
      () => this.#pod,
      stop,
      (faults) => {
        this.#missing = faults.map(({ volume, message }) => `volume "${volume}": ${message}`).join('; ');
        this.#publish();
      },
    );
    this.#missing = undefined;
    return done;
  }

  async #followFiles(signal: AbortSignal): Promise<void> {
    try {
      await this.#files.follow(() => this.#pod, signal);
    } catch (error) {
      this.#host.log.error({ pod: podKey(this.#pod), error: errorMessage(error) }, 'volumes are not kept up to date');
    }
  }

  #onStop(): void {
    if (!this.#deadline.signal.aborted) return;
    const { reason, message } = DEADLINE_EXCEEDED;
    this.#graceMs = this.#pod.spec.terminationGracePeriodSeconds * 1_000;
    this.#event('Normal', reason, message);
    this.#publish();
  }

  async #setUp(stop: AbortSignal): Promise<boolean> {
    const backoff = new Backoff(SANDBOX_BACKOFF);
    while (!stop.aborted) {
      const sandbox = new PodSandbox(this.#host.sandboxes, this.#pod, this.#files.memory);
      try {
        await this.#host.starts.run(async () => {
          if (stop.aborted) return;
          this.#sandbox = sandbox;
          await sandbox.create();
          await this.#files.writeEtc(this.#pod, sandbox.podIPs);
        });
        return !stop.aborted;
      } catch (error) {
        this.#sandbox = undefined;
        if (this.#host.shutdown.aborted) return false;
        this.#event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${errorMessage(error)}`);
        this.#publish();
        await sandbox.remove(this.#host.shutdown);
        await systemClock.sleep(backoff.next(), stop).catch(() => undefined);
      }
    }
    return false;
  }

  async #runContainers(stop: AbortSignal): Promise<void> {
    const { restartPolicy, initContainers, containers } = this.#pod.spec;
    void this.#followFiles(AbortSignal.any([stop, this.#done.signal]));
    const running: Promise<void>[] = [];
    this.#startEphemeral = () => {
      for (const container of this.#pod.spec.ephemeralContainers) {
        if (this.#runners.has(container.name)) continue;
        this.#tellNotHonoured();
        running.push(this.#runner(container).run('Never', stop));
      }
    };
    try {
      this.#startEphemeral();
      for (const container of initContainers) {
        const runner = this.#runner(container);
        if (isSidecar(container)) {
          running.push(runner.run('Always', stop));
          await this.#unlessStopped(runner.started, stop);
          continue;
        }
        // An init container that succeeded is done even where the others are always restarted.
        const run = runner.run(restartPolicy === 'Never' ? 'Never' : 'OnFailure', stop);
        running.push(run);
        await this.#unlessStopped(run, stop);
        const { state } = runner.record;
        if (state.kind !== 'terminated' || state.exitCode !== 0) return;
      }
      if (stop.aborted) return;
      const main = Promise.all(containers.map((container) => this.#runner(container).run(restartPolicy, stop)));
      running.push(main.then(() => undefined));
      await this.#unlessStopped(main, stop);
    } finally {
      this.#startEphemeral = undefined;
      await this.#stopContainers(stop);
      await Promise.all(running);
    }
  }

  async #unlessStopped(what: Promise<unknown>, stop: AbortSignal): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    const onStop = (): void => stopped.resolve();
    stop.addEventListener('abort', onStop, { once: true });
    if (stop.aborted) onStop();
    await Promise.race([what, stopped.promise]);
    stop.removeEventListener('abort', onStop);
  }

  /** What still runs: all of it when the pod is to end, sidecars when the others have ended by themselves. */
  async #stopContainers(stop: AbortSignal): Promise<void> {
    const force = AbortSignal.any([this.#force.signal, this.#host.shutdown]);
    const graceMs = stop.aborted ? this.#graceMs : this.#pod.spec.terminationGracePeriodSeconds * 1_000;
    let turn: Promise<unknown> | undefined;
    for (const group of stopOrder(this.#pod)) {
      const runners = group.flatMap((name) => this.#runners.get(name) ?? []);
      const before = turn;
      turn = Promise.all(runners.map((runner) => runner.stop({ graceMs, force, ...(before && { turn: before }) })));
    }
    await turn;
  }

  #runner({ name }: Container): ContainerRunner {
    const container = specContainers(this.#pod).find((one) => one.name === name);
    if (container === undefined) throw new Error(`no container ${name} in ${podKey(this.#pod)}`);
    const runner = new ContainerRunner({
      host: this.#host,
      pod: this.#pod,
      container,
      sandbox: this.#sandbox ?? new PodSandbox(this.#host.sandboxes, this.#pod),
      files: this.#files,
      logDir: this.#logDir,
      targetOf: (name) => this.#runners.get(name)?.target,
      onChange: () => this.#publish(),
      event: (type, reason, message) => this.#event(type, reason, message),
    });
    this.#runners.set(name, runner);
    return runner;
  }

  async #tearDown(): Promise<void> {
    const sandbox = this.#sandbox;
    if (this.#host.shutdown.aborted) return;
    await sandbox?.remove(this.#host.shutdown);
    await this.#files.remove(this.#pod);
    if (sandbox === undefined) return;
    rmSync(this.#recordPath, { force: true });
  }

  /** The kubelet has the last word on a pod's deletion: without grace, and only of this very object. */
  #finalize(): void {
    const { namespace, name, uid } = this.#pod.metadata;
    if (this.#gone) return;
    try {
      this.#host.store.delete('pods', { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isApiError(error)) throw error;
    }
  }

  #publish(): void {
    if (this.#gone || this.#host.shutdown.aborted) return;
    const { namespace, name, uid } = this.#pod.metadata;
    const containers = new Map<string, ContainerRecord>(
      [...this.#runners].map(([key, runner]) => [key, runner.record]),
    );
    const record = {
      startTime: this.#startTime,
      hostIP: this.#host.node.ip,
      podIPs: this.#sandbox?.podIPs ?? [],
      containers,
      ...(this.#missing !== undefined && { missing: this.#missing }),
      ...(this.#deadline.signal.aborted && { failed: DEADLINE_EXCEEDED }),
    };
    const { status, conditions } = podStatus(this.#pod, record, rfc3339(), this.#conditions);
    this.#conditions = conditions;
    const text = JSON.stringify(status);
    if (text === this.#written) return;
    this.#written = text;
    this.#writeRecord();
    try {
      if (this.#host.store.get('pods', { namespace, name })?.metadata.uid !== uid) return;
      this.#host.store.patchStatus('pods', { namespace, name }, JSON.parse(text));
    } catch (error) {
      this.#host.log.warn({ pod: podKey(this.#pod), error: errorMessage(error) }, 'status not written');
    }
  }

  get #logDir(): string {
    return podLogDir(this.#host.node.dir, this.#pod);
  }

  get #recordPath(): string {
    const { namespace, name } = this.#pod.metadata;
    return join(this.#host.node.dir, 'pods', `${namespace}_${name}.json`);
  }

  /** For `membrane sandbox exec`, which is another process. */
  #writeRecord(): void {
    const { uid } = this.#pod.metadata;
    const targets = [...this.#runners.values()].flatMap((runner) => runner.target ?? []);
    const path = this.#recordPath;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, JSON.stringify({ uid, netns: this.netns, targets }), { mode: 0o600 });
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (this.#gone || this.#host.shutdown.aborted) return;
    const { namespace, name, uid } = this.#pod.metadata;
    this.#host.events.record({ kind: 'Pod', namespace, name, uid }, { type, reason, message });
  }
}

function specContainers({ spec }: Pod): readonly Container[] {
  return [...spec.initContainers, ...spec.containers, ...spec.ephemeralContainers];
}
