export {
  type Explanation,
  explain,
  type Failed,
  type LookupResult,
  type NearestMiss,
  type Packet,
  type Party,
  partyOf,
  type Question,
  TableLookup,
} from './ask/index.ts';
export {
  type BoundEntry,
  CompiledTable,
  type CompileInput,
  compileTable,
  DEFAULT_ALLOW,
  LOCALHOST_ALLOW,
} from './compile/index.ts';
export {
  kindNamed,
  networkPolicy,
  POLICY_KINDS,
  type PolicyKind,
  printableText,
  type Reading,
  readPolicy,
} from './kinds/index.ts';
export {
  entryPrefixes,
  type Floor,
  PolicyRepository,
  peerTerms,
  type RepositoryOptions,
  type RuleSet,
  type RuleSets,
} from './repository/index.ts';
export {
  type AllowLocalhost,
  type CidrSelects,
  type Enforcement,
  type PolicySettings,
} from './settings.ts';
