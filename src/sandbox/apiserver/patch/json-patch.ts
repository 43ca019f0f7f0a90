import { clone, equal, isObject, type Json, type JsonObject } from '../json.ts';
import { ApiError, badRequest } from '../status.ts';

const MAX_OPERATIONS = 10_000;
/** Copies can double a document each time: their sum is bounded. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

type Parent = { readonly container: JsonObject | Json[]; readonly key: string };

/**
 * RFC 6902. Gives a new document; the given one stays as it is. Not by a library: those that were looked at (rfc6902) take
 * `/list/length` for a member, so that a line of a stranger makes a list of four thousand million, and misread a label
 * named `constructor`; to guard them, each path has to be followed here first.
 */
export function applyJsonPatch(document: JsonObject, patch: Json): Json {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: a JSON patch is a list of operations');
  if (patch.length > MAX_OPERATIONS) {
    throw new ApiError(
      413,
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`,
    );
  }
  const holder: JsonObject = { root: clone(document) };
  let copied = 0;
  for (const operation of patch) {
    if (!isObject(operation)) throw badRequest('error decoding patch: an operation is an object');
    const path = pointer(operation['path']);
    switch (operation['op']) {
      case 'add':
        add(holder, path, clone(valueOf(operation)));
        break;
      case 'remove':
        remove(holder, path);
        break;
      case 'replace':
        lookUp(holder, path);
        remove(holder, path);
        add(holder, path, clone(valueOf(operation)));
        break;
      case 'move': {
        const from = pointer(operation['from']);
        if (path.length > from.length && from.every((step, index) => path[index] === step)) {
          throw rejected('cannot move a value into itself');
        }
        const value = lookUp(holder, from);
        remove(holder, from);
        add(holder, path, value);
        break;
      }
      case 'copy': {
        const value = lookUp(holder, pointer(operation['from']));
        copied += JSON.stringify(value).length;
        if (copied > MAX_COPIED_BYTES) throw rejected('the accumulated size of copied values is too large');
        add(holder, path, clone(value));
        break;
      }
      case 'test':
        if (!equal(lookUp(holder, path), valueOf(operation))) {
          throw rejected(`testing value ${JSON.stringify(operation['path'])} failed`);
        }
        break;
      default:
        throw badRequest(
          `error decoding patch: unknown operation ${JSON.stringify(operation['op'] ?? null).slice(0, 64)}`,
        );
    }
  }
  return holder['root'] ?? null;
}

function rejected(why: string): ApiError {
  return new ApiError(
    422,
    'Invalid',
    `the server rejected our request due to an error in our request: ${why.slice(0, 300)}`,
    {},
  );
}

function valueOf(operation: JsonObject): Json {
  const value = operation['value'];
  if (value === undefined) throw badRequest('error decoding patch: the operation has no value');
  return value;
}

function pointer(value: Json | undefined): string[] {
  if (typeof value !== 'string' || (value !== '' && !value.startsWith('/'))) {
    throw badRequest('error decoding patch: path and from are JSON pointers');
  }
  const steps = value
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (steps.includes('__proto__')) throw badRequest('error decoding patch: a path has a step named "__proto__"');
  return ['root', ...steps];
}

function parentOf(holder: JsonObject, path: string[]): Parent {
  let container: Json = holder;
  for (const step of path.slice(0, -1)) container = child(container, step, path);
  if (!isObject(container) && !Array.isArray(container)) throw missing(path);
  return { container, key: path.at(-1) ?? '' };
}

function child(container: Json, key: string, path: string[]): Json {
  const found = Array.isArray(container)
    ? container[index(key, container.length - 1, path)]
    : isObject(container) && Object.hasOwn(container, key)
      ? container[key]
      : undefined;
  if (found === undefined) throw missing(path);
  return found;
}

function lookUp(holder: JsonObject, path: string[]): Json {
  const { container, key } = parentOf(holder, path);
  return child(container, key, path);
}

function missing(path: string[]): ApiError {
  return rejected(`the path /${path.slice(1).join('/')} does not exist`);
}

function index(key: string, last: number, path: string[]): number {
  if (!/^(0|[1-9]\d{0,6})$/.test(key) || Number(key) > last) throw missing(path);
  return Number(key);
}

function add(holder: JsonObject, path: string[], value: Json): void {
  const { container, key } = parentOf(holder, path);
  if (Array.isArray(container)) {
    container.splice(key === '-' ? container.length : index(key, container.length, path), 0, value);
  } else container[key] = value;
}

function remove(holder: JsonObject, path: string[]): void {
  const { container, key } = parentOf(holder, path);
  child(container, key, path);
  if (Array.isArray(container)) container.splice(Number(key), 1);
  else delete container[key];
}
