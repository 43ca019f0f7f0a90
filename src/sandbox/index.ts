export { type JsonObject, stringAt } from './apiserver/index.ts';
export {
  type ExecOptions,
  manifestFiles,
  type ObjectRef,
  type PodCommand,
  type ReadyOptions,
  RemoteSandbox,
  type Sandbox,
  SandboxCluster,
  type SandboxOptions,
} from './cluster/index.ts';
export { aborted, interruption } from './interruption.ts';
export { containerCapabilities, setprivArgs } from './kubelet/index.ts';
export {
  attempt,
  type CommandOptions,
  type CommandResult,
  createNetns,
  deleteNetns,
  inNetnsArgv,
  ipBatch,
  type NodePlace,
  netnsPath,
  nodePlace,
  REPOSITORY,
  run,
  STATE_DIR,
  setSysctls,
  uplinkPort,
  WORLD,
  WORLD_BRIDGE,
} from './machine/index.ts';
