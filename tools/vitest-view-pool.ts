import { type ChildProcess, execFile, fork } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ForksPoolWorker, type PoolOptions, type PoolTask, type PoolWorker, type WorkerRequest } from 'vitest/node';
import { errorMessage } from '../src/base/index.ts';

const VIEW = join(import.meta.dirname, 'private-view.sh');

/**
 * Files that follow one another in a process and its view: programs on packets, which leave programs loaded for each other
 * (`src/datapath/test-kept.ts`), with maps that are empty again, and nothing else.
 */
const MAY_FOLLOW = /\/bpf\/tests\//;

/** How vitest runs a project's files: in processes of their own, each in a private view of the machine. */
export const viewPool: { readonly name: string; createPoolWorker(options: PoolOptions): PoolWorker } = {
  name: 'views',
  createPoolWorker: (options) => new ViewWorker(options),
};

/** Why this machine cannot give private views, in words; undefined: it can. */
export async function whyNoViews(): Promise<string | undefined> {
  try {
    await promisify(execFile)(VIEW, ['true']);
    return undefined;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    return stderr?.trim() || errorMessage(error);
  }
}

type Callback = Parameters<PoolWorker['on']>[1];

const mayFollow = ({ context }: Pick<PoolTask, 'context'>): boolean =>
  context.files.every(({ filepath }) => MAY_FOLLOW.test(filepath));

/** vitest's own worker, but for who starts it. */
class ViewWorker extends ForksPoolWorker {
  override readonly name: string = viewPool.name;
  readonly #logger;
  #view: ChildProcess | undefined;
  #mayBeFollowed = true;

  constructor(options: PoolOptions) {
    super(options);
    this.#logger = options.project.vitest.logger;
  }

  override on(event: string, callback: Callback): void {
    this.#process.on(event, callback);
  }

  override off(event: string, callback: Callback): void {
    this.#process.off(event, callback);
  }

  override send(message: WorkerRequest): void {
    if (message.type === 'run') this.#mayBeFollowed &&= mayFollow(message);
    this.#process.send(message);
  }

  canReuse(task: PoolTask): boolean {
    return this.#mayBeFollowed && mayFollow(task);
  }

  override async start(): Promise<void> {
    this.#view ??= fork(this.entrypoint, [], {
      execPath: VIEW,
      execArgv: [process.execPath, ...this.execArgv],
      env: { ...this.env, MEMBRANE_HAS_VIEW: 'yes' },
      stdio: 'pipe',
      serialization: 'advanced',
    });
    this.#view.stdout?.pipe(this.#logger.outputStream, { end: false });
    this.#view.stderr?.pipe(this.#logger.errorStream, { end: false });
  }

  /** Resolves when the view is gone with all that was in it. */
  override async stop(): Promise<void> {
    const view = this.#process;
    this.#view = undefined;
    if (view.exitCode !== null || view.signalCode !== null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    view.once('close', () => resolve());
    view.kill();
    await promise;
  }

  get #process(): ChildProcess {
    if (this.#view === undefined) throw new Error('this worker was stopped, or never started');
    return this.#view;
  }
}
