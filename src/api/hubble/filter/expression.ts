import { type DescMessage, type Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { type Flow, FlowSchema, file_flow_flow } from '../gen/flow/flow_pb.js';
import { invalid } from './invalid.ts';

/** Of one expression. A flow is judged in microseconds, also by the longest. */
const LIMITS = { maxAstNodes: 1_000, maxDepth: 64, maxListElements: 256, maxMapEntries: 64, maxCallArguments: 16 };
const MAX_LENGTH = 4_096;
const MATCHES = 're2Matches';

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
  .registerFunction(`string.${MATCHES}(string): bool`, (text: string, pattern: string) =>
    RE2JS.compile(pattern).matcher(text).find(),
  );

/** A condition in the Common Expression Language on `_flow`. What cannot be evaluated does not hold. */
export function expression(text: string): (flow: Flow) => boolean {
  const program = parse(text);
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
  return program;
}

/** The library's own matches() goes by JavaScript's expressions, which one packet can hold up for hours. */
function withRe2(text: string): string {
  const literals =
    /[bB]?[rR][bB]?(?:"""[^]*?"""|'''[^]*?'''|"[^"]*"|'[^']*')|"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/;
  const pattern = new RegExp(`(${literals.source})|\\.\\s*matches(?=\\s*\\()`, 'g');
  return text.replaceAll(pattern, (all, literal: string | undefined) => literal ?? all.replace('matches', MATCHES));
}

/** Whether a call of that name is left. */
function mentions(node: unknown, name: string): boolean {
  if (typeof node !== 'object' || node === null) return false;
  const { op, args } = node as { readonly op?: unknown; readonly args?: unknown };
  if ((op === 'call' || op === 'rcall') && Array.isArray(args) && args[0] === name) return true;
  return (Array.isArray(node) ? node : Array.isArray(args) ? args : [args]).some((part) => mentions(part, name));
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
