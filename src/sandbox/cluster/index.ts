export { SandboxCluster } from './cluster.ts';
export { rehearseManifests } from './manifest.ts';
export { manifestFiles } from './manifest-files.ts';
export { findExecTarget, type PodCommand, podCommand, runArgv } from './pod-exec.ts';
export { RemoteSandbox } from './remote-sandbox.ts';
export type { ExecOptions, ObjectRef, ReadyOptions, Sandbox } from './sandbox.ts';
export type { SandboxOptions } from './sandbox-options.ts';
