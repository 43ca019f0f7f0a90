import { EVERYTHING, type LabelSelector, labelSelector, type SelectorOperator } from '../../../model/index.ts';
import { inside, listOf, members, type Place, textOf, unreadable } from './members.ts';

type Expression = { readonly key: string; readonly operator: SelectorOperator; readonly values: readonly string[] };

const OPERATORS: readonly SelectorOperator[] = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/**
 * A LabelSelector. Keys and values are taken as they are written: servers before 1.27 stored values that no pod can
 * have, and what they say is clear.
 */
export function readSelector(value: unknown, place: Place): LabelSelector | undefined {
  if (value === undefined) return EVERYTHING;
  const given = members(value, place, ['matchLabels', 'matchExpressions']);
  const matchLabels = readLabels(given?.matchLabels, inside(place, 'matchLabels'));
  const matchExpressions = listOf(given?.matchExpressions, inside(place, 'matchExpressions'), readExpression);
  if (given === undefined || matchLabels === undefined || matchExpressions === undefined) return undefined;
  return labelSelector({ matchLabels, matchExpressions });
}

function readLabels(value: unknown, place: Place): Record<string, string> | undefined {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return unreadable(place, value, 'expected labels');
  }
  const labels = Object.entries(value).map(([key, label]) => [key, textOf(label, inside(place, key))] as const);
  return labels.every((pair): pair is readonly [string, string] => pair[1] !== undefined)
    ? Object.fromEntries(labels)
    : undefined;
}

function readExpression(value: unknown, place: Place): Expression | undefined {
  const given = members(value, place, ['key', 'operator', 'values']);
  if (given === undefined) return undefined;
  const key = textOf(given.key, inside(place, 'key'));
  const operator = OPERATORS.find((known) => known === given.operator);
  const values = listOf(given.values, inside(place, 'values'), textOf);
  if (operator === undefined) {
    return unreadable(inside(place, 'operator'), given.operator, `must be one of ${OPERATORS.join(', ')}`);
  }
  if (key === undefined || values === undefined) return undefined;
  const wantsValues = operator === 'In' || operator === 'NotIn';
  if (wantsValues !== values.length > 0) {
    const detail = `must ${wantsValues ? '' : 'not '}be given with operator ${operator}`;
    return unreadable(inside(place, 'values'), given.values, detail);
  }
  return { key, operator, values };
}
