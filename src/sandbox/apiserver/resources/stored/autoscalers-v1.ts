import { ensureObject, isObject, type Json, type JsonObject, numberAt, objectAt, stringAt } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { parseJsonBody } from '../../parse.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { horizontalPodAutoscalerV1 } from '../../schema/autoscaling.ts';
import { horizontalPodAutoscalers as stored } from './autoscalers.ts';

/** Where the first version, which knows a share of the processor and nothing else, has what it cannot say. */
const NOTES = 'autoscaling.alpha.kubernetes.io/';
const NOTED = ['metrics', 'behavior', 'conditions'] as const;

const isShareOfCpu = (metric: Json): boolean =>
  stringAt(metric, 'resource', 'name') === 'cpu' &&
  numberAt(metric, 'resource', 'target', 'averageUtilization') !== undefined;

function fromStored(object: KubeObject): KubeObject {
  const { metrics, behavior, ...spec } = objectAt(object, 'spec') ?? {};
  const { currentMetrics: _, conditions, ...status } = objectAt(object, 'status') ?? {};
  const all = Array.isArray(metrics) ? metrics : [];
  const share = all.find(isShareOfCpu);
  const percent = numberAt(share, 'resource', 'target', 'averageUtilization');
  const others = all.filter((metric) => metric !== share);
  const said: Record<(typeof NOTED)[number], Json | undefined> = {
    metrics: others.length > 0 ? others : undefined,
    behavior,
    conditions,
  };
  const annotations = { ...object.metadata.annotations };
  for (const key of NOTED) if (said[key] !== undefined) annotations[`${NOTES}${key}`] = JSON.stringify(said[key]);
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: { ...object.metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: { ...spec, ...(percent !== undefined && { targetCPUUtilizationPercentage: percent }) },
    status,
  };
}

function toStored(object: KubeObject): KubeObject {
  const annotations = { ...object.metadata.annotations };
  const taken = (key: (typeof NOTED)[number]): Json | undefined => {
    const text = annotations[`${NOTES}${key}`];
    delete annotations[`${NOTES}${key}`];
    return text === undefined ? undefined : parsed(text);
  };
  const [metrics, behavior, conditions] = NOTED.map(taken);
  const { targetCPUUtilizationPercentage, ...spec } = objectAt(object, 'spec') ?? {};
  const share: JsonObject[] =
    typeof targetCPUUtilizationPercentage === 'number'
      ? [
          {
            type: 'Resource',
            resource: {
              name: 'cpu',
              target: { type: 'Utilization', averageUtilization: targetCPUUtilizationPercentage },
            },
          },
        ]
      : [];
  const { annotations: _, ...metadata } = object.metadata;
  const next: KubeObject = {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: { ...spec, metrics: [...share, ...(Array.isArray(metrics) ? metrics : [])] },
  };
  if (isObject(behavior)) ensureObject(next, 'spec')['behavior'] = behavior;
  if (Array.isArray(conditions)) ensureObject(next, 'status')['conditions'] = conditions;
  stored.setDefaults?.(next);
  return next;
}

/** A note that somebody has spoilt says nothing. */
function parsed(text: string): Json | undefined {
  try {
    return parseJsonBody(Buffer.from(text)).value;
  } catch {
    return undefined;
  }
}

/** As `kubectl autoscale` writes it. */
export const horizontalPodAutoscalersV1: ResourceDefinition = {
  ...stored,
  version: 'v1',
  schema: horizontalPodAutoscalerV1,
  conversion: { fromStored, toStored },
  columns: stored.columns.map((column) => ({
    ...column,
    value: (object, now) => column.value(toStored(structuredClone(object)), now),
  })),
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    spec['minReplicas'] ??= 1;
  },
};
