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
    const has = someValue(key, () => true);
    return not === '!' ? (labels) => !has(labels) : has;
  }
  const equals = EQUALS.exec(part);
  if (equals !== null) {
    const [, key = '', operator, value = ''] = equals;
    const holds = someValue(key, (found) => found === value);
    return operator === '!=' ? (labels) => !holds(labels) : holds;
  }
  const within = IN.exec(part);
  if (within === null)
    throw invalid(
      `label selector ${JSON.stringify(text)}: ${JSON.stringify(part)} is none of key, !key, key=value, key!=value, key in (a, b), key notin (a, b)`,
    );
  const [, key = '', operator, list = ''] = within;
  const wanted = new Set(list.split(',').map((value) => value.trim()));
  const holds = someValue(key, (found) => wanted.has(found));
  return operator === 'notin' ? (labels) => !holds(labels) : holds;
}

/** Whether such a value is one of `key`, or `source:key`. A label is looked at as it is: there are many, in each flow. */
function someValue(key: string, isWanted: (value: string) => boolean): Requirement {
  const wanted = key.replaceAll(/^any:/g, '');
  const hasSource = wanted.includes(':');
  return (labels) =>
    labels.some((label) => {
      const at = hasSource ? 0 : label.indexOf(':') + 1;
      if (!label.startsWith(wanted, at)) return false;
      const end = at + wanted.length;
      if (end === label.length) return isWanted('');
      return label[end] === '=' && isWanted(label.slice(end + 1));
    });
}
