import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { missingKernelFeature } from './tools/kernel-probe.ts';
import { SlowestFirst } from './tools/vitest-order.ts';
import { viewPool, whyNoViews } from './tools/vitest-view-pool.ts';

declare module 'vitest' {
  // oxlint-disable-next-line typescript/consistent-type-definitions: an interface is what can be extended
  export interface ProvidedContext {
    missingKernelFeature: string;
  }
}

/**
 * Files that run side by side: half of the time of the long ones is waiting for what a node does every few seconds, and four on
 * two processors leave them idle now and then. Not more than five, whatever the machine: each may hold programs, see docs/adr/0005.
 */
const WORKERS = Math.min(5, 2 * availableParallelism() + 1);

/**
 * Two projects: `unit` needs neither root nor a kernel feature; `kernel` creates namespaces, loads programs and starts
 * processes, so each of its files runs in a private view of the machine, or, where there is none, one after the other.
 */
export default defineConfig(async () => {
  // Other tools read this file, too, and the unit tests need no kernel.
  const asked = process.argv[1]?.includes('vitest') && !process.argv.join(' ').includes('--project unit');
  // Taking the types off a program and compiling it is more than half of what its start costs, and tests start hundreds.
  if (asked) process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'build/cache/tests');
  const missing = asked ? await missingKernelFeature() : undefined;
  if (missing !== undefined) console.warn(`kernel tests are skipped, this machine lacks ${missing}`);
  const noViews = asked && missing === undefined ? await whyNoViews() : undefined;
  if (noViews !== undefined) console.warn(`kernel tests run one after the other on the machine itself: ${noViews}`);
  return {
    test: {
      reporters: ['default', './tools/vitest-reporter.ts'],
      sequence: { sequencer: SlowestFirst },
      maxWorkers: WORKERS,
      setupFiles: ['tools/vitest-compiled-code.ts', 'tools/vitest-processor-time.ts'],
      // What is waited for is a state: how long it takes is the machine's affair.
      expect: { poll: { timeout: 60_000, interval: 10 } },
      provide: { missingKernelFeature: missing ?? '' },
      projects: [
        {
          extends: true,
          test: {
            name: 'unit',
            include: ['src/**/*.test.ts', 'tools/**/*.test.ts'],
            exclude: ['**/*.kernel.test.ts', '**/node_modules/**'],
            // Nothing is kept in modules, and half of the time would go into loading them for each file anew.
            isolate: false,
            testTimeout: 300_000,
            hookTimeout: 300_000,
          },
        },
        {
          extends: true,
          test: {
            name: 'kernel',
            include:
              missing === undefined
                ? [
                    'src/**/*.kernel.test.ts',
                    'tools/**/*.kernel.test.ts',
                    'cni/**/*.test.ts',
                    'bpf/tests/**/*.test.ts',
                    'test/scenarios/**/*.test.ts',
                  ]
                : ['test/unusable-kernel.test.ts'],
            // As many files run at once as keep all processors busy: threads that collect garbage beside one would only cost more.
            execArgv: ['--single-threaded-gc'],
            // With a view each has a process of its own all the same, but for those that the pool says.
            ...(noViews === undefined ? { pool: viewPool, isolate: false } : { pool: 'forks', fileParallelism: false }),
            // After the others: load from elsewhere is no part of what these tests prove.
            sequence: { groupOrder: 1 },
            // One that is given up goes on beside those after it, in the same maps, and they fail with it.
            testTimeout: 600_000,
            hookTimeout: 600_000,
          },
        },
      ],
    },
  };
});
