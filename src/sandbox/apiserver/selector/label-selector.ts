import { labelKeyFaults, labelValueFaults } from '../../../model/index.ts';
import { badRequest } from '../status.ts';

export type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
export type Requirement = { readonly key: string; readonly operator: Operator; readonly values: readonly string[] };
/** All requirements must hold; none = everything. */
export type LabelSelector = readonly Requirement[];

/** `parse` refuses a selector that is longer: it is evaluated for every object. */
const MAX_LENGTH = 65_536;

export function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>> | undefined): boolean {
  return selector.every((requirement) => holds(requirement, labels));
}

function holds({ key, operator, values }: Requirement, labels: Readonly<Record<string, string>> | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Gt':
    case 'Lt': {
      if (value === undefined || !/^-?\d+$/.test(value)) return false;
      const [left, right] = [BigInt(value), BigInt(values[0] ?? '0')];
      return operator === 'Gt' ? left > right : left < right;
    }
  }
}

/** The query form: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`. */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.length > MAX_LENGTH) throw badRequest('unable to parse requirement: the label selector is too long');
  const tokens = tokenize(text);
  const requirements: Requirement[] = [];
  let next = 0;
  const peek = (): string => tokens[next] ?? '';
  const take = (): string => tokens[next++] ?? '';
  while (next < tokens.length) {
    requirements.push(parseRequirement(peek, take));
    const separator = take();
    if (separator === '') break;
    if (separator !== ',') throw unparsable(`found '${separator}', expected: ',' or 'end of string'`);
    if (next >= tokens.length) throw unparsable("found '', expected: identifier after ','");
  }
  return requirements;
}

const WORD = /^[^\s,()!=<>]+$/;

function tokenize(text: string): string[] {
  return text.match(/==|!=|[=!<>(),]|[^\s,()!=<>]+/g) ?? [];
}

function parseRequirement(peek: () => string, take: () => string): Requirement {
  if (peek() === '!') {
    take();
    return { key: checkedKey(take()), operator: 'DoesNotExist', values: [] };
  }
  const key = checkedKey(take());
  const operator = peek();
  if (operator === '' || operator === ',') return { key, operator: 'Exists', values: [] };
  take();
  if (operator === '=' || operator === '==' || operator === '!=') {
    const value = peek() === ',' || peek() === '' ? '' : take();
    return { key, operator: operator === '!=' ? 'NotIn' : 'In', values: [checkedValue(key, value)] };
  }
  if (operator === '<' || operator === '>') {
    const value = take();
    if (!/^-?\d+$/.test(value))
      throw unparsable(
        `values[0][${key}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
      );
    return { key, operator: operator === '>' ? 'Gt' : 'Lt', values: [value] };
  }
  if (operator !== 'in' && operator !== 'notin') {
    throw unparsable(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
  }
  return { key, operator: operator === 'in' ? 'In' : 'NotIn', values: parseValues(key, peek, take) };
}

function parseValues(key: string, peek: () => string, take: () => string): string[] {
  if (take() !== '(') throw unparsable("expected: '('");
  const values: string[] = [];
  for (;;) {
    if (WORD.test(peek())) values.push(checkedValue(key, take()));
    else values.push('');
    const separator = take();
    if (separator === ')') return values;
    if (separator !== ',') throw unparsable(`found '${separator}', expected: ',', or ')'`);
  }
}

function checkedKey(key: string): string {
  if (!WORD.test(key)) throw unparsable(`found '${key}', expected: !, identifier, or 'end of string'`);
  const [fault] = labelKeyFaults(key);
  if (fault !== undefined) throw unparsable(`key: Invalid value: ${JSON.stringify(key)}: ${fault}`);
  return key;
}

function checkedValue(key: string, value: string): string {
  const [fault] = labelValueFaults(value);
  if (fault !== undefined) throw unparsable(`values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${fault}`);
  return value;
}

function unparsable(why: string): Error {
  return badRequest(`unable to parse requirement: ${why.slice(0, 500)}`);
}
