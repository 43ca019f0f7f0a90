import { errorMessage } from '../base/index.ts';
import type { NetworkPolicyRow } from '../kube/index.ts';
import { type PolicyRepository, parseNetworkPolicy, translateNetworkPolicy } from '../policy/index.ts';
import type { IntentTable } from './intent.ts';

/** Brings NetworkPolicies into the repository. One that cannot be understood changes nothing; `problems` says why. */
export class PolicyFollower {
  readonly #intent: IntentTable<NetworkPolicyRow>;
  readonly #repository: PolicyRepository;
  readonly #problems = new Map<string, string>();

  constructor(intent: IntentTable<NetworkPolicyRow>, repository: PolicyRepository) {
    this.#intent = intent;
    this.#repository = repository;
  }

  /** By `namespace/name`. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  /** Keys whose policy is newly refused. */
  follow(): string[] {
    const refused: string[] = [];
    for (const key of this.#intent.drain()) {
      const row = this.#intent.get(key);
      this.#problems.delete(key);
      if (row === undefined) {
        this.#repository.deletePolicy(key);
        continue;
      }
      try {
        this.#repository.upsertPolicy(
          key,
          translateNetworkPolicy(parseNetworkPolicy(policyObject(row)), row.namespace),
        );
      } catch (error) {
        this.#problems.set(key, errorMessage(error));
        refused.push(key);
      }
    }
    return refused;
  }
}

/** As `parseNetworkPolicy` takes it. */
export function policyObject({ namespace, name, uid, spec }: NetworkPolicyRow): unknown {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { namespace, name, uid }, spec };
}
