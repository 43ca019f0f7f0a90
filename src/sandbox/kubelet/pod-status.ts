import type { Container, Pod } from '../client/index.ts';
import { isSidecar } from './life/stop-order.ts';

export type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly kind: 'running'; readonly startedAt: string }
  | {
      readonly kind: 'terminated';
      readonly exitCode: number;
      readonly reason: 'Completed' | 'Error' | 'StartError';
      readonly message?: string;
      readonly startedAt: string;
      readonly finishedAt: string;
    };

/** What the kubelet knows of one container. Timestamps are RFC 3339 with seconds. */
export type ContainerRecord = {
  readonly state: ContainerState;
  readonly last?: ContainerState;
  readonly restarts: number;
  /** It runs and has passed its startup probe, or has none. */
  readonly started: boolean;
  /** Passed its readiness probe, or has none. Only counts while it runs. */
  readonly ready: boolean;
  readonly id?: string;
};

export type PodRecord = {
  readonly startTime: string;
  readonly hostIP: string;
  /** Empty before the network is there. */
  readonly podIPs: readonly string[];
  readonly containers: ReadonlyMap<string, ContainerRecord>;
  /** Why its containers cannot be made yet: what of its volumes is not there. */
  readonly missing?: string;
  /** The pod cannot ever run here. */
  readonly failed?: { readonly reason: string; readonly message: string };
};

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

type Condition = {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly lastTransitionTime: string;
  readonly reason?: string;
  readonly message?: string;
};

const UNSTARTED: ContainerRecord = {
  state: { kind: 'waiting', reason: 'ContainerCreating' },
  restarts: 0,
  started: false,
  ready: false,
};

function recordOf(record: PodRecord, container: Container): ContainerRecord {
  return record.containers.get(container.name) ?? UNSTARTED;
}

/** A container that has ended and will not be started again. */
export function isFinal(policy: Pod['spec']['restartPolicy'], state: ContainerState): boolean {
  if (state.kind !== 'terminated') return false;
  return policy === 'Never' || (policy === 'OnFailure' && state.exitCode === 0);
}

/** An init container that lets the next one start: a sidecar by running, any other by its success. */
function isInitialized(container: Container, record: ContainerRecord): boolean {
  if (isSidecar(container)) return record.started;
  return record.state.kind === 'terminated' && record.state.exitCode === 0;
}

export function podPhase(pod: Pod, record: PodRecord): Phase {
  if (record.failed !== undefined) return 'Failed';
  const { restartPolicy, initContainers, containers } = pod.spec;
  const main = containers.map((c) => recordOf(record, c));
  const hasBegun = main.some((c) => c.state.kind !== 'waiting' || c.last !== undefined);
  const inits = initContainers.filter((c) => !isSidecar(c)).map((c) => recordOf(record, c).state);
  if (restartPolicy === 'Never' && inits.some((s) => s.kind === 'terminated' && s.exitCode !== 0)) return 'Failed';
  // A sidecar that is started again later does not take a pod back to its beginning.
  if (!hasBegun && initContainers.some((c) => !isInitialized(c, recordOf(record, c)))) return 'Pending';
  const sidecarRuns = initContainers.some((c) => isSidecar(c) && recordOf(record, c).state.kind === 'running');
  if (main.length > 0 && !sidecarRuns && main.every((c) => isFinal(restartPolicy, c.state))) {
    return main.every((c) => c.state.kind === 'terminated' && c.state.exitCode === 0) ? 'Succeeded' : 'Failed';
  }
  // One that waits to be started again counts as running; one that never ran keeps the pod pending.
  return hasBegun ? 'Running' : 'Pending';
}

function stateObject(state: ContainerState): Record<string, unknown> {
  const { kind, ...rest } = state;
  return { [kind]: rest };
}

function containerStatus(container: Container, record: ContainerRecord): Record<string, unknown> {
  const running = record.state.kind === 'running';
  return {
    name: container.name,
    image: container.image,
    imageID: '',
    ...(record.id !== undefined && { containerID: `membrane://${record.id}` }),
    ready: running && record.ready,
    started: running && record.started,
    restartCount: record.restarts,
    state: stateObject(record.state),
    lastState: record.last === undefined ? {} : stateObject(record.last),
  };
}

function conditions(pod: Pod, record: PodRecord, phase: Phase, now: string): Condition[] {
  const { initContainers, containers } = pod.spec;
  const hasBegun = containers.some((c) => recordOf(record, c).state.kind !== 'waiting');
  const waiting = hasBegun ? [] : initContainers.filter((c) => !isInitialized(c, recordOf(record, c)));
  const initialized = waiting.length === 0;
  const unready = [...initContainers.filter(isSidecar), ...containers].filter((c) => {
    const found = recordOf(record, c);
    return found.state.kind !== 'running' || !found.ready;
  });
  const done = phase === 'Succeeded' || phase === 'Failed';
  const ready = unready.length === 0 && initialized && !done;
  const why = done
    ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : {
        reason: 'ContainersNotReady',
        message: `containers with unready status: [${unready.map((c) => c.name).join(' ')}]`,
      };
  const condition = (type: string, holds: boolean, reason: Partial<Condition> = {}): Condition => ({
    type,
    status: holds ? 'True' : 'False',
    lastTransitionTime: now,
    ...(holds ? {} : reason),
  });
  return [
    condition(
      'PodReadyToStartContainers',
      record.podIPs.length > 0 && !done,
      record.missing === undefined ? {} : { reason: 'VolumesNotMounted', message: record.missing },
    ),
    condition('Initialized', initialized, {
      reason: 'ContainersNotInitialized',
      message: `containers with incomplete status: [${waiting.map((c) => c.name).join(' ')}]`,
    }),
    condition('Ready', ready, why),
    condition('ContainersReady', ready, why),
    condition('PodScheduled', true),
  ];
}

/**
 * The whole `status` of a pod. `previous`: the conditions written before; one that has not changed keeps its time of
 * transition.
 */
export function podStatus(
  pod: Pod,
  record: PodRecord,
  now: string,
  previous: readonly Condition[] = [],
): { status: Record<string, unknown>; conditions: readonly Condition[] } {
  const phase = podPhase(pod, record);
  const kept = conditions(pod, record, phase, now).map((next) => {
    const old = previous.find((c) => c.type === next.type);
    return old?.status === next.status ? { ...next, lastTransitionTime: old.lastTransitionTime } : next;
  });
  const [first] = record.podIPs;
  const status = {
    phase,
    conditions: kept,
    hostIP: record.hostIP,
    hostIPs: [{ ip: record.hostIP }],
    ...(first !== undefined && { podIP: first, podIPs: record.podIPs.map((ip) => ({ ip })) }),
    startTime: record.startTime,
    ...record.failed,
    ...(pod.spec.initContainers.length > 0 && {
      initContainerStatuses: pod.spec.initContainers.map((c) => containerStatus(c, recordOf(record, c))),
    }),
    containerStatuses: pod.spec.containers.map((c) => containerStatus(c, recordOf(record, c))),
    ...(pod.spec.ephemeralContainers.length > 0 && {
      ephemeralContainerStatuses: pod.spec.ephemeralContainers.map((c) => containerStatus(c, recordOf(record, c))),
    }),
  };
  return { status, conditions: kept };
}
