import path from 'node:path';
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/base/index.ts';
import { printableText } from '../../src/policy/kinds/reading/field-error.ts';
import { caseFiles, readCase } from './case-file.ts';
import { ENGINES } from './engines.ts';
import { type CaseResult, runCase } from './run-case.ts';

const FIXTURES = path.join(import.meta.dirname, 'fixtures');
const USAGE = `usage: npm run policy-cases -- [--engine ${Object.keys(ENGINES).join('|')}] [PATH...]

Judges every case of the given files and folders (default: the project's fixtures) with one engine (default: compiled).`;

/** Exit code: 0 all passed or skipped, 1 a failure or an unreadable file, 2 usage. */
async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const counts = { ok: 0, FAIL: 0, skip: 0 };
  for (const target of options.paths) {
    for (const { id, title, result } of await judge(target, options.makeEngine)) {
      counts[result.outcome] += 1;
      process.stdout.write(report(id, title, result));
    }
  }
  if (counts.ok + counts.FAIL + counts.skip === 0) {
    process.stdout.write(`no case found in ${options.paths.join(', ')}\n`);
    counts.FAIL += 1;
  }
  process.stdout.write(`${counts.ok} passed, ${counts.FAIL} failed, ${counts.skip} skipped\n`);
  return counts.FAIL === 0 ? 0 : 1;
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { engine: { type: 'string', default: 'compiled' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help === true) return 'help' as const;
    const makeEngine = ENGINES[values.engine];
    if (makeEngine === undefined) throw new Error(`there is no engine ${JSON.stringify(values.engine)}`);
    return { makeEngine, paths: positionals.length === 0 ? [FIXTURES] : positionals };
  } catch (error) {
    process.stderr.write(`${errorMessage(error)}\n`);
    return undefined;
  }
}

type Judged = { readonly id: string; readonly title: string; readonly result: CaseResult };

async function judge(target: string, makeEngine: (typeof ENGINES)[string]): Promise<Judged[]> {
  const failed = (id: string, error: unknown): Judged => ({
    id,
    title: 'unreadable',
    result: { outcome: 'FAIL', reasons: [errorMessage(error)] },
  });
  let files: string[];
  try {
    files = await caseFiles([target]);
  } catch (error) {
    return [failed(target, error)];
  }
  const judged: Judged[] = [];
  for (const file of files) {
    try {
      const policyCase = await readCase(file);
      judged.push({ id: policyCase.id, title: policyCase.title, result: await runCase(policyCase, makeEngine) });
    } catch (error) {
      judged.push(failed(file, error));
    }
  }
  return judged;
}

function report(id: string, title: string, result: CaseResult): string {
  const line = (reason?: string) =>
    `${result.outcome.padEnd(4)} ${printableText(id)}: ${printableText(title)}${reason === undefined ? '' : ` (${printableText(reason)})`}\n`;
  if (result.outcome === 'ok') return line();
  if (result.outcome === 'skip') return line(result.reason);
  return (
    line(`${result.reasons.length} not as expected`) + result.reasons.map((reason) => `       ${reason}\n`).join('')
  );
}

process.exitCode = await main(process.argv.slice(2));
