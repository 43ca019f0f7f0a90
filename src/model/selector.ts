import type { LabelMap } from './labels.ts';

export type SelectorOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';

/** One condition on one label key. `values` is sorted and without duplicates; empty for Exists and DoesNotExist. */
export type Requirement = {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
};

/**
 * A Kubernetes LabelSelector in normal form: all requirements must hold, none = everything. Equal selectors have equal
 * `key`s, so that they can share one set of members.
 */
export type LabelSelector = { readonly requirements: readonly Requirement[]; readonly key: string };

/** The shape Kubernetes writes; `matchLabels` is shorthand for In with one value. */
export type LabelSelectorSource = {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?:
    | readonly {
        readonly key: string;
        readonly operator: SelectorOperator;
        readonly values?: readonly string[] | undefined;
      }[]
    | undefined;
};

export function labelSelector(source: LabelSelectorSource = {}): LabelSelector {
  const labels = Object.entries(source.matchLabels ?? {}).map(
    ([key, value]): Requirement => ({ key, operator: 'In', values: [value] }),
  );
  const expressions = (source.matchExpressions ?? []).map(
    ({ key, operator, values = [] }): Requirement => ({ key, operator, values: [...new Set(values)].sort() }),
  );
  const unique = new Map([...labels, ...expressions].map((requirement) => [requirementKey(requirement), requirement]));
  const sorted = [...unique].sort(([a], [b]) => (a < b ? -1 : 1));
  return { requirements: sorted.map(([, requirement]) => requirement), key: sorted.map(([key]) => key).join(',') };
}

/** Selects everything. */
export const EVERYTHING: LabelSelector = labelSelector();

function requirementKey({ key, operator, values }: Requirement): string {
  return JSON.stringify([key, operator, ...values]);
}

/** Kubernetes semantics: NotIn and DoesNotExist hold for an object that lacks the key. */
export function requirementHolds({ key, operator, values }: Requirement, labels: LabelMap): boolean {
  const value = labels.get(key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

export function selectorMatches(selector: LabelSelector, labels: LabelMap): boolean {
  return selector.requirements.every((requirement) => requirementHolds(requirement, labels));
}

/** For people: `app=web, tier in (a, b), !legacy`. */
export function formatSelector(selector: LabelSelector): string {
  if (selector.requirements.length === 0) return '(all)';
  return selector.requirements
    .map(({ key, operator, values }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `!${key}`;
      if (operator === 'In' && values.length === 1) return `${key}=${values[0]}`;
      return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(', ')})`;
    })
    .join(', ');
}
