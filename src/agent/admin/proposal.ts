import type { Json } from '../../base/index.ts';
import { at, stringAt } from '../../base/index.ts';
import {
  fieldErrorMessage,
  type PodSelector,
  type PolicyEntry,
  type PolicyKey,
  type PolicyObject,
  policyKey,
} from '../../model/index.ts';
import { POLICY_KINDS, readPolicy } from '../../policy/index.ts';
import { agentErrors } from '../errors.ts';

/** Policies as they might be: what would be in force then? */
export class Proposal {
  /** What each of them says instead of what it said; nothing of those that go. */
  readonly #said: ReadonlyMap<PolicyKey, readonly PolicyEntry[]>;
  readonly #entries: readonly PolicyEntry[];

  constructor(said: ReadonlyMap<PolicyKey, readonly PolicyEntry[]> = new Map()) {
    this.#said = said;
    this.#entries = [...said.values()].flat();
  }

  /** What is in force, without what it would replace, and itself. */
  over(inForce: readonly PolicyEntry[]): PolicyEntry[] {
    return [...inForce.filter(({ origin }) => !this.#said.has(policyKey(origin))), ...this.#entries];
  }

  /** All selectors of pods in it, and of which namespace their policy is. */
  get selectors(): readonly { readonly selector: PodSelector; readonly home: string | undefined }[] {
    return this.#entries.flatMap(({ subject, peers, origin: { namespace: home } }) => [
      { selector: subject, home },
      ...(peers === 'any' ? [] : peers.flatMap((peer) => (peer.kind === 'pods' ? [{ selector: peer, home }] : []))),
    ]);
  }
}

/**
 * As the API server would take them; what it would refuse is refused in its words. What is staged among them says nothing,
 * unless it is thought enforced, and with it what is `staged` already. E_AGENT_PROPOSAL.
 */
export function readProposal(
  objects: readonly unknown[],
  deleted: readonly PolicyKey[] = [],
  staged?: ReadonlyMap<PolicyKey, readonly PolicyEntry[]>,
): Proposal {
  const said = new Map<PolicyKey, readonly PolicyEntry[]>();
  const say = (key: PolicyKey, entries: readonly PolicyEntry[]): void => {
    // Which of them would be in force, the order of writing decides.
    if (said.has(key)) throw agentErrors.make('E_AGENT_PROPOSAL', { detail: `${key} is said twice` });
    said.set(key, entries);
  };
  for (const policy of readPolicyObjects(objects)) {
    const reading = readPolicy(policy);
    say(policyKey(policy), staged === undefined ? reading.entries : (reading.staged ?? reading.entries));
  }
  for (const key of deleted) say(key, []);
  return new Proposal(new Map([...(staged ?? []), ...said]));
}

/** E_AGENT_PROPOSAL. */
export function readPolicyObjects(objects: readonly unknown[]): PolicyObject[] {
  return objects.map((object) => readObject(object as Json));
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
