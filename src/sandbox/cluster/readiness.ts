import { namespacedName } from '../../base/index.ts';
import { type KubeObject, stringAt } from '../apiserver/index.ts';
import { isReady, nodeIsReady, nodeSchema, podKey } from '../client/index.ts';
import type { ControlPlane } from './control-plane.ts';

/** Names of nodes that are not ready. */
export function unreadyNodes({ store }: ControlPlane): string[] {
  const nodes = store.list('nodes').items.map((node) => nodeSchema.parse(node));
  return nodes.filter((node) => !nodeIsReady(node)).map((node) => node.metadata.name);
}

/** Nodes, and pods as `namespace/name`, that are not ready. `wanted`: of these pods; default: of all that there are. */
export function unready(plane: ControlPlane, wanted?: readonly string[]): string[] {
  const ready = new Set(plane.pods.list().filter(isReady).map(podKey));
  const all = plane.store.list('pods').items.filter(isUnfinished);
  const names = wanted ?? all.map((pod) => namespacedName(pod.metadata));
  return [...unreadyNodes(plane), ...names.filter((name) => !ready.has(name))];
}

/** Checks after every change of a pod or a node. False when the time is over first. */
export async function waitFor(plane: ControlPlane, holds: () => boolean, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  const check = (): void => {
    if (holds()) resolve(true);
  };
  const unsubscribe = [plane.pods.onChange(check), plane.nodes.onChange(check)];
  check();
  return promise.finally(() => {
    clearTimeout(timer);
    for (const end of unsubscribe) end();
  });
}

/** Neither at its end nor on its way out. */
function isUnfinished(pod: KubeObject): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  const phase = stringAt(pod, 'status', 'phase');
  return phase !== 'Succeeded' && phase !== 'Failed';
}
