import type { TenantCondition } from '../kube/index.ts';
import type { NodeProof, TenantTold } from '../model/index.ts';

/** An agent proves its node each minute, and says so every two at the least. */
const MOST_AGE_MS = 300_000;
/** Of a clock that is ahead of this one by more nothing is believed. */
const MOST_AHEAD_MS = 60_000;
/** How exactly a condition says how old a proof is: each change of its text is a write. */
const GRAIN_MS = 300_000;
const MOST_NAMED = 3;

export type ProvedCondition = Pick<TenantCondition, 'status' | 'reason' | 'message'> & {
  readonly type: 'BoundaryEnforced' | 'Isolated' | 'WithinLimits';
};

export type ProofStanding = {
  /** `2/3`: on so many nodes of so many the kernel is as the Tenant says. */
  readonly enforced: string;
  /** Of the tenant's policies, as the node says that finds most; undefined: no node says anything. */
  readonly ineffectiveRules: number | undefined;
  readonly conditions: readonly ProvedCondition[];
};

type Asked = {
  readonly tenant: string;
  readonly generation: number;
  /** Names of all nodes. */
  readonly nodes: readonly string[];
  readonly proofOf: (node: string) => NodeProof | undefined;
  readonly now: number;
};

/**
 * What the nodes have proved of a tenant. A node without a proof, with one that is too old, or of another generation of the Tenant is
 * one of which nothing is known; that something was found there is believed until a proof says otherwise.
 */
export function proofStanding({ tenant, generation, nodes, proofOf, now }: Asked): ProofStanding {
  const all = nodes.map((node) => ({ node, proof: proofOf(node) }));
  const isFresh = (proof: NodeProof | undefined): proof is NodeProof & { readonly at: number } =>
    proof?.at !== undefined && now - proof.at <= MOST_AGE_MS && proof.at - now <= MOST_AHEAD_MS;
  const unknown = all
    .filter(({ proof }) => !isFresh(proof) || proof.tenants.get(tenant) !== generation)
    .map(({ node }) => node);
  const named = (node: string): string =>
    (proofOf(node)?.at ?? now) - now > MOST_AHEAD_MS ? `${node} (its clock is ahead)` : node;
  const told = (
    of: (proof: NodeProof) => readonly TenantTold[],
  ): { readonly node: string; readonly message: string }[] =>
    all.flatMap(({ node, proof }) => {
      const found = proof && of(proof).find((one) => one.tenant === tenant || one.tenant === '');
      return found === undefined ? [] : [{ node, message: found.message }];
    });
  const differing = told((proof) => proof.differing);
  const open = told((proof) => proof.open);
  const bad = new Set([...unknown, ...[...differing, ...open].map(({ node }) => node)]);
  const enforced = `${nodes.length - bad.size} of ${nodes.length} nodes`;
  const oldest = all.reduce((first, { proof }) => Math.min(first, proof?.at ?? first), now);
  const since = new Date(Math.floor(oldest / GRAIN_MS) * GRAIN_MS).toISOString().slice(0, 16);
  const proved = `generation ${generation} is proved on ${nodes.length} of ${nodes.length} nodes, nowhere before ${since}Z`;
  const condition = (
    type: ProvedCondition['type'],
    wrong: readonly { readonly node: string; readonly message: string }[],
    { good, bad: reason, fine }: { readonly good: string; readonly bad: string; readonly fine: string },
  ): ProvedCondition => {
    if (wrong.length > 0) {
      const texts = wrong.map(({ node, message }) => `${node}: ${message}`);
      return { type, status: 'False', reason, message: listed(texts) };
    }
    if (nodes.length === 0) return { type, status: 'Unknown', reason: 'NoNodes', message: 'there are no nodes' };
    if (unknown.length > 0) {
      const message = `no proof of generation ${generation} of the last 5 minutes from ${listed(unknown.map(named))}`;
      return { type, status: 'Unknown', reason: 'NotProved', message };
    }
    return { type, status: 'True', reason: good, message: fine };
  };
  const counts = all.flatMap(({ proof }) => {
    const list = isFresh(proof) ? proof.ineffective : undefined;
    return list === undefined ? [] : [list.find((one) => one.tenant === tenant)?.rules ?? 0];
  });
  const boundary = condition('BoundaryEnforced', differing, { good: 'Enforced', bad: 'KernelDiffers', fine: enforced });
  return {
    enforced: `${nodes.length - bad.size}/${nodes.length}`,
    ineffectiveRules: counts.length === 0 ? undefined : Math.max(...counts),
    conditions: [
      boundary.status === 'True' ? boundary : { ...boundary, message: `${enforced}; ${boundary.message}` },
      condition('Isolated', open, { good: 'Proved', bad: 'Broken', fine: proved }),
      condition(
        'WithinLimits',
        told((proof) => proof.limited),
        { good: 'WithinLimits', bad: 'Refused', fine: 'nothing was refused for a limit' },
      ),
    ],
  };
}

function listed(texts: readonly string[]): string {
  const named = texts.slice(0, MOST_NAMED).join('; ');
  return texts.length > MOST_NAMED ? `${named}; and ${texts.length - MOST_NAMED} more` : named;
}
