import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../../../base/index.ts';
import type { Container, Pod, Volume } from '../../client/index.ts';
import type { PodPlace } from '../env/field-ref.ts';
import type { KubeletHost } from '../kubelet-host.ts';
import { writeAtomically } from './atomic-writer.ts';
import { claimFolder } from './claim-folder.ts';
import { containerMounts, type Mount } from './mounts.ts';
import { nodePathOf } from './node-path.ts';
import { planVolume } from './plan.ts';
import { project } from './project.ts';

/** A file system in memory that the pod's holder mounts. */
export type MemoryVolume = { readonly path: string; readonly options: string };

export type VolumeFault = { readonly volume: string; readonly message: string };

/** The volumes of one pod, in a folder of its own. */
export class PodVolumes {
  readonly #host: KubeletHost;
  readonly #folder: string;
  /** Where each volume is that is there, by name. */
  readonly #folders = new Map<string, string>();
  readonly #memory: MemoryVolume[] = [];

  constructor(host: KubeletHost, folder: string) {
    this.#host = host;
    this.#folder = folder;
  }

  get memory(): readonly MemoryVolume[] {
    return this.#memory;
  }

  mounts(container: Container, pod: Pod, env: Readonly<Record<string, string>>): Mount[] {
    return containerMounts(container, pod.spec.volumes, this.#folders, env);
  }

  /** Makes what is not there yet, and brings up to date what is made of objects; tells of what cannot be had. */
  async refresh(pod: Pod): Promise<VolumeFault[]> {
    const faults: VolumeFault[] = [];
    for (const volume of pod.spec.volumes) {
      const plan = planVolume(volume, pod);
      try {
        if (plan.kind === 'none') throw new Error(plan.message);
        if (plan.kind === 'files') await this.#project(volume, pod);
        else if (this.#folders.has(volume.name)) continue;
        else if (plan.kind === 'memory') await this.#makeMemory(volume.name, plan.options);
        else if (plan.kind === 'claim') this.#folders.set(volume.name, await claimFolder(this.#host, pod, plan.name));
        else this.#folders.set(volume.name, await nodePathOf(join(this.#host.node.dir, 'files'), plan.path, plan.type));
      } catch (error) {
        faults.push({ volume: volume.name, message: errorMessage(error) });
      }
    }
    return faults;
  }

  async #makeMemory(name: string, options: string): Promise<void> {
    const path = join(this.#folder, name);
    await mkdir(path, { recursive: true, mode: 0o755 });
    this.#memory.push({ path, options });
    this.#folders.set(name, path);
  }

  async #project(volume: Volume, pod: Pod): Promise<void> {
    const place: PodPlace = { hostIP: this.#host.node.ip, podIPs: [] };
    const { namespace } = pod.metadata;
    const token = this.#host.tokens.sourceFor(pod);
    const made = project(volume, { pod, place, sources: this.#host.objects.of(namespace), token });
    if (made === undefined) return;
    if (made.kind === 'missing') throw new Error(made.message);
    const path = join(this.#folder, volume.name);
    await writeAtomically(path, made.files, pod.spec.securityContext?.fsGroup);
    this.#folders.set(volume.name, path);
  }
}
