import { availableParallelism, totalmem } from 'node:os';
import type { Container, Pod, ResourceRef } from '../../client/index.ts';
import { quantity } from '../../client/index.ts';

/** What a container without a limit may use: all of the node. */
function nodeHas(resource: string): number {
  if (resource === 'cpu') return availableParallelism();
  return resource === 'memory' ? totalmem() : 0;
}

/** The number of units (`divisor`) of a container's limit or request, rounded up; `undefined` for what there is not. */
export function resourceValue(pod: Pod, own: Container | undefined, ref: ResourceRef): string | undefined {
  const [, list, resource = ''] = /^(limits|requests)\.([a-z0-9.-]+)$/.exec(ref.resource) ?? [];
  const all = [...pod.spec.containers, ...pod.spec.initContainers];
  const container = ref.containerName === '' ? own : all.find(({ name }) => name === ref.containerName);
  if ((list !== 'limits' && list !== 'requests') || container === undefined) return undefined;
  const { limits, requests } = container.resources;
  const asked = list === 'limits' ? limits[resource] : (requests[resource] ?? limits[resource] ?? '0');
  const amount = asked === undefined ? nodeHas(resource) : quantity(asked);
  const unit = quantity(ref.divisor) ?? 1;
  if (amount === undefined) return undefined;
  // Quantities are decimal: a tenth of a thousandth is no reason to round up.
  return String(Math.ceil(Math.round((amount / (unit === 0 ? 1 : unit)) * 1e6) / 1e6));
}
