import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Logger } from '../../base/index.ts';
import { type Cgroup, inCgroupArgv, REPOSITORY, STATE_DIR } from '../machine/index.ts';
import { type ApiAccess, PRODUCT_NAMESPACE } from './api-access.ts';
import { KeptProcess } from './kept-process.ts';

export type OperatorOptions = {
  readonly access: ApiAccess;
  /** The sandbox's own. */
  readonly cgroup: Cgroup;
  readonly log: Logger;
  /** Merged over the configuration that the sandbox writes. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
};

/** The operator as a process of its own, on no node. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #process: KeptProcess;
  readonly #file = join(STATE_DIR, 'operator.yaml');

  constructor(options: OperatorOptions) {
    this.#options = options;
    const { log, cgroup } = options;
    const argv = [join(REPOSITORY, 'membrane'), 'operator', '--config', this.#file];
    this.#process = new KeptProcess({
      name: 'operator',
      argv: () => inCgroupArgv(cgroup.child('operator').create().procsFile, argv),
      outputFile: join(STATE_DIR, 'operator.out'),
      log,
    });
  }

  /** `undefined` while it does not run. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  async start(): Promise<void> {
    const kubeconfig = join(STATE_DIR, 'operator.kubeconfig');
    const { access, config } = this.#options;
    await access.admitOperator(kubeconfig);
    const lease = { namespace: PRODUCT_NAMESPACE };
    const own = { kubeconfig, lease, metrics: { enabled: false }, log: { file: join(STATE_DIR, 'operator.log') } };
    await writeFile(this.#file, stringify({ ...own, ...config }), { mode: 0o600 });
    this.#process.start();
  }

  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#process.kill(signal);
  }
}
