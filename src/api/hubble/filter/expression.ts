import { type DescMessage, type Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { Environment } from '@marcbachmann/cel-js';
import { type Flow, FlowSchema, file_flow_flow } from '../gen/flow/flow_pb.js';
import type { Budget } from './budget.ts';
import { invalid } from './invalid.ts';
import { regex } from './pattern.ts';

/** Of one expression. How long a flow takes says its cost. */
const LIMITS = { maxAstNodes: 1_000, maxDepth: 64, maxListElements: 256, maxMapEntries: 64, maxCallArguments: 16 };
const MAX_LENGTH = 4_096;
const MATCHES = 're2Matches';
/** In units of the budget: to make of a flow what expressions are about; a step; a step that looks for a pattern. */
const COSTS = { flow: 1_024, step: 4, pattern: 64 } as const;
/** Labels of a pod, or elements that are written there. */
const TURNS = 64;
const LOOPS: ReadonlySet<unknown> = new Set(['all', 'exists', 'exists_one', 'filter']);
/** What these make grows with every one of them, while their costs only add up. */
const GROWING: readonly string[] = ['map', 'bind'];

type Program = { readonly ast?: unknown } & ((context: Readonly<Record<string, unknown>>) => unknown);

/** `Verdict.DROPPED` and `flow.Verdict.DROPPED`: numbers, as enums are. */
const ENUMS: Readonly<Record<string, Readonly<Record<string, bigint>>>> = Object.fromEntries(
  file_flow_flow.enums.map(({ name, values }) => [
    name,
    Object.fromEntries(values.map((value) => [value.name, BigInt(value.number)])),
  ]),
);

const environment = [...Object.keys(ENUMS), 'flow', '_flow']
  .reduce((made, name) => made.registerVariable(name, 'dyn'), new Environment({ limits: LIMITS }))
  .registerFunction(`string.${MATCHES}(string): bool`, (text: string, pattern: string) => compiled(pattern)(text));

/** Patterns stand in expressions, and are the same for each flow. */
const PATTERNS = new Map<string, (text: string) => boolean>();
const MOST_PATTERNS = 256;

function compiled(pattern: string): (text: string) => boolean {
  const known = PATTERNS.get(pattern);
  if (known !== undefined) return known;
  const made = regex(pattern);
  if (PATTERNS.size >= MOST_PATTERNS) PATTERNS.clear();
  PATTERNS.set(pattern, made);
  return made;
}

/** A condition in the Common Expression Language on `_flow`. What cannot be evaluated does not hold. InvalidArgument. */
export function expression(text: string, budget: Budget): (flow: Flow) => boolean {
  budget.spend(COSTS.flow, 'expressions');
  const program = parse(text);
  budget.spend(costOf(program.ast), 'loops in expressions');
  return (flow) => {
    try {
      return program({ ...ENUMS, flow: ENUMS, _flow: valueOf(flow, FlowSchema) }) === true;
    } catch {
      return false;
    }
  };
}

function parse(text: string): Program {
  if (text.length > MAX_LENGTH) throw invalid(`a CEL expression has at most ${MAX_LENGTH} characters`);
  let program: Program;
  try {
    program = environment.parse(withRe2(text));
  } catch (error) {
    throw invalid(`CEL expression ${JSON.stringify(text)}: ${(error as Error).message.split('\n')[0]}`);
  }
  if (mentions(program.ast, 'matches'))
    throw invalid(`CEL expression ${JSON.stringify(text)}: matches() cannot be used so`);
  for (const name of GROWING)
    if (mentions(program.ast, name)) throw invalid(`CEL expression ${JSON.stringify(text)}: ${name}() is not served`);
  return program;
}

/** The library's own matches() goes by JavaScript's expressions, which one packet can hold up for hours. */
function withRe2(text: string): string {
  const literals =
    /[bB]?[rR][bB]?(?:"""[^]*?"""|'''[^]*?'''|"[^"]*"|'[^']*')|"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/;
  const pattern = new RegExp(`(${literals.source})|\\.\\s*matches(?=\\s*\\()`, 'g');
  return text.replaceAll(pattern, (all, literal: string | undefined) => literal ?? all.replace('matches', MATCHES));
}

/** Of a part of an expression: what is called there, and what it is made of. */
function partsOf(node: object): { readonly name: unknown; readonly parts: readonly unknown[] } {
  if (Array.isArray(node)) return { name: undefined, parts: node };
  const { op, args } = node as { readonly op?: unknown; readonly args?: unknown };
  const parts: readonly unknown[] = Array.isArray(args) ? args : [args];
  return { name: op === 'call' || op === 'rcall' ? parts[0] : undefined, parts };
}

/** Whether a call of that name is left. */
function mentions(node: unknown, called: string): boolean {
  if (typeof node !== 'object' || node === null) return false;
  const { name, parts } = partsOf(node);
  return name === called || parts.some((part) => mentions(part, called));
}

/** What is within a loop is done in each of its turns, and what is in a loop within one in each of those. */
function costOf(node: unknown): number {
  if (typeof node !== 'object' || node === null) return 0;
  const { name, parts } = partsOf(node);
  if (LOOPS.has(name)) {
    const [, list, body] = parts;
    return COSTS.step + costOf(list) + TURNS * costOf(body);
  }
  const own = name === MATCHES ? COSTS.pattern : Array.isArray(node) ? 0 : COSTS.step;
  return parts.reduce<number>((sum, part) => sum + costOf(part), own);
}

/** As the language has it: integers apart from other numbers, and the names of the fields as in the file. */
function valueOf(message: Message, schema: DescMessage): unknown {
  return plain(reflect(schema, message));
}

function plain(message: ReflectMessage): Readonly<Record<string, unknown>> {
  const entries = message.fields.flatMap((field): [string, unknown][] => {
    const isThere = message.isSet(field);
    if (field.fieldKind === 'list') return [[field.name, [...message.get(field)].map(scalar)]];
    if (field.fieldKind === 'map' || (field.fieldKind === 'message' && !isThere)) return [];
    return [[field.name, scalar(message.get(field))]];
  });
  return Object.fromEntries(entries);
}

function scalar(value: unknown): unknown {
  if (typeof value === 'number') return BigInt(Math.trunc(value));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return 'desc' in value && 'fields' in value ? plain(value as ReflectMessage) : value;
}
