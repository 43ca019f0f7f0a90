import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/base/index.ts';
import { FAMILIES } from './families.ts';
import { type Family, format, HEADING, type Row, toJson } from './row.ts';

const USAGE = `usage: npm run bench -- [--only NAME]... [--json FILE]

Measures every row, or those whose name begins with NAME (path, path.cost, ...); "services" is all of services. Needs
root. Exit code: 0 whatever the durations are, 1 when something could not be measured, 2 usage.`;

type Options = { readonly only: readonly string[]; readonly json: string | undefined };

function parse(args: readonly string[]): Options | 'help' | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true, default: [] },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values.help === true ? 'help' : { only: values.only, json: values.json };
  } catch (error) {
    process.stderr.write(`${errorMessage(error)}\n`);
    return undefined;
  }
}

/** Either name may be the beginning of the other; `agent.rss@30000` is not a row of `agent.rss`, though. */
const touches = (row: string, only: string): boolean =>
  row.startsWith(only) || (only.startsWith(row) && !only.slice(row.length).startsWith('@'));

type Chosen = {
  readonly family: Family;
  readonly wanted: (row: string) => boolean;
  readonly shown: (row: string) => boolean;
};

/** Families that have a row that was asked for. `only` empty: all of all. */
function choose(only: readonly string[]): readonly Chosen[] {
  return FAMILIES.flatMap((family) => {
    const all = () => true;
    if (only.length === 0 || (family.name !== undefined && only.includes(family.name))) {
      return [{ family, wanted: all, shown: all }];
    }
    const wanted = (row: string): boolean => only.some((name) => touches(row, name));
    const shown = (row: string): boolean => only.some((name) => row.startsWith(name));
    return family.rows.some(wanted) ? [{ family, wanted, shown }] : [];
  });
}

async function measure({ family, wanted, shown }: Chosen, report: (row: Row) => void): Promise<void> {
  await family.run((row) => {
    if (shown(row.name)) report(row);
  }, wanted);
}

/** By which one of its children knows what to measure. */
const FAMILY = 'MEMBRANE_BENCH_FAMILY';

/**
 * In a process of its own: what a family leaves is not the next one's. To start a program costs as much more as the process
 * that starts it has memory, and a pod is seven programs.
 */
async function measureApart({ family }: Chosen, only: readonly string[], report: (row: Row) => void): Promise<void> {
  const child = fork(
    import.meta.filename,
    only.flatMap((name) => ['--only', name]),
    { env: { ...process.env, [FAMILY]: String(FAMILIES.indexOf(family)) }, serialization: 'advanced' },
  );
  let failure: string | undefined;
  child.on('message', (told: Told) => {
    if ('row' in told) report(told.row);
    else failure = told.failure;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (failure !== undefined) throw new Error(failure);
  if (code !== 0) throw new Error(`its process ended with ${signal ?? `exit code ${code}`}`);
}

const onlyOf = (options: ReturnType<typeof parse>): readonly string[] =>
  options === undefined || options === 'help' ? [] : options.only;

type Told = { readonly row: Row } | { readonly failure: string };

/** What such a child does. */
async function measureAsked(index: string): Promise<number> {
  const family = FAMILIES[Number(index)];
  const chosen = choose(onlyOf(parse(process.argv.slice(2)))).find((one) => one.family === family);
  if (chosen === undefined) throw new Error(`there is no family ${index}`);
  const tell = (told: Told): void => void process.send?.(told);
  await measure(chosen, (row) => tell({ row })).catch((error: unknown) => tell({ failure: errorMessage(error) }));
  process.disconnect();
  return 0;
}

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options === 'help') {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const families = options === undefined ? [] : choose(options.only);
  if (options === undefined || families.length === 0) {
    if (options !== undefined) process.stderr.write(`there is no row ${options.only.join(', ')}\n`);
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const rows: Row[] = [];
  let failed = 0;
  process.stdout.write(`${HEADING}\n`);
  for (const chosen of families) {
    const report = (row: Row): void => {
      rows.push(row);
      process.stdout.write(`${format(row)}\n`);
    };
    try {
      if (families.length === 1) await measure(chosen, report);
      else await measureApart(chosen, options?.only ?? [], report);
    } catch (error) {
      failed += 1;
      process.stdout.write(`${chosen.family.rows.join(', ')}: could not be measured: ${errorMessage(error)}\n`);
    }
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows.map(toJson), undefined, 2)}\n`);
  return failed === 0 ? 0 : 1;
}

const asked = process.env[FAMILY];
// It is no business of what a family starts.
delete process.env[FAMILY];
process.exitCode = asked === undefined ? await main(process.argv.slice(2)) : await measureAsked(asked);
