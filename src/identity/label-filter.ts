import { isInternalKey, type LabelMap, type Workload } from '../model/index.ts';

/** Decides about label keys that start with `prefix` or match `regex` as a whole. The first rule that applies decides. */
export type LabelRule = { readonly action: 'include' | 'exclude' } & (
  | { readonly prefix: string }
  | { readonly regex: string }
);

/** Labels that controllers make different for each replica or revision: identities by them would tell nothing apart. */
export const DEFAULT_LABEL_RULES: readonly LabelRule[] = [
  'pod-template-hash',
  'pod-template-generation',
  'controller-revision-hash',
  'controller-uid',
  'job-name',
  String.raw`statefulset\.kubernetes\.io/pod-name`,
  String.raw`apps\.kubernetes\.io/pod-index`,
  String.raw`batch\.kubernetes\.io/(controller-uid|job-name|job-completion-index)`,
].map((regex) => ({ action: 'exclude', regex }));

/** By key: whether some policy selects pods by it among which this one is. */
type IsSelected = (key: string) => boolean;
const UNSELECTED: IsSelected = () => false;

/**
 * Which labels of a pod belong to its identity. Keys that no rule names are kept, unless there is an include rule; keys
 * that some policy selects it by are always kept, whatever they look like, so the filter can save identities but never
 * change a verdict.
 */
export class LabelFilter {
  readonly #rules: readonly { include: boolean; applies: (key: string) => boolean }[];
  readonly #keepRest: boolean;

  constructor(rules: readonly LabelRule[] = DEFAULT_LABEL_RULES) {
    this.#rules = rules.map((rule) => ({ include: rule.action === 'include', applies: matcher(rule) }));
    this.#keepRest = !rules.some((rule) => rule.action === 'include');
  }

  /** Whether policies select by it or not. */
  keeps(key: string): boolean {
    if (isInternalKey(key)) return false;
    return this.#rules.find(({ applies }) => applies(key))?.include ?? this.#keepRest;
  }

  /** The labels that are kept. */
  apply(labels: LabelMap, isSelected: IsSelected = UNSELECTED): LabelMap {
    return new Map(Array.from(labels).filter(([key]) => this.keeps(key) || isSelected(key)));
  }

  /** The workload as its identity sees it. */
  reduce(workload: Workload, isSelected?: IsSelected): Workload {
    return { ...workload, labels: this.apply(workload.labels, isSelected) };
  }
}

function matcher(rule: LabelRule): (key: string) => boolean {
  if ('prefix' in rule) return (key) => key.startsWith(rule.prefix);
  const regex = new RegExp(`^(?:${rule.regex})$`);
  return (key) => regex.test(key);
}
