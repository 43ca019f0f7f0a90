import { inject, test } from 'vitest';

/** Stands in for all kernel tests where they cannot run, so that they are seen to be skipped, and why. */
test.skip(`kernel tests: this machine lacks ${inject('missingKernelFeature')}`);
