import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { everyCommand } from '../../src/cli/testkit.ts';
import { ROOMS } from '../lint/rooms.ts';
import { errorSections } from './error-tables.ts';
import { wrongCommands, wrongPaths, wrongScripts } from './mentions.ts';
import { declaredMetrics } from './metrics-page.ts';
import { shellCommands } from './shell-commands.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: ROOT })].sort();

const read = (document: string): string => readFileSync(join(ROOT, document), 'utf8');
const blocks = (text: string): string[] =>
  [...text.matchAll(/^ *```(\w*)\n(.*?)^ *```/gms)].flatMap(([, language = '', block = '']) =>
    ['', 'sh'].includes(language) ? [block] : [],
  );
const spans = (text: string): string[] =>
  [...text.replaceAll(/^ *```.*?^ *```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);

/** Words that stand for what a reader puts there. */
const MEANT: Readonly<Record<string, string>> = { PORT: '80', 'NAMESPACE/POD': 'shop/web' };

/** What follows our program's name, where a command runs it, itself or in a container. */
function ourWords(words: readonly string[]): string[] | undefined {
  const own = (word: string | undefined): boolean => /^(\.\/|\/opt\/membrane\/)?membrane$/.test(word ?? '');
  const first = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const inside = words.indexOf('--') + 1;
  const at = [first, inside, words.indexOf('/opt/membrane/membrane')].find((one) => one >= 0 && own(words[one]));
  return at === undefined ? undefined : words.slice(at + 1).map((word) => MEANT[word] ?? word);
}

/** How the real command line takes words; nothing is run. */
async function refusal(words: readonly string[]): Promise<string | undefined> {
  const program = await everyCommand();
  const idle = (command: typeof program): void => {
    command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
    command.action(() => undefined);
    for (const one of command.commands) idle(one);
  };
  for (const one of program.commands) idle(one);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? undefined : error.message;
  }
}

const commandLines = DOCUMENTS.flatMap((document) =>
  blocks(read(document))
    .flatMap(shellCommands)
    .flatMap((words): [string, string[]][] => {
      const ours = ourWords(words);
      return ours === undefined ? [] : [[document, ours]];
    }),
);

test.each(commandLines)('%s: membrane %j', async (_, words) => expect(await refusal(words)).toBeUndefined());

test.each([
  [['policy', 'trcae'], /unknown command|too many arguments|error/],
  [['observe', '--lst', '3'], /unknown option '--lst'/],
  [['policy', 'trace', '--from', 'a/b', '--to', 'a/c', '--port', 'PORT!'], /port/],
  [['sandbox', 'up', '--nodes', '9'], /1 to 8/],
])('membrane %j is seen to be wrong', async (words, why) => expect(await refusal(words)).toMatch(why));

test('the commands of documents are found', () => expect(commandLines.length).toBeGreaterThan(35));

/** Everything that is kept here, as paths. */
const files = ['src', 'bpf', 'cni', 'deploy', 'docs', 'examples', 'proto', 'test', 'tools', 'ui']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }).map(
      (entry) => `/${join(entry.parentPath, entry.name).slice(ROOT.length)}`,
    ),
  )
  .concat(readdirSync(ROOT).map((name) => `/${name}`));
const NAMES_A_FILE = /^(?:[\w@<>*-]+\/)*[\w.<>*-]+\.(?:ts|tsx|c|h|sh|md|json|yaml|proto)$/;

/** Files are named by their whole path, or by its end where it is said beside what; `<kind>-row.ts` stands for several. */
function wrongFiles(text: string): string[] {
  return spans(text)
    .filter((span) => NAMES_A_FILE.test(span))
    .filter((span) => {
      const pattern = span.replaceAll('.', '\\.').replaceAll(/<\w+>|\*/g, '[\\w-]+');
      return !files.some((file) => new RegExp(`/${pattern}$`).test(file));
    });
}

/** As GitHub makes it of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading));

function wrongLinks(document: string, text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    const [path = '', fragment] = link.split('#');
    if (/^https?:/.test(link)) return [];
    const target = path === '' ? document : join(dirname(document), path);
    if (!existsSync(join(ROOT, target))) return [link];
    return fragment === undefined || anchors(read(target)).includes(fragment) ? [] : [link];
  });
}

const codes = new Set((await errorSections()).flatMap(({ specs }) => Object.keys(specs)));
const metrics = new Set(declaredMetrics().map(({ name }) => name));

describe.each(DOCUMENTS)('%s', (document) => {
  const text = read(document);

  test('leads to what is there', () => expect(wrongLinks(document, text)).toEqual([]));

  test('names files, scripts, verbs and options that there are', () => {
    expect([
      ...wrongFiles(text),
      ...spans(text).flatMap((span) => [...wrongPaths(span.replaceAll(/\S*[<*]\S*/g, '')), ...wrongScripts(span)]),
      ...spans(text)
        .filter((span) => /^(?:\.\/)?membrane /.test(span))
        .flatMap(wrongCommands),
      ...blocks(text).flatMap(wrongScripts),
    ]).toEqual([]);
  });

  test('names errors and metrics that there are', () => {
    const named = [...text.matchAll(/\b(?:E_[A-Z]+_[A-Z_]+|membrane_[a-z_]+[a-z])\b(?!…)/g)].map(([name]) => name);
    expect(named.filter((name) => !codes.has(name) && !metrics.has(name))).toEqual([]);
  });
});

