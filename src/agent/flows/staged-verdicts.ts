import type { Clock } from '../../base/index.ts';
import { namespacedName } from '../../base/index.ts';
import type { Intent, PodIdentities } from '../../cluster/index.ts';
import { reservedIdentity } from '../../identity/index.ts';
import {
  type Decision,
  type Direction,
  endpointId,
  type FlowShadow,
  type Identity,
  identityId,
  labelMap,
  type PodSelector,
  type PolicyEntry,
  policyKey,
  type Workload,
} from '../../model/index.ts';
import { type Addr, isAddr, PROTOCOL_NUMBERS, parseAddr } from '../../net/index.ts';
import type { DatapathEvent } from '../../observe/index.ts';
import type { EndpointTable, StagedPolicies } from '../../plane/index.ts';
import { explain, judge, type PolicyRepository, partyOf, type Question } from '../../policy/index.ts';

/** Kinds of connections that are told from each other, for a second: pods and policies change. */
const MOST_KNOWN = 8_192;
/** Opened from one namespace: who tries every port must not keep the agent busy with judging, nor others from being judged. */
const JUDGED_A_SECOND = 500;
/** The datapath does not tell the type of an ICMP message; what opens is the echo request. */
const ECHO_REQUEST = 8 << 8;
const JUDGED: ReadonlySet<number> = new Set(
  (['TCP', 'UDP', 'SCTP', 'ICMP'] as const).map((name) => PROTOCOL_NUMBERS[name]),
);

export type StagedVerdictsOptions = {
  readonly staged: StagedPolicies;
  readonly repository: Pick<PolicyRepository, 'identity' | 'entriesFor' | 'settings'>;
  readonly intent: Pick<Intent, 'pods'>;
  readonly identities: Pick<PodIdentities, 'get' | 'untold'>;
  readonly endpoints: Pick<EndpointTable, 'get'>;
  readonly clock: Pick<Clock, 'now'>;
};

/** `unjudged`: a label that decides is not told of a pod of another node, or too much was to be judged. */
export const STAGED_COUNTS = ['would-drop', 'would-allow', 'unjudged'] as const;
type Outcome = FlowShadow | 'unjudged' | undefined;

type End = {
  readonly identity: Identity;
  readonly addr: Addr | undefined;
  /** Of a pod; with labels by which no policy in force selects, where `isWhole`. */
  readonly workload: Workload | undefined;
  readonly isWhole: boolean;
};

type Asked = { readonly opener: End; readonly responder: End; readonly protocol: number; readonly port: number };

/**
 * What staged policies would change: of connections that opened, which they would deny, and of those that policy dropped, which they
 * would let pass. Asked here of what the datapath has decided, by the same oracle that explains it, and not in the datapath:
 * there a staged policy is as though it were not there, so that it costs and risks nothing.
 */
export class StagedVerdicts {
  readonly #o: StagedVerdictsOptions;
  readonly #counts = new Map<string, number>(STAGED_COUNTS.map((what) => [what, 0]));
  readonly #known = new Map<string, Outcome>();
  readonly #judged = new Map<string, number>();
  #second = Number.NaN;
  #version = Number.NaN;
  /** By the namespace of their pods; undefined: any. */
  #entries: ReadonlyMap<string | undefined, readonly PolicyEntry[]> = new Map();
  #hasPrefixes = false;
  /** Selectors of keys of labels that identities do not tell of. */
  #untold: readonly PodSelector[] = [];

  constructor(options: StagedVerdictsOptions) {
    this.#o = options;
  }

  get isNeeded(): boolean {
    return this.#o.staged.policies.size > 0;
  }

  /** By `STAGED_COUNTS`: connections and drops that have been seen since the agent lives. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  count(event: DatapathEvent): void {
    if (event.type !== 'open' && event.type !== 'drop') return;
    const outcome = this.#outcomeOf(event);
    if (outcome === undefined) return;
    const what = outcome === 'unjudged' ? outcome : outcome.change;
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** By policies as they are now. Undefined: nothing would change for it, or it cannot be said. */
  of(event: DatapathEvent): FlowShadow | undefined {
    const outcome = this.#outcomeOf(event);
    return outcome === 'unjudged' ? undefined : outcome;
  }

