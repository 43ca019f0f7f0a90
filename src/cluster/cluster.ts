import { type Logger, namespacedName } from '../base/index.ts';
import type { ClusterNumbers, LabelRule } from '../identity/index.ts';
import type { PodRow } from '../model/index.ts';
import type { Addr, Prefix } from '../net/index.ts';
import type { PolicyRepository } from '../policy/index.ts';
import { AddressBook } from './address-book.ts';
import { type ApiServerEnd, ApiServers } from './api-servers.ts';
import type { IdentityRow } from './identity-row.ts';
import type { Intent } from './intent.ts';
import type { ObjectProblems } from './object-problems.ts';
import { OwnNode } from './own-node.ts';
import { PeerFollower } from './peer-follower.ts';
import { PodIdentities } from './pod-identities.ts';
import { isRunAs } from './pod-workload.ts';
import { PodsElsewhere } from './pods-elsewhere.ts';
import { RangeFollower } from './range-follower.ts';
import { RangeOwners } from './range-owners.ts';
import { RangeProblems } from './range-problems.ts';
import { RefusedPods } from './refused-pods.ts';
import type { Meeting } from './told-labels.ts';
import { TurnedIdentities } from './turned-identities.ts';

export type ClusterOptions = {
  readonly intent: Intent;
  readonly allocator: Pick<ClusterNumbers, 'follow' | 'takeTurned' | 'acquire' | 'release' | 'get' | 'known'>;
  readonly repository: PolicyRepository;
  readonly problems: ObjectProblems;
  /** Of this node. */
  readonly nodeName: string;
  /** Under which address packets go through the tunnel to other nodes; undefined: there is none. */
  readonly sendsAs?: Addr | undefined;
  readonly nodeAddresses: () => readonly Addr[];
  readonly clusterName: string;
  readonly labelRules?: readonly LabelRule[] | undefined;
  readonly cidrSelects: readonly ('pods' | 'nodes')[];
  readonly maxAddresses: number;
  /** Of the configuration: addresses of this node's pods, instead of what its Node says. */
  readonly podCIDR?: Prefix | undefined;
  /** Pod ranges that an earlier life had in the kernel. */
  readonly remembered?: readonly Prefix[];
  readonly log: Logger;
};

/** Who is where: from intent to the row of each pod's identity, to policy's members, to the desired rows of the ipcache. */
export class Cluster {
  readonly intent: Intent;
  readonly identities: PodIdentities;
  readonly book: AddressBook;
  readonly elsewhere: PodsElsewhere;
  readonly rangeProblems: RangeProblems;
  readonly ownNode: OwnNode;
  readonly #turned: TurnedIdentities;
  readonly #refused: RefusedPods;
  readonly #peers: PeerFollower;
  readonly #apiServers: ApiServers;
  readonly #ranges: RangeFollower;

  constructor(options: ClusterOptions) {
    const { intent, allocator, repository, problems, nodeName, clusterName, labelRules, log } = options;
    this.intent = intent;
    const { selectedLabels: selected } = repository;
    this.identities = new PodIdentities({ intent, allocator, cluster: clusterName, rules: labelRules, selected });
    this.#turned = new TurnedIdentities({ numbers: allocator, problems });
    const { cidrSelects, maxAddresses } = options;
    this.book = new AddressBook({ cidrs: repository.cidrs, cidrSelects, maxAddresses });
    this.#refused = new RefusedPods({ intent, identities: this.identities.rows, problems, nodeName, log });
    const { book } = this;
    this.#apiServers = new ApiServers({ intent, book, repository, nodeName });
    const owners = new RangeOwners();
    this.#peers = new PeerFollower({ intent, numbers: allocator, repository, book, owners, nodeName });
    this.elsewhere = new PodsElsewhere({ intent, numbers: allocator, book, owners, problems, nodeName });
    this.rangeProblems = new RangeProblems({ intent, owners, problems, nodeName });
    const { podCIDR, remembered, sendsAs, nodeAddresses: addresses } = options;
    this.ownNode = new OwnNode({ intent, problems, nodeName, sendsAs, addresses });
    const { elsewhere } = this;
    this.#ranges = new RangeFollower({ intent, elsewhere, owners, book, podCIDR, ...(remembered && { remembered }) });
  }

  /**
   * Follows the intent; `now`: ms of a clock that nobody sets. Policies are followed before: what they select by is part of
   * identities. `meeting`: who has to do with whom at all.
   */
  follow(now: number, meeting: Meeting): void {
    this.identities.follow(meeting);
    this.#turned.follow();
    this.#refused.follow();
    this.elsewhere.follow();
    this.#peers.follow();
    this.#ranges.follow(now);
    this.#apiServers.follow();
    this.rangeProblems.follow();
    this.ownNode.follow();
  }

  /** Where API servers answer; the same array until it is elsewhere. */
  get apiServers(): readonly ApiServerEnd[] {
    return this.#apiServers.ends;
  }

  /** The row of the pod that a runtime runs under this name, if it is the one that the API knows. */
  runs(pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string | undefined;
  }): { readonly pod: PodRow; readonly identity: IdentityRow | undefined } | undefined {
    const key = namespacedName(pod);
    const row = this.intent.pods.get(key);
    if (row === undefined || !isRunAs(row, pod.uid)) return undefined;
    return { pod: row, identity: this.identities.rows.get(key) };
  }
}
