import { errorMessage, type Logger } from '../../base/index.ts';
import { type ApiStore, isApiError } from '../apiserver/index.ts';
import { type EventRecorder, type Informer, type Node, type Pod, podKey, rfc3339 } from '../client/index.ts';
import { hostPortsOf, NO_LOAD, type NodeLoad, place } from './placement.ts';

export type SchedulerOptions = {
  readonly store: ApiStore;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly events: EventRecorder;
  readonly log: Logger;
};

/** Binds pods that have no node. Runs when a pod or a node changes, never by the clock. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  /** Decided here, not yet seen in the informer: uid -> node. */
  readonly #assumed = new Map<string, string>();
  /** Uid -> the message that was last reported. */
  readonly #pending = new Map<string, string>();
  #scheduled = false;
  #running = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Begins to listen to the informers. */
  start(): void {
    this.#running = true;
    const { nodes, pods } = this.#options;
    nodes.onChange(({ next, previous }) => {
      if (JSON.stringify(next) !== JSON.stringify(previous)) this.#poke();
    });
    pods.onChange(({ next, previous }) => {
      const uid = (next ?? previous)?.metadata.uid ?? '';
      if (next === undefined || next.spec.nodeName !== undefined) {
        this.#assumed.delete(uid);
        this.#pending.delete(uid);
      }
      // A pod that goes makes room for one that waits.
      if (next === undefined || next.spec.nodeName === undefined || isFinished(next)) this.#poke();
    });
  }

  stop(): void {
    this.#running = false;
  }

  /** One round for all changes of a burst. */
  #poke(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#running) this.#round();
    });
  }

  #round(): void {
    const waiting = this.#options.pods.list().filter((pod) => this.#isWaiting(pod));
    if (waiting.length === 0) return;
    const loads = this.#loads();
    const nodes = this.#options.nodes.list();
    for (const pod of waiting) {
      const placement = place(pod, nodes, loads);
      try {
        if (placement.kind === 'none') this.#reportPending(pod, placement.message);
        else {
          this.#bind(pod, placement.name);
          addTo(loads, placement.name, pod);
        }
      } catch (error) {
        // Gone, or changed by somebody, in between: its next version comes by the informer.
        if (isApiError(error)) this.#options.log.debug({ pod: podKey(pod), error: error.message }, 'pod not bound');
        else this.#options.log.error({ pod: podKey(pod), error: errorMessage(error) }, 'pod not bound');
      }
    }
  }

  #isWaiting(pod: Pod): boolean {
    return (
      pod.spec.nodeName === undefined &&
      pod.metadata.deletionTimestamp === undefined &&
      pod.spec.schedulerName === 'default-scheduler' &&
      !this.#assumed.has(pod.metadata.uid)
    );
  }

  #loads(): Map<string, NodeLoad> {
    const loads = new Map<string, NodeLoad>();
    for (const pod of this.#options.pods.list()) {
      const node = pod.spec.nodeName ?? this.#assumed.get(pod.metadata.uid);
      if (node !== undefined && !isFinished(pod)) addTo(loads, node, pod);
    }
    return loads;
  }

  #bind(pod: Pod, nodeName: string): void {
    const { namespace, name, uid } = pod.metadata;
    // A pod that was replaced under its name comes by the informer.
    if (this.#options.store.get('pods', { namespace, name })?.metadata.uid !== uid) return;
    this.#options.store.bind({ namespace, name }, nodeName);
    this.#assumed.set(uid, nodeName);
    const message = `Successfully assigned ${podKey(pod)} to ${nodeName}`;
    this.#options.events.record(
      { kind: 'Pod', namespace, name, uid },
      { type: 'Normal', reason: 'Scheduled', message },
    );
  }

  #reportPending(pod: Pod, message: string): void {
    const { namespace, name, uid } = pod.metadata;
    if (this.#pending.get(uid) === message) return;
    const stored = this.#options.store.get('pods', { namespace, name });
    if (stored === undefined || stored.metadata.uid !== uid) return;
    this.#pending.set(uid, message);
    const reason = { reason: 'Unschedulable', message, lastTransitionTime: rfc3339() };
    this.#options.store.patchStatus(
      'pods',
      { namespace, name },
      {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', ...reason }],
      },
    );
    this.#options.events.record(
      { kind: 'Pod', namespace, name, uid },
      { type: 'Warning', reason: 'FailedScheduling', message },
    );
  }
}

/** Its ports and its place are free. */
function isFinished({ status: { phase } }: Pod): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

function addTo(loads: Map<string, NodeLoad>, node: string, pod: Pod): void {
  const { pods, hostPorts } = loads.get(node) ?? NO_LOAD;
  loads.set(node, { pods: pods + 1, hostPorts: [...hostPorts, ...hostPortsOf(pod)] });
}
