import type { KubeObject } from '../object.ts';
import type { EventType, StoredEvent } from '../storage/stored.ts';
import type { ApiStore } from './api-store.ts';
import type { WatchEvent, WatchOptions } from './options.ts';
import type { Selection } from './selection.ts';

/** The object that an event shows to a watcher: what just left the selection is shown as it was, with the new version. */
export function shownObject(type: EventType, event: StoredEvent): KubeObject {
  if (type !== 'DELETED' || event.type === 'DELETED' || event.previous === undefined) return event.current.object;
  const { object } = event.previous;
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(event.revision) } };
}

/** A watch as an async iterable; changes wait in a queue, so a slow reader loses none. */
export async function* watchObjects<T extends KubeObject>(
  store: ApiStore,
  selection: Selection,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const queue: WatchEvent<T>[] = [];
  let wake = (): void => undefined;
  const push = (event: StoredEvent): void => {
    const type = selection.eventType(event);
    if (type === undefined) return;
    queue.push({ type, object: shownObject(type, event) as T });
    wake();
  };
  const onAbort = (): void => wake();
  const { resourceVersion, signal } = options;
  let from = store.storage.revision;
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== '0')
    from = Number(resourceVersion);
  else for (const stored of store.select(selection)) queue.push({ type: 'ADDED', object: stored.object as T });
  const unsubscribe = store.subscribe(selection.definition, from, push);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    while (signal?.aborted !== true) {
      for (const event of queue.splice(0)) {
        if (signal?.aborted) return;
        yield event;
      }
      if (queue.length > 0) continue;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      if (signal?.aborted) return;
      await promise;
    }
  } finally {
    unsubscribe();
    signal?.removeEventListener('abort', onAbort);
  }
}
