import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GrpcClient } from './grpc.ts';
import { Proto } from './proto.ts';

/** `POD`: the pod's own, `NODE`: the node's. */
export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE';
type Namespaces = { readonly network?: NamespaceMode; readonly pid?: NamespaceMode };

/** PodSandboxConfig. */
export type SandboxConfig = {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly attempt?: number;
  };
  readonly hostname?: string;
  readonly logDirectory?: string;
  readonly portMappings?: readonly { readonly containerPort: number; readonly hostPort: number }[];
  readonly linux: {
    readonly cgroupParent: string;
    readonly securityContext?: { readonly namespaceOptions?: Namespaces; readonly privileged?: boolean };
  };
};

export type Mount = {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly?: boolean;
  readonly propagation?: 'PROPAGATION_PRIVATE' | 'PROPAGATION_HOST_TO_CONTAINER' | 'PROPAGATION_BIDIRECTIONAL';
};

/** ContainerConfig. */
export type ContainerConfig = {
  readonly metadata: { readonly name: string; readonly attempt?: number };
  readonly image: { readonly image: string };
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly envs?: readonly { readonly key: string; readonly value: string }[];
  readonly mounts?: readonly Mount[];
  readonly logPath?: string;
  readonly linux?: {
    readonly securityContext: {
      readonly privileged?: boolean;
      readonly readonlyRootfs?: boolean;
      readonly namespaceOptions?: Namespaces;
    };
  };
};

export type Condition = { readonly type: string; readonly status: boolean; readonly message: string };
export type SandboxState = 'SANDBOX_READY' | 'SANDBOX_NOTREADY';
export type ContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN';
export type Executed = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** No runtime that works takes so long for one request. */
const TIMEOUT_SECONDS = 120;
const PROTO = new Proto(readFileSync(join(import.meta.dirname, 'cri.proto'), 'utf8'));

/** Asks a container runtime as a kubelet does, through its socket. What it refuses is thrown as a GrpcError. */
export class CriClient {
  readonly #client: GrpcClient;

  constructor(socket: string) {
    this.#client = new GrpcClient(socket);
  }

  async conditions(): Promise<readonly Condition[]> {
    const { status } = await this.#call<{ status: { conditions: Condition[] } }>('Status', {});
    return status.conditions;
  }

  /** Gives its id. */
  async runSandbox(config: SandboxConfig): Promise<string> {
    return (await this.#call<{ podSandboxId: string }>('RunPodSandbox', { config })).podSandboxId;
  }

  async stopSandbox(podSandboxId: string): Promise<void> {
    await this.#call('StopPodSandbox', { podSandboxId });
  }

  async removeSandbox(podSandboxId: string): Promise<void> {
    await this.#call('RemovePodSandbox', { podSandboxId });
  }

  async sandboxStatus(podSandboxId: string): Promise<{ readonly state: SandboxState; readonly ip: string }> {
    type Answer = { status: { state: SandboxState; network: { ip: string } | undefined } };
    const { status } = await this.#call<Answer>('PodSandboxStatus', { podSandboxId });
    return { state: status.state, ip: status.network?.ip ?? '' };
  }

  /** Path of its network namespace, as the runtime knows it. */
  async sandboxNetns(podSandboxId: string): Promise<string> {
    type Info = { runtimeSpec: { linux: { namespaces: { type: string; path?: string }[] } } };
    const { info } = await this.#call<{ info: { info: string } }>('PodSandboxStatus', { podSandboxId, verbose: true });
    const { namespaces } = (JSON.parse(info.info) as Info).runtimeSpec.linux;
    return namespaces.find(({ type }) => type === 'network')?.path ?? '';
  }

  async sandboxes(): Promise<readonly { readonly id: string; readonly state: SandboxState }[]> {
    return (await this.#call<{ items: { id: string; state: SandboxState }[] }>('ListPodSandbox', {})).items;
  }

  /** Creates and starts one; gives its id. */
  async startContainer(podSandboxId: string, config: ContainerConfig, sandboxConfig: SandboxConfig): Promise<string> {
    const request = { podSandboxId, config, sandboxConfig };
    const { containerId } = await this.#call<{ containerId: string }>('CreateContainer', request);
    await this.#call('StartContainer', { containerId });
    return containerId;
  }

  async stopContainer(containerId: string, timeout = 0): Promise<void> {
    await this.#call('StopContainer', { containerId, timeout });
  }

  async containerStatus(containerId: string): Promise<{ readonly state: ContainerState; readonly exitCode: number }> {
    type Answer = { status: { state: ContainerState; exitCode: number } };
    return (await this.#call<Answer>('ContainerStatus', { containerId })).status;
  }

  async exec(containerId: string, cmd: readonly string[]): Promise<Executed> {
    type Answer = { exitCode: number; stdout: Buffer; stderr: Buffer };
    const { exitCode, stdout, stderr } = await this.#call<Answer>('ExecSync', { containerId, cmd });
    return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  close(): void {
    this.#client.close();
  }

  async #call<T>(name: string, request: object): Promise<T> {
    const message = PROTO.encodeRequest(name, request);
    const answer = await this.#client.call(PROTO.service, name, message, TIMEOUT_SECONDS);
    return PROTO.decodeAnswer(name, answer) as T;
  }
}
