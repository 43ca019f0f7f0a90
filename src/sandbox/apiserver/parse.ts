import { parse as parseYaml } from 'yaml';
import type { Json } from './json.ts';
import { badRequest } from './status.ts';

/** Deeper than any real object; shallow enough that no later walk can exhaust the stack. */
const MAX_DEPTH = 128;
/** Aliases a YAML body may expand to: more is the "billion laughs". */
const MAX_YAML_ALIASES = 100;

export type ParsedBody = {
  readonly value: Json;
  /** Paths of members that were given more than once (the last one wins), as strict decoding names them. */
  readonly duplicates: readonly string[];
};

export function decodeUtf8(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw badRequest('the body of the request is not valid UTF-8');
  }
}

/** Parses a JSON body from an untrusted client: bounded depth, no `__proto__`, duplicates reported. */
export function parseJsonBody(body: Uint8Array): ParsedBody {
  const text = decodeUtf8(body);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized: couldn't get version/kind; json parse error: ${clip((error as Error).message)}`,
    );
  }
  return { value, duplicates: inspect(text) };
}

/** YAML (as `apply-patch+yaml` may be): one document, JSON's types only. */
export function parseYamlBody(body: Uint8Array): ParsedBody {
  const text = decodeUtf8(body);
  if (/^\s*\{/.test(text)) return parseJsonBody(body);
  let value: unknown;
  try {
    value = parseYaml(text, { schema: 'core', maxAliasCount: MAX_YAML_ALIASES, uniqueKeys: true, logLevel: 'error' });
  } catch (error) {
    throw badRequest(`error decoding YAML: ${clip((error as Error).message)}`);
  }
  // A round trip leaves plain JSON: no Map, Date or class instance of the YAML library gets further.
  const json = JSON.stringify(value ?? null);
  inspect(json);
  return { value: JSON.parse(json) as Json, duplicates: [] };
}

/** An attacker's megabyte must not come back in the message. */
function clip(message: string): string {
  return message.length > 300 ? `${message.slice(0, 300)}...` : message;
}

type Frame = { path: string; keys: Set<string> | undefined; index: number; key: string };

/** One pass over text that is known to be valid JSON: depth, forbidden keys, duplicate keys. */
function inspect(text: string): string[] {
  const duplicates: string[] = [];
  const stack: Frame[] = [];
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    const top = stack.at(-1);
    if (char === 0x22) {
      const start = i;
      i = endOfString(text, i);
      if (!expectKey || top === undefined) continue;
      const key = JSON.parse(text.slice(start, i + 1)) as string;
      if (key === '__proto__') throw badRequest('the object provided has a member named "__proto__"');
      if (top.keys?.has(key) === true) duplicates.push(joinPath(top.path, key));
      top.keys?.add(key);
      top.key = key;
      expectKey = false;
    } else if (char === 0x7b || char === 0x5b) {
      if (stack.length >= MAX_DEPTH) throw badRequest(`the object provided is nested deeper than ${MAX_DEPTH} levels`);
      const isObject = char === 0x7b;
      stack.push({
        path: pathOf(top),
        keys: isObject ? new Set() : undefined,
        index: 0,
        key: '',
      });
      expectKey = isObject;
    } else if (char === 0x7d || char === 0x5d) {
      stack.pop();
      expectKey = false;
    } else if (char === 0x2c && top !== undefined) {
      expectKey = top.keys !== undefined;
      top.index += 1;
    }
  }
  return duplicates;
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text.charCodeAt(i) !== 0x22) i += text.charCodeAt(i) === 0x5c ? 2 : 1;
  return i;
}

function joinPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function pathOf(frame: Frame | undefined): string {
  if (frame === undefined) return '';
  return frame.keys === undefined ? `${frame.path}[${frame.index}]` : joinPath(frame.path, frame.key);
}
