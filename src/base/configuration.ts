import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { type ConfigKey, keysOf } from './config-keys.ts';
import type { MembraneError } from './errors.ts';

export { type ConfigKey, keysOf } from './config-keys.ts';
export { absolutePath, logSection, serverCertificateKeys } from './config-parts.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** Where a configuration comes from: what is named later here counts before what is named earlier. */
export type Settings = {
  /** YAML, and so JSON. */
  readonly file?: string | undefined;
  /** MEMBRANE_…, see `variableOf`. */
  readonly env?: Env;
  readonly flags?: Readonly<Record<string, unknown>>;
};

/** How a program says what is wrong. */
export type ConfigFailures = {
  readonly unreadable: (file: string, cause: unknown) => MembraneError;
  readonly invalid: (detail: string) => MembraneError;
};

/** What is said of a configuration, `defaults` by nobody else; not parsed. */
export function gatherSettings(
  { file, env = process.env, flags = {} }: Settings,
  options: { readonly schema: z.ZodType; readonly failures: ConfigFailures; readonly defaults?: object },
): unknown {
  const { schema, failures, defaults = {} } = options;
  const written = file === undefined ? {} : readFile(file, failures);
  return [defaults, written, fromEnvironment(env, keysOf(schema)), flags].reduce(merged, {});
}

/** Throws with every key that is wrong. */
export function parseSettings<T>(value: unknown, schema: z.ZodType<T>, failures: ConfigFailures): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw failures.invalid(problems.join('; '));
}

/** The variable of a key: `MEMBRANE_METRICS_PORT` of `metrics.port`. */
export function variableOf(key: string): string {
  const words = key.replaceAll('.', '_').replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2');
  return `MEMBRANE_${words.toUpperCase()}`;
}

function readFile(file: string, failures: ConfigFailures): unknown {
  let said: unknown;
  try {
    said = parseYaml(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw failures.unreadable(file, cause);
  }
  // An empty file says nothing.
  if (said == null || isSection(said)) return said ?? {};
  throw failures.invalid(`${file} is not a map of keys`);
}

/** What Kubernetes says of a Service in the pods beside it: `MEMBRANE_METRICS_PORT` of one called membrane-metrics. */
const isOfService = (text: string): boolean => /^(tcp|udp|sctp):\/\/[0-9a-f.:[\]]+:\d+$/i.test(text);

/** Other variables of our name are nobody's mistake: a Service called membrane makes some in every pod. */
function fromEnvironment(env: Env, keys: readonly ConfigKey[]): unknown {
  return keys.reduce<unknown>((all, key) => {
    const text = env[variableOf(key.name)];
    if (text === undefined || text === '' || isOfService(text)) return all;
    const [name = '', inner] = key.name.split('.');
    const value = valueOf(key, text);
    return merged(all, { [name]: inner === undefined ? value : { [inner]: value } });
  }, {});
}

/** Lists may be written with commas. */
function valueOf({ values }: ConfigKey, text: string): unknown {
  if (values === 'text') return text;
  try {
    const value = parseYaml(text) as unknown;
    const isList = values.startsWith('list of') && !Array.isArray(value);
    return isList ? text.split(',').map((part) => part.trim()) : value;
  } catch {
    return text;
  }
}

function merged(first: unknown, second: unknown): unknown {
  if (!isSection(first) || !isSection(second)) return second;
  const keys = [...Object.keys(first), ...Object.keys(second)];
  return Object.fromEntries(keys.map((key) => [key, key in second ? merged(first[key], second[key]) : first[key]]));
}

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
