import type { PolicyEntry, Tier } from '../../model/index.ts';
import { policyErrors } from '../errors.ts';

/** Two bits hold it: a tier more does not compile until it has a place among these, and a fourth has none. */
const TIER_RANK: Record<Tier, 1 | 2 | 3> = { admin: 3, network: 2, baseline: 1 };

/**
 * Which of several matching entries decides. This is the only place that says so:
 * 1. The tier: admin, then network, then baseline, then the defaults.
 * 2. Within a tier the lower order. NetworkPolicy has no order: all its entries have 0.
 * 3. At one order deny, then pass, then allow.
 * 4. Entries that are still equal give the same verdict; the broader one is named as the reason.
 * `pass` ends its tier. A subject that is isolated refuses what the network tier did not decide, so the baseline tier
 * never speaks for it; then only the node's own access (`allowLocalhost`) remains.
 */
export const TIERS: readonly Tier[] = (Object.keys(TIER_RANK) as Tier[]).toSorted(
  (a, b) => TIER_RANK[b] - TIER_RANK[a],
);

const ORDER_LIMIT = 2 ** 28;
const VERDICT_RANK = { deny: 2, pass: 1, allow: 0 } as const;

/** Larger wins. 2 bits of tier, 28 of order, 2 of verdict; fits 32 bits, unsigned. */
export function precedenceOf({ tier, order, verdict }: Pick<PolicyEntry, 'tier' | 'order' | 'verdict'>): number {
  if (!Number.isInteger(order) || order < 0 || order >= ORDER_LIMIT) {
    throw policyErrors.make('E_POLICY_ORDER', { detail: `${order}` });
  }
  return (TIER_RANK[tier] * ORDER_LIMIT + (ORDER_LIMIT - 1 - order)) * 4 + VERDICT_RANK[verdict];
}

/** Below every entry: the node's own access to its pods, and what holds when nothing else was said. */
export const LOCALHOST_PRECEDENCE = 8;
export const DEFAULT_PRECEDENCE = 4;
