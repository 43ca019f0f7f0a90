import {
  type ApiStore,
  type JsonObject,
  type KubeObject,
  listAt,
  objectAt,
  stringAt,
  stringMapAt,
} from '../../apiserver/index.ts';
import type { EventRecorder } from '../../client/index.ts';
import { claim } from '../kit/claim.ts';
import type { ControllerContext } from '../kit/context.ts';
import { scaledCount } from '../kit/counts.ts';
import type { PodControl } from '../kit/pod-control.ts';
import { isActive, isAvailable, isReady, minReadySecondsOf, nextAvailable, nodeOf } from '../kit/pods.ts';
import { writeStatus } from '../kit/status.ts';
import { HASH_LABEL, RevisionHistory } from '../revisions/history.ts';
import { DAEMON_TOLERATIONS, eligibility } from './eligible-nodes.ts';

export type DaemonSetRoundOptions = {
  readonly context: ControllerContext;
  readonly events: EventRecorder;
  readonly pods: PodControl;
  readonly set: KubeObject;
};

/** One look at one set: a pod where one is missing, none where none belongs, and the next ones to be renewed. */
export class DaemonSetRound {
  readonly #options: DaemonSetRoundOptions;
  readonly #store: ApiStore;
  readonly #set: KubeObject;
  readonly #now: number;

  constructor(options: DaemonSetRoundOptions) {
    this.#options = options;
    this.#store = options.context.store;
    this.#set = options.set;
    this.#now = options.context.clock.now();
  }

  /** In how many ms a pod that is ready will have been so for long enough. */
  run(): number | undefined {
    const history = new RevisionHistory(this.#store, this.#set);
    const revision = history.current();
    const hash = revision.metadata.labels?.[HASH_LABEL] ?? '';
    const nodes = this.#store.list('nodes').items.map((node) => ({ node, ...eligibility(this.#set, node) }));
    const meant = new Set(nodes.filter(({ runs }) => runs).map(({ node }) => node.metadata.name));
    const tolerated = new Set(nodes.filter(({ stays }) => stays).map(({ node }) => node.metadata.name));
    try {
      if (this.#set.metadata.deletionTimestamp === undefined) {
        this.#spread(meant, tolerated, hash);
        this.#renew(meant, hash);
      }
    } finally {
      this.#writeStatus(meant, hash);
    }
    const used = new Set(this.#pods.map((pod) => pod.metadata.labels?.[HASH_LABEL]));
    const revisions = history.all.filter(({ metadata }) => used.has(metadata.labels?.[HASH_LABEL]));
    history.truncate(new Set([revision, ...revisions].map(({ metadata }) => metadata.name)));
    return nextAvailable(this.#pods, minReadySecondsOf(this.#set), this.#now);
  }

  get #pods(): KubeObject[] {
    const selector = objectAt(this.#set, 'spec', 'selector');
    return claim({ store: this.#store, owner: this.#set, resource: 'pods', selector });
  }

  /** By the node that each pod is on or meant for, the oldest first. */
  #byNode(): Map<string, KubeObject[]> {
    const ordered = this.#pods.toSorted((a, b) =>
      (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''),
    );
    return Map.groupBy(ordered, (pod) => nodeOf(pod) || targetOf(pod));
  }

  #isAvailable(pod: KubeObject): boolean {
    return isActive(pod) && isAvailable(pod, minReadySecondsOf(this.#set), this.#now);
  }

  #spread(meant: ReadonlySet<string>, tolerated: ReadonlySet<string>, hash: string): void {
    const { pods, events } = this.#options;
    const byNode = this.#byNode();
    for (const [node, own] of byNode) {
      const [keeps, ...others] = own.filter(isActive);
      const surplus = tolerated.has(node) ? others : [keeps, ...others].filter((pod) => pod !== undefined);
      for (const pod of surplus) pods.delete(this.#set, pod);
      for (const pod of own.filter((one) => stringAt(one, 'status', 'phase') === 'Failed')) {
        if (pod.metadata.deletionTimestamp !== undefined) continue;
        const message = `Found failed daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${node}, will try to kill it`;
        events.about(this.#set, 'Warning', 'FailedDaemonPod', message);
        pods.delete(this.#set, pod);
      }
    }
    // One that is on its way out has the node's ports until it is gone.
    const taken = this.#byNode();
    for (const node of meant) if (!taken.has(node)) this.#create(node, hash);
  }

  /** Pods of older templates, as many at a time as may be missing; those that serve nobody first. */
  #renew(meant: ReadonlySet<string>, hash: string): void {
    const strategy = objectAt(this.#set, 'spec', 'updateStrategy');
    if (stringAt(strategy, 'type') !== 'RollingUpdate') return;
    const most = scaledCount(objectAt(strategy, 'rollingUpdate')?.['maxUnavailable'], meant.size, 'up');
    const byNode = this.#byNode();
    const onNode = [...meant].map((node) => byNode.get(node)?.find(isActive));
    let missing = onNode.filter((pod) => pod === undefined || !this.#isAvailable(pod)).length;
    const old = onNode.filter((pod) => pod !== undefined && pod.metadata.labels?.[HASH_LABEL] !== hash);
    for (const pod of old) if (pod !== undefined && !this.#isAvailable(pod)) this.#options.pods.delete(this.#set, pod);
    for (const pod of old) {
      if (pod === undefined || !this.#isAvailable(pod) || missing >= most) continue;
      this.#options.pods.delete(this.#set, pod);
      missing += 1;
    }
  }

  #create(node: string, hash: string): void {
    const change = (pod: JsonObject): void => {
      const metadata = objectAt(pod, 'metadata') ?? {};
      const spec = objectAt(pod, 'spec') ?? {};
      metadata['labels'] = { ...stringMapAt(metadata, 'labels'), [HASH_LABEL]: hash };
      spec['tolerations'] = [...listAt(spec, 'tolerations'), ...structuredClone([...DAEMON_TOLERATIONS])];
      const nodeSelectorTerms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }];
      const requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms };
      spec['affinity'] = {
        ...objectAt(spec, 'affinity'),
        nodeAffinity: { ...objectAt(spec, 'affinity', 'nodeAffinity'), requiredDuringSchedulingIgnoredDuringExecution },
      };
    };
    this.#options.pods.create(this.#set, objectAt(this.#set, 'spec', 'template'), { change });
  }

  #writeStatus(meant: ReadonlySet<string>, hash: string): void {
    const byNode = this.#byNode();
    const there = [...byNode].flatMap(([node, own]) => own.filter(isActive).map((pod) => ({ node, pod })));
    const right = there.filter(({ node }) => meant.has(node)).map(({ pod }) => pod);
    const available = right.filter((pod) => this.#isAvailable(pod)).length;
    const status = {
      observedGeneration: this.#set.metadata.generation ?? 0,
      desiredNumberScheduled: meant.size,
      currentNumberScheduled: right.length,
      numberMisscheduled: there.length - right.length,
      numberReady: right.filter(isReady).length,
      updatedNumberScheduled: right.filter((pod) => pod.metadata.labels?.[HASH_LABEL] === hash).length,
      numberAvailable: available,
      numberUnavailable: meant.size - available,
    };
    const always = ['desiredNumberScheduled', 'currentNumberScheduled', 'numberMisscheduled', 'numberReady'];
    writeStatus(this.#store, 'daemonsets', this.#set, status, always);
  }
}

/** The node that the controller made a pod for. */
function targetOf(pod: KubeObject): string {
  const path = ['spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'];
  return stringAt(pod, ...path, 'nodeSelectorTerms', 0, 'matchFields', 0, 'values', 0) ?? '';
}
