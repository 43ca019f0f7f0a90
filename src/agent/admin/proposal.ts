import type { Json } from '../../base/index.ts';
import { at, stringAt } from '../../base/index.ts';
import {
  fieldErrorMessage,
  type PolicyEntry,
  type PolicyKey,
  type PolicyObject,
  policyKey,
} from '../../model/index.ts';
import { POLICY_KINDS, readPolicy } from '../../policy/index.ts';
import { agentErrors } from '../errors.ts';

/** Policies that are in force nowhere: what would they say? */
export class Proposal {
  readonly policies: readonly PolicyObject[];
  readonly #keys: ReadonlySet<PolicyKey>;
  readonly #entries: readonly PolicyEntry[];

  constructor(policies: readonly PolicyObject[]) {
    this.policies = policies;
    this.#keys = new Set(policies.map(policyKey));
    this.#entries = policies.flatMap((policy) => readPolicy(policy).entries);
  }

  has(key: PolicyKey): boolean {
    return this.#keys.has(key);
  }

  /** What is in force, without what it would replace, and itself. */
  over(inForce: readonly PolicyEntry[]): PolicyEntry[] {
    return [...inForce.filter(({ origin }) => !this.#keys.has(policyKey(origin))), ...this.#entries];
  }
}

/** As the API server would take them; what it would refuse is refused in its words. E_AGENT_PROPOSAL. */
export function readProposal(objects: readonly unknown[]): Proposal {
  return new Proposal(objects.map((object) => readObject(object as Json)));
}

function readObject(object: Json): PolicyObject {
  const kind = POLICY_KINDS.find(({ names: { kind: name, group, version } }) => {
    return stringAt(object, 'kind') === name && stringAt(object, 'apiVersion') === `${group}/${version}`;
  });
  const name = `${stringAt(object, 'kind') ?? 'an object'} ${stringAt(object, 'metadata', 'name') ?? 'without a name'}`;
  if (kind === undefined) throw agentErrors.make('E_AGENT_PROPOSAL', { detail: `${name} is no policy` });
  const [fault] = kind.validate(object);
  if (fault !== undefined)
    throw agentErrors.make('E_AGENT_PROPOSAL', { detail: `${name}: ${fieldErrorMessage(fault)}` });
  const metadata = { namespace: 'default', ...(at(object, 'metadata') as object) };
  const parsed = kind.schema.safeParse({ ...(object as object), ...(kind.names.namespaced && { metadata }) });
  if (parsed.success) return parsed.data;
  throw agentErrors.make('E_AGENT_PROPOSAL', { detail: `${name}: ${parsed.error.issues[0]?.message}` });
}
