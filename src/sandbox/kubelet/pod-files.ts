import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../base/index.ts';
import type { Container, Pod } from '../client/index.ts';
import { hostName, hostsFile } from './etc/hosts-file.ts';
import { resolvConf } from './etc/resolv-conf.ts';
import type { KubeletHost } from './kubelet-host.ts';
import type { Mount } from './volumes/mounts.ts';
import { type MemoryVolume, PodVolumes, type VolumeFault } from './volumes/pod-volumes.ts';

/** How often what changes without any object doing so (tokens) is looked at. */
const REFRESH_MS = 60_000;
/** How soon a volume that cannot be had is tried again when no object changes. */
const RETRY_MS = 2_000;

type Tell = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** What a pod's containers find in their file systems besides what is the machine's. */
export class PodFiles {
  readonly #host: KubeletHost;
  readonly #event: Tell;
  readonly #folder: string;
  readonly #volumes: PodVolumes;

  constructor(host: KubeletHost, pod: Pod, event: Tell) {
    this.#host = host;
    this.#event = event;
    this.#folder = join(host.node.dir, 'pod-files', pod.metadata.uid);
    this.#volumes = new PodVolumes(host, join(this.#folder, 'volumes'));
  }

  get memory(): readonly MemoryVolume[] {
    return this.#volumes.memory;
  }

  /** Where a container's root is put together. */
  get stage(): string {
    return join(this.#folder, 'stage');
  }

  /** Resolves when all volumes are there; false when the signal was aborted before. `waiting` is told why. */
  async prepare(
    pod: () => Pod,
    signal: AbortSignal,
    waiting: (faults: readonly VolumeFault[]) => void,
  ): Promise<boolean> {
    await mkdir(this.stage, { recursive: true, mode: 0o755 });
    await mkdir(join(this.#folder, 'etc'), { recursive: true, mode: 0o755 });
    while (!signal.aborted) {
      // Listening before looking: what changes in between is seen.
      const news = this.#news(pod(), signal, RETRY_MS);
      const faults = await this.#volumes.refresh(pod());
      if (faults.length === 0) return true;
      for (const { volume, message } of faults) {
        this.#event('Warning', 'FailedMount', `MountVolume.SetUp failed for volume "${volume}" : ${message}`);
      }
      waiting(faults);
      await news;
    }
    return false;
  }

  /** Brings volumes up to date with what they are made of, until the signal is aborted. */
  async follow(pod: () => Pod, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const news = this.#news(pod(), signal, REFRESH_MS);
      for (const { volume, message } of await this.#volumes.refresh(pod())) {
        this.#event('Warning', 'FailedMount', `MountVolume.SetUp failed for volume "${volume}" : ${message}`);
      }
      await news;
    }
  }

  /** Writes what depends on the pod's addresses. */
  async writeEtc(pod: Pod, podIPs: readonly string[]): Promise<void> {
    const { dns } = this.#host;
    const { text, warnings } = resolvConf(pod, dns);
    for (const warning of warnings) this.#event('Warning', 'DNSConfigForming', warning);
    const files = { hosts: hostsFile(pod, podIPs, dns.domain), hostname: `${hostName(pod)}\n`, 'resolv.conf': text };
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(this.#folder, 'etc', name), content, { mode: 0o644 });
    }
  }

  mounts(container: Container, pod: Pod, env: Readonly<Record<string, string>>): Mount[] {
    const volumes = this.#volumes.mounts(container, pod, env);
    const taken = new Set(volumes.map(({ target }) => target));
    const etc = ['hosts', 'hostname', 'resolv.conf'].map((name) => {
      const path = join(this.#folder, 'etc', name);
      return { source: path, sub: '', target: `/etc/${name}`, readOnly: false };
    });
    // A volume at /etc would hide them: after it.
    const first = volumes.filter(({ target }) => target === '/etc' || target === '/');
    const rest = volumes.filter((mount) => !first.includes(mount));
    return [...first, ...etc.filter(({ target }) => !taken.has(target)), ...rest];
  }

  async remove(pod: Pod): Promise<void> {
    this.#host.tokens.forget(pod.metadata.uid);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Until something changes that the files may be made of, or some time has gone. */
  async #news(pod: Pod, signal: AbortSignal, ms: number): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    await Promise.race([this.#host.objects.changed(pod, either), systemClock.sleep(ms, either).catch(() => undefined)]);
    done.abort();
  }
}