  #outcomeOf(event: DatapathEvent): Outcome {
    if (!this.isNeeded || !JUDGED.has(event.protocol)) return undefined;
    const denied = deniedAt(event);
    if (denied === undefined && event.type !== 'open' && event.type !== 'renew') return undefined;
    this.#turn();
    const { source, destination, isReply, protocol } = event;
    const ends = [`${event.sourceIdentity}`, `${event.destinationIdentity}`];
    if (this.#hasPrefixes) ends.push(source, destination);
    if (this.#untold.length > 0) ends.push(`${event.sourceEndpoint}`, `${event.destinationEndpoint}`);
    const port = protocol === PROTOCOL_NUMBERS.ICMP ? ECHO_REQUEST : isReply ? event.sourcePort : event.destinationPort;
    const key = `${ends.join()} ${protocol} ${port} ${isReply} ${denied}`;
    if (this.#known.has(key)) return this.#known.get(key);
    const outcome = this.#judge(event, port, denied);
    this.#known.set(key, outcome);
    return outcome;
  }

  #turn(): void {
    const { staged, identities, clock } = this.#o;
    const second = Math.floor(clock.now() / 1_000);
    if (this.#version === staged.version && this.#second === second) {
      if (this.#known.size >= MOST_KNOWN) this.#known.clear();
      return;
    }
    this.#second = second;
    this.#known.clear();
    this.#judged.clear();
    const all = [...staged.policies.values()].flat();
    if (this.#version !== staged.version) this.#entries = Map.groupBy(all, ({ subject }) => subject.namespace.name);
    this.#version = staged.version;
    const peers = all.flatMap((entry) => (entry.peers === 'any' ? [] : entry.peers));
    this.#hasPrefixes = peers.some(({ kind }) => kind === 'prefix');
    this.#untold = all.flatMap((entry) => {
      const selectors = [entry.subject, ...(entry.peers === 'any' ? [] : entry.peers)];
      return selectors
        .filter((selector) => selector.kind === 'pods')
        .filter((selector) => identities.untold(selector, entry.origin.namespace).length > 0);
    });
  }

  #judge(event: DatapathEvent, port: number, denied: Direction | undefined): Outcome {
    const source = this.#endOf(event.sourceIdentity, event.source, event.sourceEndpoint);
    const destination = this.#endOf(event.destinationIdentity, event.destination, event.destinationEndpoint);
    const [opener, responder] = event.isReply ? [destination, source] : [source, destination];
    if (opener === undefined || responder === undefined) return undefined;
    const asked = { opener, responder, protocol: event.protocol, port };
    if (!this.#isConcerned(asked)) return undefined;
    const namespace = opener.workload?.namespace ?? '';
    const judged = this.#judged.get(namespace) ?? 0;
    if (judged >= JUDGED_A_SECOND) return 'unjudged';
    this.#judged.set(namespace, judged + 1);
    if (this.#isUntold(opener) || this.#isUntold(responder)) return 'unjudged';
    return this.#compare(asked, denied);
  }

  /** Some staged policy is about pods of the opener's namespace and egress, or of the responder's and ingress. */
  #isConcerned({ opener, responder }: Asked): boolean {
    return (['egress', 'ingress'] as const).some((side) => {
      const { workload } = side === 'egress' ? opener : responder;
      return workload !== undefined && this.#about(workload).some(({ direction }) => direction === side);
    });
  }

  #about({ namespace }: Workload): readonly PolicyEntry[] {
    return [...(this.#entries.get(namespace) ?? []), ...(this.#entries.get(undefined) ?? [])];
  }

  #isUntold({ workload, isWhole }: End): boolean {
    if (workload === undefined || isWhole) return false;
    return this.#untold.some(({ namespace: { name } }) => name === undefined || name === workload.namespace);
  }

  /** Both ends decide, wherever they are: all agents know all policies. */
  #compare(asked: Asked, denied: Direction | undefined): FlowShadow | undefined {
    const sides = (['egress', 'ingress'] as const).flatMap((direction) => this.#sideOf(asked, direction));
    const now = sides.find(({ before }) => before.verdict === 'deny');
    // Policies say otherwise by now, or what they say is not in force: what is staged is not what changes it.
    if (now?.direction !== denied) return undefined;
    const then = sides.find(({ after }) => after.verdict === 'deny');
    if ((now === undefined) === (then === undefined)) return undefined;
    const deciding = now ?? then;
    if (deciding === undefined) return undefined;
    const { direction, entries, question } = deciding;
    const { text, reason } = explain(entries, this.#o.repository.settings, question);
    return {
      change: now === undefined ? 'would-drop' : 'would-allow',
      by: 'policy',
      reason: `policy-${direction}`,
      text,
      policies: policiesOf(reason),
    };
  }

  #sideOf({ opener, responder, protocol, port }: Asked, direction: Direction) {
    const [subject, peer] = direction === 'egress' ? [opener, responder] : [responder, opener];
    if (subject.workload === undefined) return [];
    const { repository } = this.#o;
    const { settings } = repository;
    const inForce = repository.entriesFor(subject.identity.id);
    const entries = [...inForce, ...this.#about(subject.workload)];
    const whole =
      peer.identity.kind === 'pod' && peer.workload ? { ...peer.identity, workload: peer.workload } : peer.identity;
    const question: Question = {
      subject: subject.workload,
      direction,
      peer: partyOf(whole, peer.addr),
      protocol,
      port,
    };
    return [
      {
        direction,
        entries,
        question,
        before: judge(inForce, settings, question),
        after: judge(entries, settings, question),
      },
    ];
  }

  #endOf(number: number, text: string, endpoint: number): End | undefined {
    const { repository, intent, identities, endpoints } = this.#o;
    const id = identityId(number);
    const identity = repository.identity(id) ?? reservedIdentity(id);
    if (identity === undefined) return undefined;
    const addr = isAddr(text) ? parseAddr(text) : undefined;
    if (identity.kind !== 'pod') return { identity, addr, workload: undefined, isWhole: true };
    const { workload } = identity;
    const record = endpoint === 0 ? undefined : endpoints.get(endpointId(endpoint))?.record;
    const pod = record && namespacedName(record.pod);
    const row = pod && intent.pods.get(pod);
    if (pod === undefined || row === undefined || identities.get(pod)?.id !== id)
      return { identity, addr, workload, isWhole: false };
    return { identity, addr, workload: { ...workload, labels: labelMap(row.labels) }, isWhole: true };
  }
}

/** At which end policy dropped it. */
function deniedAt({ type, reason }: DatapathEvent): Direction | undefined {
  if (type !== 'drop') return undefined;
  if (reason === 'policy-egress') return 'egress';
  return reason === 'policy-ingress' ? 'ingress' : undefined;
}

function policiesOf(reason: Decision['reason']): string[] {
  if (reason.kind === 'rule') return [policyKey(reason.origin)];
  return reason.kind === 'isolated' ? [...new Set(reason.by.map(policyKey))] : [];
}
