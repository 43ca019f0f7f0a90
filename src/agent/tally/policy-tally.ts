import {
  type Direction,
  type EndpointId,
  endpointId,
  FIRST_OUTSIDE,
  type FlowVerdict,
  type PolicyKey,
  policyKey,
  type RuleId,
  type RuleOrigin,
  ruleId,
} from '../../model/index.ts';
import { type RecordLayout, verdictOf } from '../../observe/index.ts';
import type { Membership } from '../../tenant/index.ts';
import { BoundedSeries, type BoundedSeriesOptions, OTHER, type SeriesName } from './bounded-series.ts';
import { CLUSTER, ownerOf } from './owner.ts';
import { RuleCounts } from './rule-counts.ts';

export type PolicyVerdicts = {
  readonly tenant: string;
  readonly namespace: string;
  readonly policy: string;
  readonly direction: Direction;
  readonly verdict: FlowVerdict;
  readonly count: number;
};

export type PolicyTallyOptions = Omit<BoundedSeriesOptions, 'keepMs'> & {
  readonly layout: RecordLayout;
  readonly origin: (id: RuleId) => RuleOrigin | undefined;
  readonly hasPolicy: (key: PolicyKey) => boolean;
  /** Undefined: it is not there any more. */
  readonly namespaceOf: (id: EndpointId) => string | undefined;
  /** Of the pods that are here. */
  readonly namespaces: () => ReadonlySet<string>;
  readonly membership: () => Membership;
  readonly keepMs: number;
};

const DIRECTIONS = ['ingress', 'egress'] as const satisfies readonly Direction[];
const VERDICTS = ['forwarded', 'dropped'] as const satisfies readonly FlowVerdict[];

/** What passed and no rule let pass: no policy selects the pod in that direction, or none is asked (its own node). No policy has this name. */
const DEFAULT = '_default';
/** Names of series are a tenant's, each once: those by default are told apart by their namespaces. */
const isDefault = (name: string): boolean => name.startsWith(`${DEFAULT} `);

/**
 * Verdicts by the policy whose rule gave them. While records come only numbers are counted; whose they are is asked once in
 * a while, sooner than numbers of rules that are gone mean others.
 */
export class PolicyTally {
  readonly #o: PolicyTallyOptions;
  readonly #series: BoundedSeries;
  readonly #counts = {
    forwarded: { ingress: new RuleCounts(), egress: new RuleCounts() },
    dropped: { ingress: new RuleCounts(), egress: new RuleCounts() },
  };
  /** What passed without a rule, by the pod. */
  readonly #unruled = { ingress: new RuleCounts(), egress: new RuleCounts() };

  constructor(options: PolicyTallyOptions) {
    this.#o = options;
    this.#series = new BoundedSeries(options);
  }

  /** Each record as it comes. */
  see(view: DataView, at: number): void {
    const { layout } = this.#o;
    const verdict = verdictOf(layout, view, at);
    if (verdict === undefined) return;
    const rule = at + layout.offsets.rule;
    const { forwarded, dropped } = this.#counts;
    // Of what is denied in one direction the other may have been allowed: that decided nothing.
    const ingress = verdict === 'denied-egress' ? 0 : view.getUint32(rule, true);
    const egress = verdict === 'denied-ingress' ? 0 : view.getUint32(rule + 4, true);
    const counts = verdict === 'allowed' ? forwarded : dropped;
    if (ingress !== 0) counts.ingress.add(ingress);
    if (egress !== 0) counts.egress.add(egress);
    if (verdict === 'allowed' && (ingress === 0 || egress === 0)) this.#seeUnruled(view, at, { ingress, egress });
  }

  /** Gives what came to the policies whose it is. */
  fold(): void {
    for (const verdict of VERDICTS)
      for (const direction of DIRECTIONS)
        for (const [id, count] of this.#counts[verdict][direction].take())
          this.#series.add(this.#nameOf(this.#o.origin(ruleId(id))), `${direction} ${verdict}`, count);
    for (const direction of DIRECTIONS)
      for (const [id, count] of this.#unruled[direction].take())
        this.#series.add(this.#defaultOf(this.#o.namespaceOf(endpointId(id))), `${direction} forwarded`, count);
  }

  show(): PolicyVerdicts[] {
    this.fold();
    const here = this.#o.namespaces();
    const lines = this.#series.show(({ name, namespace }) =>
      isDefault(name) ? here.has(namespace) : this.#o.hasPolicy(name as PolicyKey),
    );
    return lines.map(({ tenant, namespace, name, row, count }) => {
      const [direction, verdict] = row.split(' ') as [Direction, FlowVerdict];
      const policy = isDefault(name) ? DEFAULT : name;
      return { tenant, namespace, policy, direction, verdict, count };
    });
  }

  /** Whoever opened is subject to egress, also where it is told of by what comes back. */
  #seeUnruled(view: DataView, at: number, rules: Readonly<Record<Direction, number>>): void {
    const { offsets } = this.#o.layout;
    const source = view.getUint16(at + offsets.sourceEndpoint, true);
    const destination = view.getUint16(at + offsets.destinationEndpoint, true);
    const isReply = view.getUint8(at + offsets.isReply) !== 0;
    const ends = isReply ? { egress: destination, ingress: source } : { egress: source, ingress: destination };
    for (const direction of DIRECTIONS) {
      const end = ends[direction];
      // Only of a pod of this node is known that no rule was there.
      if (rules[direction] === 0 && end !== 0 && end < FIRST_OUTSIDE) this.#unruled[direction].add(end);
    }
  }

  #defaultOf(namespace: string | undefined): SeriesName {
    if (namespace === undefined) return { tenant: CLUSTER, namespace: OTHER, name: OTHER };
    return { tenant: ownerOf(namespace, this.#o.membership()), namespace, name: `${DEFAULT} ${namespace}` };
  }

  #nameOf(origin: RuleOrigin | undefined): SeriesName {
    if (origin === undefined) return { tenant: CLUSTER, namespace: OTHER, name: OTHER };
    const { namespace = '' } = origin;
    const tenant = namespace === '' ? CLUSTER : ownerOf(namespace, this.#o.membership());
    return { tenant, namespace: namespace === '' ? CLUSTER : namespace, name: policyKey(origin) };
  }
}
