import { type Clock, type Lifecycle, nameParts, type Service } from '../../base/index.ts';
import type { AddressBook, Intent, ObjectProblems, PodIdentities } from '../../cluster/index.ts';
import { EVENT_RECORD, EventRing, type MapSet, readEventLoss } from '../../datapath/index.ts';
import { reservedIdentity } from '../../identity/index.ts';
import { endpointId, formatOrigin, type IdentityId, identityId, identityLabels, ruleId } from '../../model/index.ts';
import { isAddr, parseAddr } from '../../net/index.ts';
import { BootClock, FlowHub, type NamesNow, PastNames } from '../../observe/index.ts';
import type { EndpointTable, PolicyInstaller, StagedPolicies } from '../../plane/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';
import type { PolicyTally } from '../tally/index.ts';
import { Denials } from './denials.ts';
import { StagedVerdicts } from './staged-verdicts.ts';
import { TenantWarnings } from './tenant-warnings.ts';
import { WouldDrops, type WouldDropsOptions } from './would-drops.ts';

/** While events come; when no more do, at once and once more. */
const LOSS_EVERY_MS = 1_000;

export type FlowsOptions = Pick<WouldDropsOptions, 'floor' | 'apiServers'> & {
  readonly intent: Pick<Intent, 'services' | 'pods' | 'namespaces'>;
  readonly problems: Pick<ObjectProblems, 'report'>;
  readonly identities: PodIdentities;
  readonly staged: StagedPolicies;
  readonly maps: MapSet;
  readonly node: string;
  readonly buffer: number;
  readonly endpoints: EndpointTable;
  readonly repository: PolicyRepository;
  readonly book: AddressBook;
  readonly installer: Pick<PolicyInstaller, 'get' | 'lookUp'>;
  readonly tally: Pick<PolicyTally, 'see' | 'fold'>;
  readonly clock: Clock;
};

/** From the kernel's ring to whoever observes. */
export class Flows implements Service {
  readonly hub: FlowHub;
  readonly wouldDrops: WouldDrops;
  readonly stagedVerdicts: StagedVerdicts;
  readonly #o: FlowsOptions;
  readonly #ring: EventRing;
  #lossSeen: number;
  #lossReadAt = 0;

  constructor(options: FlowsOptions) {
    this.#o = options;
    this.#ring = new EventRing(options.maps.get('events'), options.maps.spec('events').maxEntries);
    const { node, buffer, clock } = options;
    this.wouldDrops = new WouldDrops({ ...options, warnings: new TenantWarnings(options), now: () => clock.now() });
    this.stagedVerdicts = new StagedVerdicts(options);
    const { tally } = options;
    const onRecord = (view: DataView, at: number): void => {
      tally.see(view, at);
      if (!this.wouldDrops.isNeeded && !this.stagedVerdicts.isNeeded) return;
      const event = EVENT_RECORD.decode(view, at);
      this.wouldDrops.count(event);
      this.stagedVerdicts.count(event);
    };
    this.hub = openHub({ node, storeSize: buffer, clock, names: this.#names(), onRecord });
    this.#lossSeen = this.#loss();
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('flow events', async (signal) => {
      for await (const taken of this.#ring.looks(signal, this.hub)) {
        if (taken === 0 || performance.now() - this.#lossReadAt >= LOSS_EVERY_MS) this.#noteLoss();
      }
    });
  }

  async stop(): Promise<void> {
    this.#ring.close();
  }

  #loss(): number {
    const { lost, suppressed, beyond } = readEventLoss(this.#o.maps);
    return lost + suppressed + beyond;
  }

  #noteLoss(): void {
    this.#lossReadAt = performance.now();
    this.#o.tally.fold();
    const loss = this.#loss();
    this.hub.recordKernelLoss(loss - this.#lossSeen);
    this.#lossSeen = loss;
  }

  #names(): NamesNow {
    const { repository, endpoints, book } = this.#o;
    const denials = new Denials(this.#o);
    return {
      labels: (identity) => labelsOf(repository, identityId(identity)),
      endpoint: (id) => {
        const endpoint = endpoints.get(endpointId(id));
        return endpoint && { namespace: endpoint.record.pod.namespace, pod: endpoint.record.pod.name };
      },
      address: (addr, identity) => {
        const claim = isAddr(addr) ? book.ownerOf(parseAddr(addr)) : undefined;
        if (claim?.identity !== identity || claim.owner.kind !== 'pod') return undefined;
        const { namespace, name } = nameParts(claim.owner.key);
        return { namespace, pod: name };
      },
      rule: (id) => {
        const origin = repository.rules.get(ruleId(id));
        return origin === undefined ? undefined : formatOrigin(origin);
      },
      denial: (event) => denials.of(event),
      // The floor is asked before policy.
      shadow: (event) => this.wouldDrops.of(event) ?? this.stagedVerdicts.of(event),
    };
  }
}

export function openHub(options: {
  readonly node: string;
  readonly storeSize: number;
  readonly clock: Clock;
  readonly names: NamesNow;
  readonly onRecord?: (view: DataView, at: number) => void;
}): FlowHub {
  const { node, storeSize, clock, names, onRecord } = options;
  const boot = new BootClock({ clock });
  return new FlowHub({
    node,
    storeSize,
    ...(onRecord && { onRecord }),
    layout: EVENT_RECORD,
    names: new PastNames(EVENT_RECORD, names),
    clock: { now: () => clock.now(), toWall: (ns) => boot.toWall(ns), toBoot: (ms) => boot.toBoot(ms) },
  });
}

export function labelsOf(repository: PolicyRepository, id: IdentityId): readonly string[] | undefined {
  const identity = repository.identity(id) ?? reservedIdentity(id);
  return identity === undefined ? undefined : identityLabels(identity);
}
