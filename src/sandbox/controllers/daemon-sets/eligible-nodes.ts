import type { JsonObject, KubeObject } from '../../apiserver/index.ts';
import { objectAt } from '../../apiserver/index.ts';
import { type Node, nodeSchema, podSchema } from '../../client/index.ts';
import { tolerates, wantsNode } from '../placement.ts';

const KEY = 'node.kubernetes.io';
/** What does not keep a daemon from a node, as the real controller adds it to each of its pods. */
export const DAEMON_TOLERATIONS: readonly JsonObject[] = [
  { key: `${KEY}/not-ready`, operator: 'Exists', effect: 'NoExecute' },
  { key: `${KEY}/unreachable`, operator: 'Exists', effect: 'NoExecute' },
  { key: `${KEY}/disk-pressure`, operator: 'Exists', effect: 'NoSchedule' },
  { key: `${KEY}/memory-pressure`, operator: 'Exists', effect: 'NoSchedule' },
  { key: `${KEY}/pid-pressure`, operator: 'Exists', effect: 'NoSchedule' },
  { key: `${KEY}/unschedulable`, operator: 'Exists', effect: 'NoSchedule' },
];

export type Eligibility = {
  /** A pod belongs there. */
  readonly runs: boolean;
  /** One that is there may stay. */
  readonly stays: boolean;
};

export function eligibility(set: KubeObject, object: KubeObject): Eligibility {
  const node: Node = nodeSchema.parse(object);
  const template = objectAt(set, 'spec', 'template', 'spec') ?? {};
  const { spec } = podSchema.parse({
    metadata: { name: 'daemon', namespace: 'default', uid: 'daemon' },
    spec: {
      ...template,
      tolerations: [...((template['tolerations'] as JsonObject[] | undefined) ?? []), ...DAEMON_TOLERATIONS],
    },
  });
  const isMeant = wantsNode({ spec }, node) && (spec.nodeName === undefined || spec.nodeName === node.metadata.name);
  const bars = (effect: string): boolean =>
    node.spec.taints.some((taint) => taint.effect === effect && !tolerates(spec.tolerations, taint));
  const stays = isMeant && !bars('NoExecute');
  return { runs: stays && !bars('NoSchedule'), stays };
}
