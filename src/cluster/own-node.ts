import { namespacedName } from '../base/index.ts';
import type { NodeRow } from '../model/index.ts';
import { type Addr, addrFamily, isAddr, parseAddr } from '../net/index.ts';
import type { Intent } from './intent.ts';
import { tunnelOf } from './node-tunnel.ts';
import type { ObjectProblems } from './object-problems.ts';

export type OwnNodeOptions = {
  readonly intent: Pick<Intent, 'nodes'>;
  readonly problems: ObjectProblems;
  readonly nodeName: string;
  /** Under which address packets go through the tunnel; undefined: there is none. */
  readonly sendsAs: Addr | undefined;
  /** Of this machine, as they are now. */
  readonly addresses: () => readonly Addr[];
};

/**
 * Whether the others find this node where it is: they know it by what its Node says, which may change while it is up, and may
 * be wrong. What follows is their business, and fails closed; this says why, on the Node and in the status.
 */
export class OwnNode {
  readonly #o: OwnNodeOptions;
  #problems: readonly string[] = [];
  #told = '';
  #looked: { readonly node: NodeRow | undefined; readonly addresses: readonly Addr[] } = {
    node: undefined,
    addresses: [],
  };

  constructor(options: OwnNodeOptions) {
    this.#o = options;
  }

  /** Empty: nothing is wrong, or the Node is not known. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  follow(): void {
    const { intent, nodeName, problems } = this.#o;
    const node = intent.nodes.get(namespacedName({ name: nodeName }));
    const addresses = this.#o.addresses();
    // The same two objects until one of them says something else: it is asked in every pass.
    if (node === this.#looked.node && addresses === this.#looked.addresses) return;
    this.#looked = { node, addresses };
    this.#problems = node === undefined ? [] : this.#of(node, addresses);
    const said = this.#problems.join('; ');
    if (said === this.#told) return;
    this.#told = said;
    if (node === undefined) return;
    const subject = { apiVersion: 'v1', kind: 'Node', namespace: '', name: nodeName, uid: node.uid } as const;
    problems.report(
      subject,
      this.#problems.map((message) => ({ reason: 'AddressConflict', message })),
    );
  }

  #of(node: NodeRow, addresses: readonly Addr[]): string[] {
    const { sendsAs } = this.#o;
    const known = node.addresses
      .filter(isAddr)
      .map(parseAddr)
      .filter((addr) => addrFamily(addr) === 4);
    const tunnel = tunnelOf(node);
    if (tunnel === null) {
      return ['its Node has no IPv4 address (status.addresses): no other node knows where its pods are'];
    }
    const texts: string[] = [];
    if (sendsAs !== undefined && !known.includes(sendsAs)) {
      texts.push(
        `sends to other nodes as ${sendsAs}, which is none of the addresses of its Node (${known.join(', ')}): they drop what comes from here; correct the Node, or start the agent anew with the uplink that has such an address`,
      );
    }
    if (!addresses.includes(tunnel)) {
      texts.push(
        `${tunnel}, by which other nodes know it, is no address of this machine: what they send here does not arrive; correct status.addresses of the Node (--node-ip of the kubelet)`,
      );
    }
    return texts;
  }
}
