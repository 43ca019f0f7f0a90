import { errorMessage } from '../../base/index.ts';
import { RemoteSandbox } from '../remote-sandbox.ts';
import type { Sandbox } from '../sandbox.ts';
import { type Attack, type AttackOptions, selectAttacks } from './catalogue.ts';
import type { AttackLine } from './line.ts';
import { renderJson, renderLine, renderSummary, renderTitle, styleFor } from './render.ts';
import { Stage } from './stage.ts';

export type RunAttacksOptions = AttackOptions & {
  /** Names or numbers; none: all. */
  readonly only?: readonly string[];
  /** JSON lines instead of text. */
  readonly json?: boolean;
  /** Default: the one that another process runs on this machine. */
  readonly sandbox?: Sandbox;
  /** Default: standard output. */
  readonly write?: (text: string) => void;
  /** Aborted: the attacks clean up and end. */
  readonly signal?: AbortSignal;
};

/** An attack that cannot be carried out has shown nothing: that is a line that does not hold. */
function failure(attack: Attack, error: unknown): AttackLine {
  return {
    id: `${attack.number}.failed`,
    claim: attack.title,
    tried: 'the attack itself',
    expected: 'it can be carried out',
    seen: errorMessage(error),
    held: false,
    decidedBy: 'nobody',
  };
}

/** The lines of one attack as they happen; what it made is gone afterwards. */
export async function* linesOf(stage: Stage, attack: Attack, options: AttackOptions): AsyncGenerator<AttackLine> {
  try {
    yield* attack.run(stage, options);
  } catch (error) {
    if (stage.signal.aborted) throw error;
    yield failure(attack, error);
  } finally {
    await stage.clear();
  }
}

/** Tries every claim, saying each line as it happens. 0: all held; 1: one did not. */
export async function runAttacks(options: RunAttacksOptions): Promise<number> {
  const attacks = selectAttacks(options.only ?? []);
  const write = options.write ?? ((text: string) => void process.stdout.write(text));
  const style = styleFor(process.stdout, process.env);
  const json = options.json === true;
  const stage = new Stage({
    sandbox: options.sandbox ?? new RemoteSandbox(),
    ...(options.signal && { signal: options.signal }),
  });
  const lines: AttackLine[] = [];
  stage.start();
  try {
    for (const attack of attacks) {
      if (!json) write(renderTitle(attack.number, attack.title, style));
      for await (const line of linesOf(stage, attack, options)) {
        lines.push(line);
        write(json ? renderJson(line) : renderLine(line, style));
      }
    }
  } finally {
    await stage.close();
  }
  if (!json) write(renderSummary(lines, style));
  return lines.every((line) => line.held) ? 0 : 1;
}
