export {
  type Explanation,
  explain,
  type Failed,
  hasCidr,
  judge,
  type NearestMiss,
  type Party,
  partyOf,
  peerMatches,
  type Question,
  selectsPod,
} from './ask/index.ts';
export {
  type BoundEntry,
  CompiledTable,
  type CompileInput,
  DEFAULT_ALLOW,
  LOCALHOST_ALLOW,
} from './compile/index.ts';
export {
  addressPeer,
  type DraftPeer,
  type DraftPort,
  draftName,
  draftOf,
  lasting,
  type NetworkPolicyDraft,
  peerOf,
  podsOf,
} from './draft/index.ts';
export {
  kindNamed,
  networkPolicy,
  POLICY_KINDS,
  type PolicyKind,
  type Reading,
  readPolicy,
} from './kinds/index.ts';
export {
  beyondTenantSteps,
  type LintedFloor,
  type LintedService,
  type LintFinding,
  type LintWorld,
  lint,
} from './lint/index.ts';
export {
  entryPrefixes,
  type Floor,
  PolicyRepository,
  peerTerms,
  type RepositoryOptions,
  type RuleSet,
  type RuleSets,
  type SelectedLabel,
} from './repository/index.ts';
export {
  type AllowLocalhost,
  type CidrSelects,
  type Enforcement,
  type PolicySettings,
} from './settings.ts';
