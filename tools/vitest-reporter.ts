import { relative } from 'node:path';
import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node';

/**
 * Names what was skipped and the files that were not run to their end, and prints `N passed, N failed` (and `, N skipped`)
 * as the last line of a run. A file that did not load counts as failed, and so does one that reported nothing.
 */
export default class ClosingLine implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: TestRunEndReason): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    const lines: string[] = [];
    // Whoever asks for tests by name knows that the others are left out.
    const isPart = this.#vitest?.config.testNamePattern !== undefined;
    for (const module of modules) {
      const file = relative(this.#vitest?.config.root ?? '', module.moduleId);
      const state = module.state();
      if (state === 'failed' && module.errors().length > 0) counts.failed += 1;
      let told = 0;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state !== 'pending') told += 1;
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'skipped') {
          counts.skipped += 1;
          if (!isPart) lines.push(`skipped: ${file} > ${test.fullName}`);
        } else counts.failed += 1;
      }
      if (state === 'pending' || state === 'queued') lines.push(`not run to its end: ${file}`);
      if (told === 0 && module.errors().length === 0) counts.failed += 1;
    }
    if (reason === 'interrupted') counts.failed += 1;
    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    for (const line of lines) this.#vitest?.logger.log(line);
    this.#vitest?.logger.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
  }
}
