import type { RuleOrigin } from './policy-entry.ts';

export type Verdict = 'allow' | 'deny';

/** Why a verdict is what it is. */
export type Reason =
  /** A rule matched. */
  | { readonly kind: 'rule'; readonly origin: RuleOrigin }
  /** No rule matched, and the named policies (none with enforcement `always`) isolate the subject. */
  | { readonly kind: 'isolated'; readonly by: readonly RuleOrigin[] }
  /** No rule matched and nothing isolates the subject in this direction. */
  | { readonly kind: 'not-isolated' }
  /** A pod's own node reaches it (`allowLocalhost: always`). */
  | { readonly kind: 'localhost' }
  /** Enforcement is `never`. */
  | { readonly kind: 'not-enforced' };

export type Decision = { readonly verdict: Verdict; readonly reason: Reason };
