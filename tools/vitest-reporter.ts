import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node';

/** Prints `N passed, N failed` (and `, N skipped`) as the last line of a run; a file that did not load counts as failed. */
export default class ClosingLine implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: TestRunEndReason): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      if (module.state() === 'failed' && module.errors().length > 0) counts.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') counts.passed += 1;
        else if (state === 'skipped') counts.skipped += 1;
        else counts.failed += 1;
      }
    }
    if (reason === 'interrupted') counts.failed += 1;
    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    this.#vitest?.logger.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
  }
}
