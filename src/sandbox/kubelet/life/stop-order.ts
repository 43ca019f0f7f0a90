import { type Container, type Pod } from '../../client/index.ts';

/** An init container that goes on running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/**
 * Containers in the order in which they are ended, those of one group together: sidecars only when nobody is left who might
 * need them, the last that was started first (KEP-753).
 */
export function stopOrder(pod: Pod): readonly (readonly string[])[] {
  const { initContainers, containers, ephemeralContainers } = pod.spec;
  const sidecars = initContainers.filter(isSidecar);
  const others = [...initContainers.filter((c) => !isSidecar(c)), ...containers, ...ephemeralContainers];
  return [others.map((c) => c.name), ...sidecars.toReversed().map((c) => [c.name])];
}
