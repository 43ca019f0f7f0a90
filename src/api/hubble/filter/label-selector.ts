import { invalid } from './invalid.ts';

type Labels = readonly string[];
type Requirement = (labels: Labels) => boolean;

const KEY = String.raw`[^\s=!,()]+`;
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);
const EQUALS = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*([^\\s=!,()]*)$`);
const IN = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);

/**
 * Selectors as Kubernetes writes them (`app=web,tier in (a, b),!old`), of labels with a source (`k8s:app=web`). A key
 * without a source is of any.
 */
export function labelSelector(text: string): Requirement {
  const parts = splitOutsideParentheses(text).map((part) => part.trim());
  if (parts.some((part) => part === '')) throw invalid(`label selector ${JSON.stringify(text)}: a part is empty`);
  const requirements = parts.map((part) => requirement(part, text));
  return (labels) => requirements.every((holds) => holds(labels));
}

/** In one go: what is sent may be long. */
function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let [start, isInside] = [0, false];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '(' || char === ')') isInside = char === '(';
    else if (char === ',' && !isInside) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}

function requirement(part: string, text: string): Requirement {
  const exists = EXISTS.exec(part);
  if (exists !== null) {
    const [, not, key = ''] = exists;
    return not === '!' ? (labels) => !has(labels, key) : (labels) => has(labels, key);
  }
  const equals = EQUALS.exec(part);
  if (equals !== null) {
    const [, key = '', operator, value = ''] = equals;
    const holds = (labels: Labels) => valuesOf(labels, key).includes(value);
    return operator === '!=' ? (labels) => !holds(labels) : holds;
  }
  const within = IN.exec(part);
  if (within === null)
    throw invalid(
      `label selector ${JSON.stringify(text)}: ${JSON.stringify(part)} is none of key, !key, key=value, key!=value, key in (a, b), key notin (a, b)`,
    );
  const [, key = '', operator, list = ''] = within;
  const wanted = new Set(list.split(',').map((value) => value.trim()));
  const holds = (labels: Labels) => valuesOf(labels, key).some((value) => wanted.has(value));
  return operator === 'notin' ? (labels) => !holds(labels) : holds;
}

const has = (labels: Labels, key: string): boolean => valuesOf(labels, key).length > 0;

/** Of `key`, or `source:key`. */
function valuesOf(labels: Labels, wanted: string): string[] {
  const [source, key] = cut(wanted.replaceAll(/^any:/g, ''), ':');
  return labels.flatMap((label) => {
    const [of, rest] = cut(label, ':');
    const equals = rest.indexOf('=');
    const name = equals === -1 ? rest : rest.slice(0, equals);
    if (name !== key || (source !== '' && source !== of)) return [];
    return [equals === -1 ? '' : rest.slice(equals + 1)];
  });
}

/** What is before the first `separator`, or nothing, and the rest. */
function cut(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? ['', text] : [text.slice(0, at), text.slice(at + 1)];
}
