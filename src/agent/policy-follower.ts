import { errorMessage, isMembraneError, type Logger } from '../base/index.ts';
import type { NetworkPolicyRow } from '../kube/index.ts';
import type { PolicyEntry } from '../model/index.ts';
import { entryPrefixes, type PolicyRepository, readNetworkPolicy } from '../policy/index.ts';
import { agentErrors } from './errors.ts';
import type { IntentTable } from './intent.ts';
import { type PrefixLimits, PrefixRoom } from './prefix-room.ts';

/** Why a policy is not in force as it is written. What it isolates is isolated all the same. */
export type PolicyProblem = {
  /** `unreadable`: it says something that is not understood. `no-room`: its prefixes do not fit. */
  readonly kind: 'unreadable' | 'no-room';
  /** What that is, and what follows. */
  readonly text: string;
};

export type PolicyFollowerOptions = {
  readonly intent: IntentTable<NetworkPolicyRow>;
  readonly repository: PolicyRepository;
  readonly limits: PrefixLimits;
  /** Told when the problems of a policy are others than before; an empty list: none any more. */
  readonly onProblems?: (policy: NetworkPolicyRow, problems: readonly PolicyProblem[]) => void;
  readonly log: Logger;
};

/**
 * Brings NetworkPolicies into the repository, always as they are now: a rule that cannot be read, or whose prefixes do
 * not fit, admits nobody, and everything else of the policy holds. Nothing that a policy was before goes on, so a
 * restart changes nothing.
 */
export class PolicyFollower {
  readonly #o: PolicyFollowerOptions;
  readonly #room: PrefixRoom;
  readonly #problems = new Map<string, readonly PolicyProblem[]>();
  /** Of which object they were told. */
  readonly #told = new Map<string, string>();
  /** Policies that have no room, with how many prefixes they name. */
  readonly #starved = new Map<string, { readonly namespace: string; readonly wanted: number }>();

  constructor(options: PolicyFollowerOptions) {
    this.#o = options;
    this.#room = new PrefixRoom(options.limits);
  }

  /** By `namespace/name`. */
  get problems(): ReadonlyMap<string, readonly PolicyProblem[]> {
    return this.#problems;
  }

  /** How many policies came, went or changed, or were given the room that they had not. */
  follow(): { readonly changed: number } {
    const keys = this.#o.intent.drain();
    for (const key of keys) this.#followOne(key);
    let served = 0;
    for (const [key, { namespace, wanted }] of this.#starved) {
      if (keys.has(key) || wanted > this.#room.free(namespace) || wanted > this.#free()) continue;
      this.#followOne(key);
      served += 1;
    }
    return { changed: keys.size + served };
  }

  #free(): number {
    return this.#o.limits.total - this.#o.repository.cidrs.size;
  }

  #followOne(key: string): void {
    const { intent, repository } = this.#o;
    this.#starved.delete(key);
    const row = intent.get(key);
    if (row === undefined) {
      repository.deletePolicy(key);
      this.#room.give(key);
      this.#forget(key);
      return;
    }
    const { entries, problems } = readNetworkPolicy(row);
    const said: PolicyProblem[] = problems.length === 0 ? [] : [{ kind: 'unreadable', text: problems.join('; ') }];
    const lacking = this.#install(key, row, entries);
    if (lacking !== undefined) said.push({ kind: 'no-room', text: lacking });
    this.#tell(key, row, said);
  }

  /** Why the prefixes are not in force; undefined: they are. */
  #install(key: string, row: NetworkPolicyRow, entries: readonly PolicyEntry[]): string | undefined {
    const { repository, limits } = this.#o;
    const wanted = new Set(entries.flatMap(entryPrefixes).map(String)).size;
    const close = (lacking: string): string => {
      repository.upsertPolicy(key, entries.map(withoutPrefixes));
      this.#room.give(key);
      this.#starved.set(key, { namespace: row.namespace, wanted });
      const detail = `${wanted} prefixes: ${lacking}; rules with an ipBlock admit nobody`;
      return agentErrors.make('E_AGENT_PREFIXES_FULL', { detail }).message;
    };
    if (!this.#room.take(key, row.namespace, wanted)) {
      return close(`the namespace may have ${limits.ofNamespace}, ${this.#room.free(row.namespace)} are left`);
    }
    try {
      repository.upsertPolicy(key, entries);
    } catch (error) {
      if (!isMembraneError(error, 'E_IDENTITY_EXHAUSTED')) throw error;
      return close(errorMessage(error));
    }
    return wanted > 0 && this.#free() < 0 ? close(`the node has room for ${limits.total} of all policies`) : undefined;
  }

  #forget(key: string): void {
    this.#problems.delete(key);
    this.#told.delete(key);
  }

  #tell(key: string, row: NetworkPolicyRow, problems: readonly PolicyProblem[]): void {
    const before = this.#told.get(key) ?? '';
    const now = problems.length === 0 ? '' : `${row.uid} ${textOf(problems)}`;
    if (now === before) return;
    if (problems.length === 0) this.#forget(key);
    else {
      this.#problems.set(key, problems);
      this.#told.set(key, now);
      this.#o.log.warn({ policy: key, problems }, 'policy is not in force as it is written');
    }
    this.#o.onProblems?.(row, problems);
  }
}

export function textOf(problems: readonly PolicyProblem[]): string {
  return problems.map(({ text }) => text).join('; ');
}

/** Without the peers that do not fit; a rule that names one of them admits nobody, as one that cannot be read. */
function withoutPrefixes(entry: PolicyEntry): PolicyEntry {
  return entryPrefixes(entry).length === 0 ? entry : { ...entry, peers: [], ports: 'any', closed: 'no-room' };
}
