import { errorMessage } from '../base/index.ts';
import type { NetworkPolicyRow } from '../kube/index.ts';
import type { PolicyEntry } from '../model/index.ts';
import { type PolicyRepository, parseNetworkPolicy, translateNetworkPolicy } from '../policy/index.ts';
import { agentErrors } from './errors.ts';
import type { IntentTable } from './intent.ts';

export type PolicyFollowerOptions = {
  readonly intent: IntentTable<NetworkPolicyRow>;
  readonly repository: PolicyRepository;
  /** Whether the kernel has room for every prefix that the repository names now. */
  readonly fits: () => boolean;
};

/**
 * Brings NetworkPolicies into the repository. One that cannot be understood, or whose prefixes do not fit, is refused
 * whole: what it was before goes on, and `problems` says why.
 */
export class PolicyFollower {
  readonly #o: PolicyFollowerOptions;
  readonly #problems = new Map<string, string>();
  readonly #good = new Map<string, readonly PolicyEntry[]>();

  constructor(options: PolicyFollowerOptions) {
    this.#o = options;
  }

  /** By `namespace/name`. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  /** How many policies came, went or changed, and the keys of those that are refused. */
  follow(): { readonly changed: number; readonly refused: readonly string[] } {
    const refused: string[] = [];
    const keys = this.#o.intent.drain();
    for (const key of keys) {
      this.#problems.delete(key);
      try {
        this.#followOne(key);
      } catch (error) {
        this.#problems.set(key, errorMessage(error));
        refused.push(key);
      }
    }
    return { changed: keys.size, refused };
  }

  #followOne(key: string): void {
    const { intent, repository, fits } = this.#o;
    const row = intent.get(key);
    if (row === undefined) {
      repository.deletePolicy(key);
      this.#good.delete(key);
      return;
    }
    const entries = translateNetworkPolicy(parseNetworkPolicy(policyObject(row)), row.namespace);
    repository.upsertPolicy(key, entries);
    if (fits()) {
      this.#good.set(key, entries);
      return;
    }
    const before = this.#good.get(key);
    if (before === undefined) repository.deletePolicy(key);
    else repository.upsertPolicy(key, before);
    throw agentErrors.make('E_AGENT_PREFIXES_FULL', { detail: `NetworkPolicy ${key}` });
  }
}

/** As `parseNetworkPolicy` takes it. */
export function policyObject({ namespace, name, uid, spec }: NetworkPolicyRow): unknown {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { namespace, name, uid }, spec };
}
