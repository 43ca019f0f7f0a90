import type { JsonObject, KubeObject } from '../apiserver/index.ts';
import type { CommandOptions, CommandResult } from '../machine/index.ts';
import type { PodCommand } from './pod-exec.ts';

/** Names one object of a resource (plural name, e.g. `pods`); cluster-scoped ones have no namespace. */
export type ObjectRef = { readonly resource: string; readonly namespace?: string; readonly name: string };

export type ReadyOptions = {
  /** Pods (`namespace/name`) that must be ready; default: all that there are. */
  readonly pods?: readonly string[];
  /** Default 60,000. */
  readonly timeoutMs?: number;
};

/**
 * What experiments do with a sandbox, the same whether it runs in this process (SandboxCluster) or in another one
 * (RemoteSandbox). Names of nodes are `node-1` and so on.
 */
export type Sandbox = {
  /** Creates or updates the objects of a YAML text. Throws E_SANDBOX_MANIFEST. */
  apply(yaml: string, source?: string): Promise<void>;
  get(ref: ObjectRef): Promise<KubeObject | undefined>;
  list(resource: string, namespace?: string): Promise<KubeObject[]>;
  /** JSON merge patch, e.g. `{ metadata: { labels: { app: 'x' } } }`. */
  patch(ref: ObjectRef, patch: JsonObject): Promise<void>;
  /** Merges members into an object's status, as whoever may write it (a load balancer's controller, say). */
  patchStatus(ref: ObjectRef, status: JsonObject): Promise<void>;
  /** Deleting what is gone is success. `graceSeconds` 0: at once. Resolves when the API has taken it, see `waitGone`. */
  delete(ref: ObjectRef, graceSeconds?: number): Promise<void>;
  /** Of all nodes and of pods. Throws E_SANDBOX_TIMEOUT, naming what is not ready. */
  waitReady(options?: ReadyOptions): Promise<void>;
  /** Until the kubelet has nothing left of the pod, its network included. Throws E_SANDBOX_TIMEOUT. */
  waitGone(namespace: string, name: string, timeoutMs?: number): Promise<void>;
  /** The command line that runs `argv` in a running pod's container, with its privileges. Throws E_SANDBOX_NO_POD. */
  podCommand(namespace: string, name: string, argv: readonly string[], container?: string): Promise<PodCommand>;
  /** Runs something in a pod to its end. */
  exec(namespace: string, name: string, argv: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** The command line that runs `argv` as a process of a node: in its network namespace and below its cgroup. */
  nodeCommand(node: string, argv: readonly string[]): Promise<readonly string[]>;
  /** Runs something as a process of a node, with all of the machine's privileges. */
  nodeExec(node: string, argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Runs something as the world outside of the cluster. */
  worldExec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Path of a pod's network namespace, from the moment that it exists. */
  netnsOf(namespace: string, name: string): Promise<string | undefined>;
  /** CNI CHECK: rejects when the network is not as it was made. */
  checkNetwork(namespace: string, name: string): Promise<void>;
  /**
   * The next pod of this name gets this address if it is free; until then its network is refused and tried again. Only the
   * operator of the sandbox can ask; nothing in a pod's object can.
   */
  requestAddress(namespace: string, name: string, ip: string): Promise<void>;
  /** The next pod of this name stops between its namespace being made and the CNI plugin being run, until released. */
  holdNetwork(namespace: string, name: string): Promise<void>;
  releaseNetwork(namespace: string, name: string): Promise<void>;
  /** Ends a node's agent and keeps it down. Resolves when it is gone. */
  killAgent(node: string, signal?: NodeJS.Signals): Promise<void>;
  /** Resolves when the process is there, which is before it is ready. Idempotent. */
  startAgent(node: string): Promise<void>;
  /** `undefined` while it does not run. */
  agentPid(node: string): Promise<number | undefined>;
  /** One more node; gives its name. Resolves when it starts (see `waitReady`). */
  joinNode(): Promise<string>;
  /** Takes a node away at once, and its object: nobody there can say anything any more. Its pods are deleted for want of it. */
  removeNode(name: string): Promise<void>;
  /** The API server does not answer agents and kubectl any more, and ends their connections. What goes through here, and kubelets, is not concerned. */
  stopApi(): Promise<void>;
  /** With all that it knew. */
  startApi(): Promise<void>;
};

export type ExecOptions = CommandOptions & { readonly container?: string };
