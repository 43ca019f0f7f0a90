import { errorMessage } from '../../../base/index.ts';
import {
  type ApiStore,
  apiVersionOf,
  equal,
  FOREGROUND_FINALIZER,
  isApiError,
  type KubeObject,
  ORPHAN_FINALIZER,
  type OwnerReference,
} from '../../apiserver/index.ts';
import type { ControllerContext } from '../kit/context.ts';
import { WorkQueue } from '../kit/work-queue.ts';
import { OwnerGraph, ownersOf, type Place } from './owner-graph.ts';

/** `absent`: gone, or another object of its name. `waits`: it goes once its dependents have gone. */
type OwnerState = 'solid' | 'absent' | 'waits';

/**
 * Deletes what names owners of which none is left, and does what a deletion asked for: dependents first (foreground), or
 * letting them go (orphan). Follows every resource.
 */
export class GarbageCollector {
  readonly #context: ControllerContext;
  readonly #graph = new OwnerGraph();

  constructor(context: ControllerContext) {
    this.#context = context;
    for (const { resource } of context.store.catalog.all) context.informers.of(resource);
  }

  /** Acts until the signal is aborted. */
  start(signal: AbortSignal): void {
    const { clock, informers, store } = this.#context;
    const queue = new WorkQueue<string>({ clock, signal, work: (key) => this.#work(queue, key) });
    const mark = (place: Place): void => queue.add(keyOf(place));
    const followed = new Set<string>();
    const follow = ({ resource }: { readonly resource: string }): void => {
      if (followed.has(resource)) return;
      followed.add(resource);
      const end = informers.of(resource).onChange(({ next, previous }) => {
        if (next === undefined) {
          if (previous !== undefined) this.#gone(previous, mark);
          return;
        }
        this.#graph.put(resource, next, previous);
        const { namespace = '', name, ownerReferences = [], deletionTimestamp } = next.metadata;
        const isNew = !equal(ownerReferences, previous?.metadata.ownerReferences ?? []);
        if (isNew || (deletionTimestamp !== undefined && isHeld(next))) mark({ resource, namespace, name });
        if (isNew && previous !== undefined) this.#markOwners(previous, mark);
      });
      signal.addEventListener('abort', end, { once: true });
    };
    for (const definition of store.catalog.all) follow(definition);
    const end = store.catalog.onChange((added) => added !== undefined && follow(added));
    signal.addEventListener('abort', end, { once: true });
  }

  #gone(object: KubeObject, mark: (place: Place) => void): void {
    for (const place of this.#graph.dependentsOf(object.metadata.uid ?? '')) mark(place);
    this.#graph.remove(object);
    this.#markOwners(object, mark);
  }

  /** They may wait for it. */
  #markOwners(object: KubeObject, mark: (place: Place) => void): void {
    for (const uid of ownersOf(object)) {
      const place = this.#graph.placeOf(uid);
      if (place !== undefined) mark(place);
    }
  }

  #work(queue: WorkQueue<string>, key: string): void {
    try {
      const place = placeOf(key);
      const object = this.#get(place);
      if (object !== undefined) this.#collect(place, object, queue);
      queue.forget(key);
    } catch (error) {
      if (isApiError(error, 'NotFound')) return;
      const level = isApiError(error) ? 'debug' : 'error';
      this.#context.log[level]({ object: key, error: errorMessage(error) }, 'not collected, tried again');
      queue.retry(key);
    }
  }

