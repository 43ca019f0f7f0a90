export { type KindNames, type PolicyKind, type Reading } from './kind.ts';
export { kindNamed, POLICY_KINDS, readPolicy } from './list.ts';
export { networkPolicy } from './network-policy/index.ts';
