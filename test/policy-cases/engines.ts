import type { Engine } from './engine.ts';

/** By name, loaded when asked for: the kernel's needs root and a built datapath. */
export const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  oracle: async () => new (await import('./engine-oracle.ts')).OracleEngine(),
  compiled: async () => new (await import('./engine-compiled.ts')).CompiledEngine(),
  kernel: async () => new (await import('./engine-kernel.ts')).KernelEngine(),
};
