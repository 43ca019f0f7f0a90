/** What a kubelet makes of a pod's object for a runtime, as far as the pods of deploy/ need it. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ContainerConfig, Executed, Mount, SandboxConfig } from './cri.ts';
import { type ContainerdLab, NODE } from './lab.ts';

type VolumeMount = {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
  readonly mountPropagation?: keyof typeof PROPAGATION;
};
type Container = {
  readonly name: string;
  readonly image: string;
  readonly command?: string[];
  readonly args?: string[];
  readonly env?: {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef: object };
  }[];
  readonly securityContext?: { readonly privileged?: boolean; readonly readOnlyRootFilesystem?: boolean };
  readonly volumeMounts?: VolumeMount[];
  readonly readinessProbe?: { readonly exec: { readonly command: string[] } };
};
type Volume = {
  readonly name: string;
  readonly hostPath?: { readonly path: string; readonly type?: string };
  readonly configMap?: { readonly name: string };
  readonly emptyDir?: object;
  readonly projected?: object;
};
type PodSpec = {
  readonly serviceAccountName: string;
  readonly hostNetwork?: boolean;
  readonly initContainers?: Container[];
  readonly containers: [Container];
  readonly volumes: Volume[];
};

const PROPAGATION = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const;

/** A pod of a controller's template, on the node of the lab. */
export class ManifestPod {
  readonly #lab: ContainerdLab;
  readonly #spec: PodSpec;
  readonly #config: SandboxConfig;
  readonly #folder: string;
  #sandbox = '';
  #container = '';
  #attempt = 0;

  /** Makes the object of the pod, and the files of its volumes; nothing runs yet. */
  constructor(lab: ContainerdLab, kind: 'daemonsets' | 'deployments', namespace: string, name: string) {
    this.#lab = lab;
    const controller = lab.api.store.get(kind, { namespace, name }) as unknown as {
      spec: { template: { metadata: object; spec: object } };
    };
    const { template } = controller.spec;
    const { metadata, ...made } = lab.api.store.create('pods', {
      metadata: { ...template.metadata, name: `${name}-0`, namespace },
      spec: { ...template.spec, nodeName: NODE },
    });
    this.#spec = made['spec'] as unknown as PodSpec;
    const uid = metadata.uid ?? '';
    this.#folder = `/run/kubelet/${uid}`;
    const network = this.#spec.hostNetwork === true ? 'NODE' : 'POD';
    this.#config = {
      metadata: { name: metadata.name, namespace, uid },
      ...(network === 'POD' && { hostname: metadata.name }),
      logDirectory: `${this.#folder}/log`,
      linux: {
        cgroupParent: `/kubepods/pod${uid}`,
        securityContext: { namespaceOptions: { network }, privileged: true },
      },
    };
    mkdirSync(lab.node.path(`${this.#folder}/log`), { recursive: true });
    for (const volume of this.#spec.volumes) this.#makeVolume(volume, namespace);
  }

  /** The init containers one after the other, then the container. */
  async start(): Promise<void> {
    const { cri } = this.#lab.node;
    this.#sandbox = await cri.runSandbox(this.#config);
    for (const container of this.#spec.initContainers ?? []) {
      const id = await this.#startContainer(container);
      for (;;) {
        const { state, exitCode } = await cri.containerStatus(id);
        if (state === 'CONTAINER_EXITED' && exitCode === 0) break;
        if (state === 'CONTAINER_EXITED') throw new Error(`${container.name}: ${exitCode}`);
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    await this.startContainer();
  }

  async startContainer(): Promise<void> {
    this.#container = await this.#startContainer(this.#spec.containers[0]);
  }

  async stopContainer(): Promise<void> {
    await this.#lab.node.cri.stopContainer(this.#container, 10);
  }

  async isReady(): Promise<boolean> {
    const command = this.#spec.containers[0].readinessProbe?.exec.command ?? ['true'];
    return (await this.exec(...command)).code === 0;
  }

  async exec(...cmd: string[]): Promise<Executed> {
    return await this.#lab.node.cri.exec(this.#container, cmd);
  }

  async remove(): Promise<void> {
    await this.#lab.node.cri.stopSandbox(this.#sandbox);
    await this.#lab.node.cri.removeSandbox(this.#sandbox);
  }

  async #startContainer(container: Container): Promise<string> {
    const { name, image, command = [], args = [], env = [], securityContext = {}, volumeMounts = [] } = container;
    const network = this.#config.linux.securityContext?.namespaceOptions?.network ?? 'POD';
    const config: ContainerConfig = {
      metadata: { name, attempt: this.#attempt++ },
      image: { image },
      command,
      args,
      // The one field that these pods ask for is the name of their node.
      envs: env.map(({ name: key, value }) => ({ key, value: value ?? NODE })),
      mounts: volumeMounts.map((mount) => this.#mount(mount)),
      logPath: `${name}.log`,
      linux: {
        securityContext: {
          privileged: securityContext.privileged ?? false,
          readonlyRootfs: securityContext.readOnlyRootFilesystem ?? false,
          namespaceOptions: { network, pid: 'CONTAINER' },
        },
      },
    };
    return await this.#lab.node.cri.startContainer(this.#sandbox, config, this.#config);
  }

  #mount({ name, mountPath, readOnly = false, mountPropagation = 'None' }: VolumeMount): Mount {
    const propagation = PROPAGATION[mountPropagation];
    return { containerPath: mountPath, hostPath: this.#pathOf(name), readonly: readOnly, propagation };
  }

  #pathOf(name: string): string {
    const { hostPath } = this.#spec.volumes.find((volume) => volume.name === name) ?? {};
    return hostPath?.path ?? join(this.#folder, name);
  }

  #makeVolume({ name, hostPath, configMap, projected }: Volume, namespace: string): void {
    const { node, api, ca } = this.#lab;
    if (hostPath !== undefined && hostPath.type !== 'DirectoryOrCreate') return;
    const folder = node.path(this.#pathOf(name));
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const files: Record<string, string> = {};
    if (configMap !== undefined) {
      Object.assign(files, api.store.get('configmaps', { namespace, name: configMap.name })?.['data']);
    }
    if (projected !== undefined) {
      const { token } = api.tokens.issue({ namespace, name: this.#spec.serviceAccountName });
      Object.assign(files, { token, namespace, 'ca.crt': ca });
    }
    for (const [file, content] of Object.entries(files)) {
      const path = join(folder, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      chmodSync(path, 0o644);
    }
  }
}
