import { defineConfig } from 'vitest/config';
import { missingKernelFeature } from './tools/kernel-probe.ts';

declare module 'vitest' {
  // oxlint-disable-next-line typescript/consistent-type-definitions: an interface is what can be extended
  export interface ProvidedContext {
    missingKernelFeature: string;
  }
}

/**
 * Two projects: `unit` needs neither root nor a kernel feature and runs in parallel; `kernel` creates namespaces, loads
 * programs and starts processes, so its files run one after the other.
 */
export default defineConfig(async () => {
  // Other tools read this file, too, and the unit tests need no kernel.
  const asked = process.argv[1]?.includes('vitest') && !process.argv.join(' ').includes('--project unit');
  const missing = asked ? await missingKernelFeature() : undefined;
  if (missing !== undefined) console.warn(`kernel tests are skipped, this machine lacks ${missing}`);
  return {
    test: {
      reporters: ['default', './tools/vitest-reporter.ts'],
      provide: { missingKernelFeature: missing ?? '' },
      projects: [
        {
          extends: true,
          test: {
            name: 'unit',
            include: ['src/**/*.test.ts', 'tools/**/*.test.ts'],
            exclude: ['**/*.kernel.test.ts', '**/node_modules/**'],
            testTimeout: 20_000,
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
                    'cni/**/*.test.ts',
                    'bpf/tests/**/*.test.ts',
                    'test/scenarios/**/*.test.ts',
                  ]
                : ['test/unusable-kernel.test.ts'],
            pool: 'forks',
            fileParallelism: false,
            // After the others: load from elsewhere is no part of what these tests prove.
            sequence: { groupOrder: 1 },
            testTimeout: 120_000,
            hookTimeout: 120_000,
          },
        },
      ],
    },
  };
});
