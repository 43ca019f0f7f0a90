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

/** PermissionDenied for who does not see the flows of all namespaces. */
export async function requireAll(source: Pick<HubbleSource, 'rights' | 'hub'>, caller: Caller): Promise<void> {
  if ((await visibleNamespaces(source, caller)) !== undefined)
    throw new ConnectError('this is for who may list flows.membrane.io in all namespaces', Code.PermissionDenied);
}
