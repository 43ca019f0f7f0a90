/** An oxlint plugin: the walls between the rooms of `rooms.ts`. Tests and test kits stand outside of them. */
import { dirname, join, relative } from 'node:path';
import { COMMON, DOORS, PACKAGES, ROOMS, SURFACE } from './rooms.ts';

const SRC = join(import.meta.dirname, '../../src');

/** The innermost room of a path below src. */
function roomOf(path: string): string | undefined {
  const parts = path.split('/');
  for (let length = parts.length - 1; length > 0; length -= 1) {
    const name = parts.slice(0, length).join('/');
    if (name in ROOMS) return name;
  }
  return undefined;
}

const within = (room: string, parent: string): boolean => room === parent || room.startsWith(`${parent}/`);

/** Why `from` may not import `to` (paths below src); undefined: it may. */
export function wallBetween(from: string, to: string): string | undefined {
  const [here, there] = [roomOf(from), roomOf(to)];
  if (here === undefined) return `${dirname(from)} is no room yet: say in tools/lint/rooms.ts what it may see`;
  if (there === undefined) return `${dirname(to)} is no room`;
  if (here !== there && within(here, there) && COMMON.test(relative(there, to))) return undefined;
  // What lies directly in a room with rooms within puts these together.
  const sees = [
    ...(ROOMS[here]?.sees ?? []),
    ...Object.keys(ROOMS).filter((room) => room !== here && within(room, here)),
  ];
  if (here !== there && !sees.includes(there)) {
    const why = ROOMS[here]?.why;
    return `${here} may not import ${there}${why === undefined ? '' : `: ${why}`} (tools/lint/rooms.ts)`;
  }
  if (here !== there && !SURFACE.test(relative(there, to))) {
    return `${to} is private to ${there}: its index.ts is its surface`;
  }
  return undefined;
}

function wallAround(from: string, name: string): string | undefined {
  const rule = PACKAGES[name];
  return rule === undefined || rule.only === from ? undefined : `${name} belongs to src/${rule.only}: ${rule.why}`;
}

/** The parts of ESLint's interface that this needs. */
type Source = { readonly source: { readonly value: unknown } | null };
type Context = {
  readonly filename: string;
  readonly report: (problem: { readonly node: Source; readonly message: string }) => void;
};

function check(context: Context, node: Source): void {
  const name = node.source?.value;
  const from = relative(SRC, context.filename);
  if (typeof name !== 'string' || from.startsWith('..') || DOORS.includes(from)) return;
  const message = name.startsWith('.')
    ? wallBetween(from, relative(SRC, join(dirname(context.filename), name)))
    : wallAround(from, name);
  if (message !== undefined) context.report({ node, message });
}

export default {
  meta: { name: 'membrane' },
  rules: {
    walls: {
      create: (context: Context) => {
        const visit = (node: Source): void => check(context, node);
        return {
          ImportDeclaration: visit,
          ImportExpression: visit,
          ExportNamedDeclaration: visit,
          ExportAllDeclaration: visit,
        };
      },
    },
  },
};
