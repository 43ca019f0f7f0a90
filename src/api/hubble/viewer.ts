import { Code, ConnectError } from '@connectrpc/connect';
import { isMembraneError } from '../../base/index.ts';
import type { Viewer } from '../../observe/index.ts';
import type { Caller } from './caller.ts';
import type { HubbleSource } from './source.ts';

/** Whose eyes read; undefined: of one who sees all. */
export function viewerOf({ rights }: Pick<HubbleSource, 'rights'>, caller: Caller): Viewer | undefined {
  if (caller.seesAll) return undefined;
  if (rights === undefined) throw new ConnectError('nobody here knows who may see what', Code.PermissionDenied);
  return rights.viewer(caller.subject);
}

/** Those of the namespaces whose stored flows he may see; undefined: all, and what is of none. */
export async function visibleNamespaces(
  source: Pick<HubbleSource, 'rights' | 'hub'>,
  caller: Caller,
): Promise<ReadonlySet<string> | undefined> {
  const viewer = viewerOf(source, caller);
  if (viewer === undefined) return undefined;
  try {
    await viewer.open(['list'], source.hub.namespaces());
    const visible = viewer.namespaces('list');
    return visible && new Set(visible);
  } catch (error) {
    if (isMembraneError(error, 'E_OBSERVE_FORBIDDEN')) return new Set();
    throw error;
  } finally {
    viewer.close();
  }
}

/**
 * What is only for who sees the flows of all namespaces, for as long as he does. PermissionDenied: he does not; E_OBSERVE_REVOKED,
 * E_OBSERVE_RIGHTS_UNKNOWN: not any more.
 */
export async function* whileSeesAll<T>(
  source: Pick<HubbleSource, 'rights' | 'hub'>,
  caller: Caller,
  signal: AbortSignal,
  open: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const viewer = viewerOf(source, caller);
  if (viewer === undefined) return yield* open(signal);
  try {
    await requireAll(viewer, source);
    for await (const told of open(AbortSignal.any([signal, viewer.ended]))) {
      if (viewer.ended.aborted) break;
      yield told;
    }
    if (!signal.aborted) viewer.ended.throwIfAborted();
  } finally {
    viewer.close();
  }
}

async function requireAll(viewer: Viewer, { hub }: Pick<HubbleSource, 'hub'>): Promise<void> {
  try {
    await viewer.open(['list'], hub.namespaces());
  } catch (error) {
    if (!isMembraneError(error, 'E_OBSERVE_FORBIDDEN')) throw error;
  }
  if (!viewer.seesAll('list'))
    throw new ConnectError('this is for who may list flows.membrane.io in all namespaces', Code.PermissionDenied);
}
