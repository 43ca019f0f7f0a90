export { entryPrefixes, peerTerms } from './installed.ts';
export { PolicyRepository, type RepositoryOptions, type RuleSets } from './repository.ts';
export { type Floor, type RuleSet } from './rule-set.ts';
export type { SelectedLabel } from './selected-labels.ts';
