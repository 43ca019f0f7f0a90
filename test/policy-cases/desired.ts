import { IdentityAllocator, type IpcacheEntry, ipcacheEntries, LabelFilter } from '../../src/identity/index.ts';
import type { IdentityId, PodIdentity, PolicyTable } from '../../src/model/index.ts';
import { PolicyRepository } from '../../src/policy/index.ts';
import { workloadOf } from './workload.ts';
import { podKey, type World, type WorldPod } from './world.ts';

export type DesiredPod = { readonly pod: WorldPod; readonly identity: PodIdentity };

/** What the datapath must hold so that it judges as the world says. */
export type DesiredState = {
  /** All pods with a network of their own, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, DesiredPod>;
  readonly tables: ReadonlyMap<IdentityId, PolicyTable>;
  /** The ipcache of a node; nodes differ in who is `host`. */
  ipcache(node: string): IpcacheEntry[];
  /** Explains the rule numbers in tables. */
  readonly repository: PolicyRepository;
};

/** Derives the desired state of one world after the other the way an agent does: by what changed. */
export class DesiredStates {
  readonly #allocator = new IdentityAllocator({ grace: 0 });
  #repository: PolicyRepository | undefined;
  #policies: World['policies'] = new Map();
  #pods: ReadonlyMap<string, DesiredPod> = new Map();

  next(world: World): DesiredState {
    this.#repository ??= new PolicyRepository(world.settings);
    const repository = this.#repository;
    for (const key of this.#policies.keys()) if (!world.policies.has(key)) repository.deletePolicy(key);
    for (const [key, entries] of world.policies) {
      if (this.#policies.get(key) !== entries) repository.upsertPolicy(key, entries);
    }
    this.#policies = world.policies;

    const pods = this.#identify(world, repository);
    const tables = new Map<IdentityId, PolicyTable>();
    for (const { identity } of pods.values()) tables.set(identity.id, repository.tableFor(identity.id));
    return { pods, tables, repository, ipcache: (node) => ipcacheOf(world, pods, repository, node) };
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

function ipcacheOf(
  world: World,
  pods: ReadonlyMap<string, DesiredPod>,
  repository: PolicyRepository,
  localNode: string,
): IpcacheEntry[] {
  return ipcacheEntries({
    pods: Array.from(pods.values()).flatMap(({ pod, identity }) =>
      pod.addrs.map((addr) => ({ addr, identity: identity.id })),
    ),
    nodes: world.nodes.flatMap(({ name, addrs, apiserver }) => addrs.map((addr) => ({ name, apiserver, addr }))),
    localNode,
    cidrs: repository.cidrs,
    cidrSelects: world.settings.cidrSelects,
  });
}
