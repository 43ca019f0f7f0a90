import { afterAll, beforeAll, describe, test } from 'vitest';
import { TEST_TOKEN, TestCluster } from './controllers/testkit.ts';
import { Kubectl, kubectls } from './kubectl-testkit.ts';

/** There once tests run. */
export type KubectlCluster = { readonly cluster: TestCluster; readonly kubectl: Kubectl };

/** `cases` with each kubectl of this machine, on a cluster with controllers whose pods run. */
export function describeKubectl(title: string, cases: (at: KubectlCluster) => void): void {
  const programs = kubectls();
  if (programs.length === 0) test.skip('kubectl: not installed', () => undefined);
  describe.each(programs)(title, (program) => {
    const at = {} as { cluster: TestCluster; kubectl: Kubectl };
    let end: (() => Promise<void>) | undefined;
    beforeAll(async () => {
      at.cluster = new TestCluster();
      end = at.cluster.keepPodsRunning();
      at.kubectl = await Kubectl.connect(program, at.cluster.api, TEST_TOKEN);
    });
    afterAll(async () => {
      await end?.();
      await at.kubectl?.close();
      await at.cluster?.[Symbol.asyncDispose]();
    });
    cases(at);
  });
}
