import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { agentErrors } from '../errors.ts';
import { type AgentConfig, parseConfig } from './config.ts';
import { type ConfigKey, configKeys } from './config-keys.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Where the configuration of an agent comes from: what is named later here counts before what is named earlier. */
export type Settings = {
  /** YAML, and so JSON. */
  readonly file?: string | undefined;
  /** MEMBRANE_…, see `variableOf`; NODE_NAME, which pods are given by their node's name, where nobody else says it. */
  readonly env?: Env;
  readonly flags?: Readonly<Record<string, unknown>>;
};

/** E_AGENT_CONFIG_FILE, E_AGENT_CONFIG. */
export function readConfig({ file, env = process.env, flags = {} }: Settings): AgentConfig {
  const said = [nodeNameOf(env), file === undefined ? {} : readFile(file), fromEnvironment(env), flags];
  return parseConfig(said.reduce(merged, {}));
}

/** The variable of a key: `MEMBRANE_METRICS_PORT` of `metrics.port`. */
export function variableOf(key: string): string {
  const words = key.replaceAll('.', '_').replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2');
  return `MEMBRANE_${words.toUpperCase()}`;
}

function nodeNameOf({ NODE_NAME }: Env): Record<string, unknown> {
  return NODE_NAME ? { nodeName: NODE_NAME } : {};
}

function readFile(file: string): unknown {
  let said: unknown;
  try {
    said = parseYaml(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw agentErrors.make('E_AGENT_CONFIG_FILE', { detail: file, cause });
  }
  // An empty file says nothing.
  if (said == null || isSection(said)) return said ?? {};
  throw agentErrors.make('E_AGENT_CONFIG', { detail: `${file} is not a map of keys` });
}

/** Other variables of our name are nobody's mistake: a Service called membrane makes some in every pod. */
function fromEnvironment(env: Env): unknown {
  return configKeys().reduce<unknown>((all, key) => {
    const text = env[variableOf(key.name)];
    if (text === undefined || text === '') return all;
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
