import { errorMessage } from '../base/index.ts';
import { RemoteSandbox, type Sandbox } from '../sandbox/index.ts';
import { type Attack, type AttackOptions, selectAttacks } from './catalogue.ts';
import { attackErrors } from './errors.ts';
import {
  clearProgress,
  renderChapter,
  renderJson,
  renderLeftOut,
  renderLine,
  renderProgress,
  renderSummary,
  renderTitle,
  styleFor,
} from './render.ts';
import { type AttackLine, Stage } from './stage/index.ts';

export type RunAttacksOptions = AttackOptions & {
  /** Names or numbers; none: all. */
  readonly only?: readonly string[];
  /** JSON lines instead of text. */
  readonly json?: boolean;
  /** Every line with what was seen; otherwise how many held of each attack, and those that did not. */
  readonly verbose?: boolean;
  /** Default: the one that another process runs on this machine. */
  readonly sandbox?: Sandbox;
  /** Default: standard output. */
  readonly write?: (text: string) => void;
  /** Aborted: the attacks clean up and end. */
  readonly signal?: AbortSignal;
};

/** 128 + SIGINT, as shells report it. */
const INTERRUPTED = 130;

/** An attack that cannot be carried out has shown nothing, neither that the claim holds nor that it does not. */
function failure(attack: Attack, error: unknown): AttackLine {
  return {
    id: `${attack.number}.failed`,
    claim: attack.title,
    tried: 'the attack itself',
    expected: 'it can be carried out',
    seen: errorMessage(error),
    held: false,
    untried: true,
    decidedBy: 'nobody',
  };
}

/** The lines of one attack as they happen; what it made is gone afterwards. */
export async function* linesOf(stage: Stage, attack: Attack, options: AttackOptions): AsyncGenerator<AttackLine> {
  try {
    const { nodes = 1 } = attack;
    if (stage.nodes.all.length < nodes) throw attackErrors.make('E_ATTACK_NODES', { detail: `it takes ${nodes}` });
    yield* attack.run(stage, options);
  } catch (error) {
    if (stage.signal.aborted) throw error;
    yield failure(attack, error);
  } finally {
    await stage.clear();
  }
}

type Form = 'json' | 'lines' | 'chapters';

/** Where lines go, and how they look there. */
class Report {
  readonly lines: AttackLine[] = [];
  readonly #write: (text: string) => void;
  readonly #form: Form;
  /** Where the lines of the present attack begin. */
  #chapter = 0;
  readonly #terminal = process.stdout.isTTY;
  readonly #style = styleFor(process.stdout, process.env);

  constructor(write: (text: string) => void, form: Form) {
    this.#write = write;
    this.#form = form;
  }

  begin(attack: Attack): void {
    this.#chapter = this.lines.length;
    if (this.#form !== 'json') this.#write(renderTitle(attack.number, attack.title, this.#style));
  }

  progress(text: string): void {
    if (this.#form !== 'json' && this.#terminal) this.#write(renderProgress(text));
  }

  line(line: AttackLine): void {
    this.lines.push(line);
    if (this.#form === 'json') this.#write(renderJson(line));
    else if (this.#form === 'lines' || !line.held) this.#say(renderLine(line, this.#style));
    else this.progress(line.claim);
  }

  leftOut({ nodes = 1 }: Attack): void {
    if (this.#form !== 'json') this.#write(renderLeftOut(nodes, this.#style));
  }

  end(): void {
    if (this.#form === 'chapters') this.#say(renderChapter(this.lines.slice(this.#chapter), this.#style));
  }

  summary(): void {
    if (this.#form !== 'json') this.#write(renderSummary(this.lines, this.#style));
  }

  #say(text: string): void {
    this.#write(`${this.#terminal ? clearProgress() : ''}${text}`);
  }
}

/** Throws when there is no sandbox to attack, or its agent does not get ready. */
async function open(stage: Stage): Promise<void> {
  await stage.start();
  await stage.agentReady();
}

/** Exit code of a run in which nothing was broken, and something could not be tried. */
const UNTRIED = 5;

export function exitCodeOf(lines: readonly AttackLine[]): number {
  const failed = lines.filter(({ held }) => !held);
  if (failed.length === 0) return 0;
  return failed.every(({ untried }) => untried) ? UNTRIED : 1;
}

/** Tries every claim, saying each line as it happens. 0: all held; 1: one did not; 5: one could not be tried; 130: interrupted. */
export async function runAttacks(options: RunAttacksOptions): Promise<number> {
  const attacks = selectAttacks(options.only ?? []);
  const form = options.json === true ? 'json' : options.verbose === true ? 'lines' : 'chapters';
  const report = new Report(options.write ?? ((text) => void process.stdout.write(text)), form);
  const stage = new Stage({
    sandbox: options.sandbox ?? new RemoteSandbox(),
    ...(options.signal && { signal: options.signal }),
  });
  const { rounds } = options;
  try {
    await open(stage);
    for (const attack of attacks) {
      report.begin(attack);
      if (options.only === undefined && (attack.nodes ?? 1) > stage.nodes.all.length) {
        report.leftOut(attack);
        continue;
      }
      const lines = linesOf(stage, attack, {
        ...(rounds !== undefined && { rounds }),
        onProgress: (text) => report.progress(text),
      });
      for await (const line of lines) {
        report.line(line);
        // Not every attack waits for something that an interruption ends.
        stage.signal.throwIfAborted();
      }
      report.end();
    }
  } catch (error) {
    if (stage.signal.aborted) return INTERRUPTED;
    throw error;
  } finally {
    await stage.close();
  }
  report.summary();
  return exitCodeOf(report.lines);
}
