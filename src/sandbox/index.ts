export { SandboxCluster } from './cluster.ts';
export type { CommandOptions, CommandResult } from './command.ts';
export { inNetnsArgv } from './netns.ts';
export { type NodePlace } from './paths.ts';
export { type PodCommand } from './pod-exec.ts';
export type { ExecOptions, ObjectRef, ReadyOptions, Sandbox } from './sandbox.ts';
export { type SandboxOptions } from './sandbox-options.ts';
