import { AddressBook, type AddressOwner, type IpcacheRow } from '../../src/cluster/index.ts';
import { IdentityAllocator, LabelFilter, RESERVED_IDS } from '../../src/identity/index.ts';
import type { Direction, IdentityId, PodIdentity, PolicyTable } from '../../src/model/index.ts';
import { PolicyRepository } from '../../src/policy/index.ts';
import { workloadOf } from './workload.ts';
import { podKey, type World, type WorldPod } from './world.ts';

export type DesiredPod = { readonly pod: WorldPod; readonly identity: PodIdentity };

/** What the datapath must hold so that it judges as the world says. */
export type DesiredState = {
  /** All pods with a network of their own, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, DesiredPod>;
  readonly tables: ReadonlyMap<IdentityId, Readonly<Record<Direction, PolicyTable>>>;
  /** By prefix, the pods and addresses of the node itself among them; nodes differ in who is `host`. */
  ipcache(node: string): ReadonlyMap<string, IpcacheRow>;
  /** Explains the rule numbers in tables. */
  readonly repository: PolicyRepository;
};

/** Derives the desired state of one world after the other the way an agent does: by what changed. */
export class DesiredStates {
  readonly #allocator = new IdentityAllocator({ grace: 0 });
  #repository: PolicyRepository | undefined;
  #policies: World['policies'] = new Map();
  #pods: ReadonlyMap<string, DesiredPod> = new Map();
  readonly #books = new Map<string, Book>();

  next(world: World): DesiredState {
    this.#repository ??= new PolicyRepository(world.settings);
    const repository = this.#repository;
    for (const key of this.#policies.keys()) if (!world.policies.has(key)) repository.deletePolicy(key);
    for (const [key, entries] of world.policies) {
      if (this.#policies.get(key) !== entries) repository.upsertPolicy(key, entries);
    }
    this.#policies = world.policies;

    const pods = this.#identify(world, repository);
    const tables = new Map<IdentityId, Readonly<Record<Direction, PolicyTable>>>();
    for (const { identity } of pods.values()) tables.set(identity.id, repository.tablesFor(identity.id));
    const ipcaches = new Map(world.nodes.map(({ name }) => [name, this.#ipcacheOf(name, world, pods, repository)]));
    return { pods, tables, repository, ipcache: (node) => ipcaches.get(node) ?? new Map() };
  }

  /** What the node's agent would do with its book after the last world, and the rows then. */
  #ipcacheOf(
    node: string,
    world: World,
    pods: ReadonlyMap<string, DesiredPod>,
    { cidrs }: PolicyRepository,
  ): ReadonlyMap<string, IpcacheRow> {
    const { cidrSelects } = world.settings;
    const { book, owners } = this.#books.get(node) ?? {
      book: new AddressBook({ cidrs, cidrSelects }),
      owners: new Map(),
    };
    const claims = new Map<string, Parameters<AddressBook['claim']>>();
    for (const { name, addrs, apiserver } of world.nodes) {
      claims.set(`node ${name}`, [{ kind: 'node', key: name }, addrs, nodeIdentity(name === node, apiserver)]);
    }
    for (const [key, { pod, identity }] of pods) {
      claims.set(`pod ${key}`, [{ kind: 'pod', key }, pod.addrs, identity.id]);
    }
    for (const [text, owner] of owners) if (!claims.has(text)) book.release(owner);
    for (const claim of claims.values()) book.claim(...claim);
    book.followPrefixes();
    this.#books.set(node, { book, owners: new Map(Array.from(claims, ([text, [owner]]) => [text, owner])) });
    return new Map(book.desired());
  }

  #identify(world: World, repository: PolicyRepository): ReadonlyMap<string, DesiredPod> {
    const filter = new LabelFilter({ selectedKeys: repository.selectedLabelKeys() });
    const pods = new Map<string, DesiredPod>();
    for (const pod of world.pods) {
      if (pod.hostNetwork) continue;
      const identity = this.#allocator.acquire(filter.reduce(workloadOf(pod, world)));
      repository.upsertIdentity(identity);
      pods.set(podKey(pod), { pod, identity });
    }
    for (const { identity } of this.#pods.values()) this.#allocator.release(identity.id);
    for (const { id } of this.#allocator.expire()) repository.removeIdentity(id);
    this.#pods = pods;
    return pods;
  }
}

type Book = { readonly book: AddressBook; readonly owners: ReadonlyMap<string, AddressOwner> };

function nodeIdentity(isOwn: boolean, isApiServer: boolean): IdentityId {
  return RESERVED_IDS[isOwn ? 'host' : isApiServer ? 'kube-apiserver' : 'remote-node'];
}
