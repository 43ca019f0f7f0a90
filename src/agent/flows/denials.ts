import type { Clock } from '../../base/index.ts';
import { reservedIdentity } from '../../identity/index.ts';
import {
  type Direction,
  type FlowDenial,
  formatRule,
  type Identity,
  identityId,
  type PodIdentity,
  type PolicyKey,
  policyKey,
  type RuleOrigin,
} from '../../model/index.ts';
import { isAddr, PROTOCOL_NUMBERS, parseAddr } from '../../net/index.ts';
import type { DatapathEvent } from '../../observe/index.ts';
import { type InForceAnswer, judgeInForce, type PolicyInstaller } from '../../plane/index.ts';
import type { NearestMiss, PolicyRepository } from '../../policy/index.ts';

/** A pod that tries every port must not keep the agent busy with explaining: beyond that only what isolates is told. */
const EXPLAINED_A_SECOND = 200;

/** The datapath does not tell the type of an ICMP message; what is tried is the echo request. */
const ECHO_REQUEST = 8 << 8;

type Asked = {
  readonly direction: Direction;
  readonly subject: PodIdentity;
  readonly peer: Identity;
  readonly peerAddr: string;
  readonly port: number;
};

/** Says of packets that policy dropped what isolates the pod and what came nearest to allowing them. */
export class Denials {
  readonly #repository: PolicyRepository;
  readonly #installer: Pick<PolicyInstaller, 'get' | 'lookUp'>;
  readonly #clock: Clock;
  readonly #known = new Map<string, FlowDenial>();
  #second = Number.NaN;
  #left = 0;

  constructor(options: {
    readonly repository: PolicyRepository;
    readonly installer: Pick<PolicyInstaller, 'get' | 'lookUp'>;
    readonly clock: Clock;
  }) {
    this.#repository = options.repository;
    this.#installer = options.installer;
    this.#clock = options.clock;
  }

  /** Undefined: it was not dropped by policy, or whose packet it was is not known any more. */
  of(event: DatapathEvent): FlowDenial | undefined {
    const asked = this.#asked(event);
    if (asked === undefined) return undefined;
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) {
      this.#known.clear();
      this.#second = second;
      this.#left = EXPLAINED_A_SECOND;
    }
    const { direction, subject, peer, peerAddr, port } = asked;
    const whose = `${direction} ${subject.id} ${this.#installer.get(subject.id)?.revision}`;
    const key = `${whose} ${peer.id} ${peerAddr} ${event.protocol} ${port}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#left === 0) return this.#remember(whose, () => this.#isolation(asked));
    this.#left -= 1;
    return this.#remember(key, () => this.#explanation(asked, event.protocol));
  }

  #remember(key: string, make: () => FlowDenial): FlowDenial {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const denial = make();
    this.#known.set(key, denial);
    return denial;
  }

  #asked(event: DatapathEvent): Asked | undefined {
    if (event.reason !== 'policy-egress' && event.reason !== 'policy-ingress') return undefined;
    const direction = event.reason === 'policy-egress' ? 'egress' : 'ingress';
    const ends = [
      { identity: this.#identity(event.sourceIdentity), addr: event.source, port: event.sourcePort },
      { identity: this.#identity(event.destinationIdentity), addr: event.destination, port: event.destinationPort },
    ] as const;
    // Whoever opened is judged, also by what comes back.
    const [opener, other] = event.isReply ? [ends[1], ends[0]] : ends;
    const [subject, peer] = direction === 'egress' ? [opener, other] : [other, opener];
    if (subject.identity?.kind !== 'pod' || peer.identity === undefined) return undefined;
    const port = event.protocol === PROTOCOL_NUMBERS.ICMP ? ECHO_REQUEST : other.port;
    return { direction, subject: subject.identity, peer: peer.identity, peerAddr: peer.addr, port };
  }

  #identity(number: number): Identity | undefined {
    const id = identityId(number);
    return this.#repository.identity(id) ?? reservedIdentity(id);
  }

  #explanation({ direction, subject, peer, peerAddr, port }: Asked, protocol: number): FlowDenial {
    const addr = isAddr(peerAddr) ? parseAddr(peerAddr) : undefined;
    const question = { subject, direction, peer, peerAddr: addr, protocol, port };
    const answer = judgeInForce(question, { repository: this.#repository, installer: this.#installer });
    const { nearestMiss } = answer;
    return { direction, ...causeOf(answer), ...(nearestMiss !== undefined && { nearestMiss: missOf(nearestMiss) }) };
  }

  #isolation({ direction, subject }: Asked): FlowDenial {
    const isolating = this.#repository
      .entriesFor(subject.id)
      .filter((entry) => entry.direction === direction && entry.isolates);
    const policies = keysOf(isolating.map(({ origin }) => origin));
    const by = policies.length === 0 ? 'enforcement' : 'policies';
    const reason = `denied; more than ${EXPLAINED_A_SECOND} kinds of packets were dropped within a second, and only the first are explained`;
    return { direction, by, policies, reason };
  }
}

function causeOf({ verdict, reason, text }: InForceAnswer): Pick<FlowDenial, 'by' | 'policies' | 'reason'> {
  if (verdict === 'allow') {
    return { by: 'changed', policies: [], reason: `what is in force by now would let it pass: ${text}` };
  }
  switch (reason.kind) {
    case 'closed':
      return { by: 'closed', policies: [], reason: text };
    case 'rule':
      return { by: 'rule', policies: keysOf([reason.origin]), reason: text };
    case 'isolated':
      return { by: reason.by.length === 0 ? 'enforcement' : 'policies', policies: keysOf(reason.by), reason: text };
    case 'not-isolated':
    case 'localhost':
    case 'not-enforced':
      return { by: 'changed', policies: [], reason: text };
  }
}

function keysOf(origins: readonly RuleOrigin[]): PolicyKey[] {
  return [...new Set(origins.map(policyKey))];
}

function missOf({ origin, failed }: NearestMiss): NonNullable<FlowDenial['nearestMiss']> {
  return {
    policy: policyKey(origin),
    rule: formatRule(origin) ?? '',
    wants: failed.map(({ condition, expected }) => `${condition} ${expected}`).join(' and '),
    because: failed
      .map(({ condition, expected, found }) => `${condition} is ${found}, expected ${expected}`)
      .join('; '),
  };
}
