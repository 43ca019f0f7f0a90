import { defineConfig } from 'vitest/config';

/**
 * Two projects: `unit` needs neither root nor a kernel feature and runs in parallel; `kernel` creates namespaces, loads
 * programs and starts processes, so its files run one after the other.
 */
export default defineConfig({
  test: {
    reporters: ['default', './tools/vitest-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'tools/**/*.test.ts'],
          exclude: ['**/*.kernel.test.ts', '**/node_modules/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: [
            'src/**/*.kernel.test.ts',
            'cni/**/*.test.ts',
            'bpf/tests/**/*.test.ts',
            'test/scenarios/**/*.test.ts',
          ],
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
});