/** What is said of rooms before the datapath: of all of them the outermost, and those within that have walls of their own. */
const layers = read('docs/ARCHITECTURE.md').split('\n## The datapath in one page\n')[0] ?? '';

test.each(Object.keys(ROOMS).filter((room) => /^(?:(?:agent|policy|sandbox)\/)?\w+$/.test(room)))(
  'the room %s is named where rooms are',
  (room) => expect(layers).toMatch(new RegExp(`\\b${room.split('/').at(-1)}\\b`)),
);

/** The walk of a pod's labels: the room of each hop, and what it names of it. */
const walk = (read('docs/ARCHITECTURE.md').split("\n### A pod's labels, from the API to the key of a map\n")[1] ?? '')
  .split(/\n#+ /)[0]
  ?.split(/\n(?=\d+\. )/)
  .slice(1)
  .map((hop): [string, string[]] => {
    const [room = '', ...named] = spans(hop.split('\n\n')[0] ?? '');
    return [room, named];
  });

test('a pod’s labels take twelve hops at most, and enter each room once', () => {
  const rooms = walk?.map(([room]) => room) ?? [];
  const entered = rooms.filter((room, hop) => room !== rooms[hop - 1]);
  expect(rooms.length).toBeGreaterThan(5);
  expect(rooms.length).toBeLessThanOrEqual(12);
  expect(entered).toEqual([...new Set(entered)]);
  const numbers = ['five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];
  const [hops = '', of = ''] = [rooms.length, entered.length].map((count) => numbers[count - 5]);
  expect(read('docs/ARCHITECTURE.md').toLowerCase()).toContain(`\n${hops} hops, ${of} rooms`);
});

/** `NoSuch.member` of a class that is declared in these files. */
function wrongMembers(named: readonly string[], within: readonly string[]): string[] {
  return named.filter((span) => {
    const [, type = '', member = ''] = /^([A-Z]\w+)\.([a-z]\w+)$/.exec(span) ?? [];
    if (type === '') return false;
    const source = within
      .map((file) => readFileSync(join(ROOT, file), 'utf8'))
      .filter((text) => text.includes(`class ${type} `));
    return !source.some((text) => new RegExp(`^  (?:async |get |\\*)?${member}\\(`, 'm').test(text));
  });
}

test.each(walk ?? [])('of %s the walk names what is there: %j', (room, named) => {
  const own = files.filter((file) => file.startsWith(`/src/${room}/`) && file.endsWith('.ts'));
  expect(named.filter((span) => span.endsWith('.ts') && !own.includes(`/src/${room}/${span}`))).toEqual([]);
  expect(wrongMembers(named, own)).toEqual([]);
});

/** Of the tables of what tenants share: what is shared, and the tests that say so. */
const shared = (read('docs/THREAT-MODEL.md').split('\n## What more than one tenant shares\n')[1] ?? '')
  .split('\n')
  .filter((line) => /^\|(?! map or list|---)/.test(line))
  .map((line): [string, string] => {
    const cells = line.split('|').map((cell) => cell.trim());
    return [cells[1] ?? '', cells.at(-2) ?? ''];
  });

test('what tenants share is found', () => expect(shared.length).toBeGreaterThan(40));

/** `bpf/tests` unless a path is given; of several titles each stands in the file that is named before it. */
test.each(shared)('%s: %s', (_, tests) => {
  let file = '';
  for (const [, title, name = ''] of tests.matchAll(/"([^"]*)"|([\w./-]+)(?= "|;|$|,)/g)) {
    if (title !== undefined) expect(readFileSync(join(ROOT, file), 'utf8')).toContain(title);
    else {
      const known = files.find((one) => one.endsWith(`/${name}`) || one === `/bpf/tests/${name}.test.ts`);
      if (known !== undefined) file = known;
      else expect(name).not.toMatch(/\.(?:test|scenes)\.ts$/);
    }
  }
});

test('every error is raised somewhere', () => {
  const sources = files
    .filter((file) => /^\/src\/.*\.ts$/.test(file) && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('');
  expect([...codes].filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
});