  #get({ resource, namespace, name }: Place): KubeObject | undefined {
    return this.#context.store.get(resource, { namespace, name });
  }

  #collect(place: Place, object: KubeObject, queue: WorkQueue<string>): void {
    const { deletionTimestamp, finalizers = [] } = object.metadata;
    if (deletionTimestamp !== undefined && finalizers.includes(ORPHAN_FINALIZER)) this.#orphan(place, object);
    else if (deletionTimestamp !== undefined && finalizers.includes(FOREGROUND_FINALIZER)) {
      this.#awaitDependents(place, object, queue);
    } else if (deletionTimestamp === undefined) this.#deleteUnowned(place, object);
  }

  #orphan(place: Place, owner: KubeObject): void {
    const { store } = this.#context;
    const { uid = '' } = owner.metadata;
    for (const dependent of this.#graph.dependentsOf(uid)) {
      const object = this.#get(dependent);
      if (object !== undefined) dropReferences(store, dependent.resource, object, [uid]);
    }
    dropFinalizer(store, place.resource, owner, ORPHAN_FINALIZER);
  }

  #awaitDependents(place: Place, owner: KubeObject, queue: WorkQueue<string>): void {
    const { uid = '' } = owner.metadata;
    const blocking = this.#graph.dependentsOf(uid).filter((dependent) => {
      const references = this.#get(dependent)?.metadata.ownerReferences ?? [];
      return references.some((reference) => reference.uid === uid && reference['blockOwnerDeletion'] === true);
    });
    if (blocking.length === 0) dropFinalizer(this.#context.store, place.resource, owner, FOREGROUND_FINALIZER);
    for (const dependent of blocking) queue.add(keyOf(dependent));
  }

  #deleteUnowned(place: Place, object: KubeObject): void {
    const { store } = this.#context;
    const { namespace, name, uid = '', ownerReferences = [], finalizers = [] } = object.metadata;
    if (ownerReferences.length === 0) return;
    const states = ownerReferences.map((reference) => this.#stateOf(reference, namespace));
    if (states.includes('solid')) {
      const lost = ownerReferences.filter((_, index) => states[index] !== 'solid').map((reference) => reference.uid);
      if (lost.length > 0) dropReferences(store, place.resource, object, lost);
      return;
    }
    const hasDependents = this.#graph.dependentsOf(uid).length > 0;
    const isForeground = states.includes('waits') && hasDependents;
    const asked = finalizers.includes(ORPHAN_FINALIZER) ? 'Orphan' : 'Background';
    const held = finalizers.includes(FOREGROUND_FINALIZER) ? 'Foreground' : asked;
    store.delete(
      place.resource,
      { namespace, name },
      { propagationPolicy: isForeground ? 'Foreground' : held, preconditions: { uid } },
    );
  }

  #stateOf(reference: OwnerReference, namespace: string | undefined): OwnerState {
    const { store } = this.#context;
    const definition = store.catalog.served.find(
      (d) => d.kind === reference.kind && apiVersionOf(d) === reference.apiVersion,
    );
    // Of a kind that this server does not keep nobody can say whether it is there.
    if (definition === undefined) return 'solid';
    // What belongs to no namespace cannot belong to something that is in one.
    if (definition.namespaced && namespace === undefined) return 'solid';
    const owner = store.get(definition.resource, { namespace, name: reference.name });
    if (owner === undefined || owner.metadata.uid !== reference.uid) return 'absent';
    const { deletionTimestamp, finalizers = [] } = owner.metadata;
    return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND_FINALIZER) ? 'waits' : 'solid';
  }
}

/** By the collector, until it has done what the deletion asked for. */
function isHeld({ metadata: { finalizers = [] } }: KubeObject): boolean {
  return finalizers.includes(ORPHAN_FINALIZER) || finalizers.includes(FOREGROUND_FINALIZER);
}

function dropReferences(store: ApiStore, resource: string, object: KubeObject, owners: readonly string[]): void {
  const next = structuredClone(object);
  const left = (next.metadata.ownerReferences ?? []).filter(({ uid }) => !owners.includes(uid));
  if (left.length > 0) next.metadata.ownerReferences = left;
  else delete next.metadata.ownerReferences;
  store.update(resource, next);
}

function dropFinalizer(store: ApiStore, resource: string, object: KubeObject, finalizer: string): void {
  const next = structuredClone(object);
  const left = (next.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  if (left.length > 0) next.metadata.finalizers = left;
  else delete next.metadata.finalizers;
  store.update(resource, next);
}

/** No part of it holds a colon. */
const keyOf = ({ resource, namespace, name }: Place): string => `${resource}:${namespace}:${name}`;

function placeOf(key: string): Place {
  const [resource = '', namespace = '', ...name] = key.split(':');
  return { resource, namespace, name: name.join(':') };
}
