/** What may be asked of a flow. The page reads it as the server does: one parser. */
export const FIELDS = {
  ns: 'namespace of either end',
  pod: 'either end: namespace/name, namespace/ or name; * for anything',
  from: 'sender: namespace/name, namespace/, name, world, an address or a CIDR',
  to: 'receiver, the same',
  verdict: 'forwarded or dropped',
  type: 'open, close, renew or drop',
  reason: 'drop reason, e.g. policy-ingress',
  port: 'port of either end',
  proto: 'TCP, UDP, ICMP, ...',
  label: 'label of either end: app=web, or app',
  identity: 'identity of either end',
  node: 'node that told of it',
  policy: 'policy that decided, or nearly allowed it',
  text: 'any of its names, words without a field',
} as const;
export type Field = keyof typeof FIELDS;

/** One of `values` holds; `not`: none does. */
export type Term = { readonly field: Field; readonly values: readonly string[]; readonly not: boolean };

/** All terms of one of the alternatives hold. Without any: every flow. */
export type Query = { readonly alternatives: readonly (readonly Term[])[]; readonly problems: readonly string[] };

/** More is nobody's question. */
export const MOST_TERMS = 64;
const MOST_CHARACTERS = 4_096;
const MOST_VALUES = 64;
/** Each flow is held against it, and one who asks must not keep the server from all others: some 20 us a flow. */
export const MOST_COST = 256;

/**
 * `ns:shop verdict:dropped -port:53 or label:app=web`: terms hold together, `or` begins an alternative, `-` negates, a comma is
 * between values of which one holds, quotes keep blanks.
 */
export function parseQuery(text: string): Query {
  if (text.length > MOST_CHARACTERS)
    return { alternatives: [], problems: [`longer than ${MOST_CHARACTERS} characters`] };
  const problems: string[] = [];
  const alternatives: Term[][] = [[]];
  let terms = 0;
  for (const word of wordsOf(text)) {
    if (/^or$/i.test(word)) {
      alternatives.push([]);
      continue;
    }
    const term = termOf(word);
    if (typeof term === 'string') problems.push(term);
    else if ((terms += 1) <= MOST_TERMS) alternatives.at(-1)?.push(term);
  }
  if (terms > MOST_TERMS) problems.push(`more than ${MOST_TERMS} terms`);
  if (costOf(alternatives) > MOST_COST) problems.push(TOO_COSTLY);
  return { alternatives: alternatives.filter((some) => some.length > 0), problems };
}

export const TOO_COSTLY = 'too much to look for in each flow: fewer words, labels or *';

/** Of what a flow is held against, in what an equal name costs. */
export function costOf(alternatives: Query['alternatives']): number {
  const ofValue = (field: Field, value: string): number => {
    if (['text', 'label', 'policy'].includes(field)) return 4;
    if (/^[0-9a-f.:]+\/\d+$/i.test(value)) return 8;
    return 1 + (value.match(/[*/]/g)?.length ?? 0);
  };
  const ofTerm = ({ field, values }: Term): number => values.reduce((sum, value) => sum + ofValue(field, value), 0);
  return alternatives.flat().reduce((sum, term) => sum + ofTerm(term), 0);
}

/** As it is parsed. */
export function termText({ field, values, not }: Term): string {
  return `${not ? '-' : ''}${field}:${values.map(quoted).join(',')}`;
}

/** A term of a field and one value, safe whatever the value holds. */
export const term = (field: Field, value: string): string => `${field}:${quoted(value)}`;

function quoted(value: string): string {
  return /^[^\s",]+$/.test(value) ? value : `"${value.replaceAll('"', '')}"`;
}

/** A blank within quotes is no end of a word. */
function wordsOf(text: string): string[] {
  return text.match(/(?:"[^"]*"?|[^\s"])+/g) ?? [];
}

function termOf(word: string): Term | string {
  const not = word.startsWith('-') && word.length > 1;
  const rest = not ? word.slice(1) : word;
  const colon = /^([a-z]+):/.exec(rest)?.[1];
  const isField = colon !== undefined && Object.hasOwn(FIELDS, colon);
  // `10.0.0.1:80` and `k8s:app` are words; `verdct:dropped` is a slip that must not be taken for one.
  if (colon !== undefined && !isField && !/^(k8s|reserved|cidr|node)$/.test(colon))
    return `there is no field "${colon}"`;
  const field = isField ? (colon as Field) : 'text';
  const values = valuesOf(isField ? rest.slice(colon.length + 1) : rest);
  if (values.length === 0) return `"${word}" says no value`;
  if (values.length > MOST_VALUES) return `${field}: more than ${MOST_VALUES} values`;
  const bad = values.find((value) => !isValue(field, value));
  return bad === undefined ? { field, values, not } : `${field}: "${bad}" cannot be`;
}

function valuesOf(text: string): string[] {
  const parts = text.match(/(?:"[^"]*"?|[^,"])+/g) ?? [];
  return parts.map((part) => part.replaceAll('"', '')).filter((part) => part !== '');
}

/** What can be no flow's would show nothing, for ever. */
function isValue(field: Field, value: string): boolean {
  switch (field) {
    case 'verdict':
      return ['forwarded', 'dropped'].includes(value);
    case 'type':
      return ['open', 'close', 'renew', 'drop'].includes(value);
    case 'port':
      return /^\d{1,5}$/.test(value) && Number(value) <= 65_535;
    case 'identity':
      return /^\d{1,10}$/.test(value);
    case 'ns':
    case 'pod':
    case 'from':
    case 'to':
    case 'reason':
    case 'proto':
    case 'label':
    case 'node':
    case 'policy':
    case 'text':
      return true;
  }
}
