import type { Intent } from '../../cluster/index.ts';
import { reservedIdentity } from '../../identity/index.ts';
import {
  type DropReason,
  type FlowShadow,
  IDENTITY_CLUSTER_MAX,
  IDENTITY_CLUSTER_MIN,
  type Identity,
  type IdentityId,
  identityId,
  type PodIdentity,
  type ServicePort,
} from '../../model/index.ts';
import { isAddr, parseAddr, protocolName } from '../../net/index.ts';
import type { DatapathEvent } from '../../observe/index.ts';
import type { Floor } from '../../plane/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';
import { askFloor, importedBy, type SharedEnd, shareKey } from '../../tenant/index.ts';
import type { TenantWarnings } from './tenant-warnings.ts';

/** Kinds of connections that are told from each other, for a second: Services and identities change. */
const MOST_KNOWN = 8_192;

export type WouldDropsOptions = {
  readonly floor: Pick<Floor, 'membership' | 'whole'>;
  readonly repository: Pick<PolicyRepository, 'identity'>;
  readonly intent: Pick<Intent, 'services'>;
  /** Where API servers answer. */
  readonly apiServers: () => readonly SharedEnd[];
  readonly now: () => number;
  readonly warnings: Pick<TenantWarnings, 'see'>;
};

type WouldDrop = FlowShadow & { readonly reason: DropReason };

type Asked = Pick<
  DatapathEvent,
  | 'type'
  | 'source'
  | 'destination'
  | 'sourceIdentity'
  | 'destinationIdentity'
  | 'sourcePort'
  | 'destinationPort'
  | 'protocol'
  | 'isReply'
>;

/**
 * What the floor would drop once those Tenants enforce that observe. Asked here of connections that opened, and not in the
 * datapath: there an observing Tenant is as though it were not there, so that it costs and risks nothing.
 */
export class WouldDrops {
  readonly #o: WouldDropsOptions;
  readonly #counts = new Map<string, number>();
  #of: Floor['whole'] | undefined;
  #second = Number.NaN;
  readonly #known = new Map<string, WouldDrop | undefined>();

  constructor(options: WouldDropsOptions) {
    this.#o = options;
  }

  get isNeeded(): boolean {
    return this.#o.floor.membership !== this.#o.floor.whole;
  }

  /** By reason: connections that have been seen to open since the agent lives. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  count(event: Asked): void {
    const found = event.type === 'open' ? this.of(event) : undefined;
    if (found === undefined) return;
    this.#counts.set(found.reason, (this.#counts.get(found.reason) ?? 0) + 1);
    const { sourceIdentity: source, destinationIdentity: destination, isReply } = event;
    const [opener, responder] = isReply ? [destination, source] : [source, destination];
    this.#o.warnings.see(found.reason, identityId(opener), identityId(responder));
  }

  /** By Tenants as they are now. Undefined: nothing would change for it, or it is not known any more whose it was. */
  of(event: Asked): WouldDrop | undefined {
    if (!this.isNeeded || (event.type !== 'open' && event.type !== 'renew')) return undefined;
    const { sourceIdentity: source, destinationIdentity: destination, protocol, isReply } = event;
    const [from, to] = isReply ? [destination, source] : [source, destination];
    const port = isReply ? event.sourcePort : event.destinationPort;
    const second = Math.floor(this.#o.now() / 1_000);
    if (this.#of !== this.#o.floor.whole || this.#second !== second || this.#known.size >= MOST_KNOWN) {
      this.#of = this.#o.floor.whole;
      this.#second = second;
      this.#known.clear();
    }
    // Of pods their addresses have no part in it.
    const addr = isPod(source) ? (isPod(destination) ? undefined : event.destination) : event.source;
    const key = `${from} ${to} ${protocol} ${port} ${addr ?? ''}`;
    if (this.#known.has(key)) return this.#known.get(key);
    const found = this.#ask({ from, to, addr }, protocolName(protocol), port);
    this.#known.set(key, found);
    return found;
  }

  #ask(
    { from, to, addr }: { readonly from: number; readonly to: number; readonly addr: string | undefined },
    protocol: string,
    port: number,
  ): WouldDrop | undefined {
    const { membership, whole } = this.#o.floor;
    const [opener, responder] = [this.#identity(identityId(from)), this.#identity(identityId(to))];
    if (opener === undefined || responder === undefined) return undefined;
    const isShared = (): boolean =>
      opener.kind === 'pod' && isTransport(protocol) && this.#isShared(opener, responder, { protocol, port });
    const outside = addr !== undefined && isAddr(addr) ? parseAddr(addr) : undefined;
    const question = { opener, responder, addr: outside, isShared };
    const then = askFloor(question, whole);
    // What is dropped already is told as that.
    if (then === undefined || askFloor(question, membership) !== undefined) return undefined;
    return { change: 'would-drop', by: 'tenant', reason: then.reason, text: then.text };
  }

  #identity(id: IdentityId): Identity | undefined {
    return this.#o.repository.identity(id) ?? reservedIdentity(id);
  }

  /** Of these two alone, as for all. */
  #isShared(
    opener: PodIdentity,
    responder: Identity,
    { protocol, port }: { protocol: ServicePort['protocol']; port: number },
  ): boolean {
    const { floor, intent, apiServers, now } = this.#o;
    const { whole } = floor;
    const owner = whole.of(opener.workload.namespace);
    if (owner.state !== 'tenant') return false;
    const pods = responder.kind === 'pod' ? [opener, responder] : [opener];
    const { shares } = importedBy(owner.tenant, {
      membership: whole,
      service: (key) => intent.services.get(key),
      identitiesOf: (namespace) => pods.filter(({ workload }) => workload.namespace === namespace),
      namespacesOf: () => [opener.workload.namespace],
      systemServices: whole.settings.systemServices,
      apiServers: apiServers(),
      now: now(),
    });
    return shares.has(shareKey({ opener: opener.id, responder: responder.id, protocol, port }));
  }
}

const isPod = (id: number): boolean => id >= IDENTITY_CLUSTER_MIN && id <= IDENTITY_CLUSTER_MAX;

const isTransport = (protocol: string): protocol is ServicePort['protocol'] =>
  protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP';
