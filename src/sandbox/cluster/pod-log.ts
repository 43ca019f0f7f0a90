import { join } from 'node:path';
import {
  badRequest,
  type Json,
  type KubeObject,
  listAt,
  numberAt,
  objectAt,
  type PodLog,
  stringAt,
} from '../apiserver/index.ts';
import { podSchema } from '../client/index.ts';
import { containerLogName, podLogDir, readLog } from '../kubelet/index.ts';

/** Answers `kubectl logs` in place of the kubelets' own servers. `pod`: as it is at the time. */
export function readPodLog(
  pod: () => KubeObject | undefined,
  nodeDir: (node: string) => string,
  options: Parameters<PodLog>[2],
): ReturnType<PodLog> {
  const { container, previous } = options;
  const parsed = podSchema.parse(pod());
  const { name } = parsed.metadata;
  const { nodeName = '' } = parsed.spec;
  if (nodeName === '') throw badRequest(`pod ${name} does not have a host assigned`);
  const status = statusOf(pod(), container);
  const wasRun = objectAt(status, 'lastState', 'terminated') !== undefined;
  if (previous && !wasRun) {
    throw badRequest(
      `previous terminated container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} not found`,
    );
  }
  const waits = status === undefined ? 'ContainerCreating' : stringAt(status, 'state', 'waiting', 'reason');
  if (waits !== undefined && !wasRun) {
    throw badRequest(
      `container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} is waiting to start: ${waits}`,
    );
  }
  // While it waits to be started again, the run that was last is both.
  const file = containerLogName(container, previous && waits === undefined);
  const run = numberAt(status, 'restartCount');
  return readLog(join(podLogDir(nodeDir(nodeName), parsed), file), {
    ...options,
    isOver: () => {
      const now = statusOf(pod(), container);
      return previous || objectAt(now, 'state', 'running') === undefined || numberAt(now, 'restartCount') !== run;
    },
  });
}

function statusOf(pod: KubeObject | undefined, container: string): Json | undefined {
  return ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses']
    .flatMap((list) => listAt(pod, 'status', list))
    .find((status) => stringAt(status, 'name') === container);
}
