import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { configSchema as agentConfig } from '../../src/agent/node/config.ts';
import { configSchema as operatorConfig } from '../../src/operator/config.ts';

const amounts = z.record(z.string(), z.union([z.string(), z.number()]));
const resources = z.strictObject({
  requests: amounts.optional(),
  limits: amounts.optional(),
  claims: z.array(z.unknown()).optional(),
});
const toleration = z.strictObject({
  key: z.string().optional(),
  operator: z.enum(['Exists', 'Equal']).optional(),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: z.int().optional(),
});

/** Whoever says null takes what stands in the file away. */
const words = z.record(z.string(), z.string()).nullish();

/** What may be set of an installation, with what it is unless it is set: deploy/helm/values.yaml. */
export const valuesSchema = z.strictObject({
  image: z.strictObject({
    repository: z.string().min(1),
    tag: z.string().min(1),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
    pullSecrets: z.array(z.strictObject({ name: z.string().min(1) })),
  }),
  // Each agent is told by its pod which node it serves.
  config: agentConfig.omit({ nodeName: true }),
  operator: z.strictObject({ replicas: z.int().min(0), config: operatorConfig, resources }),
  relay: z.strictObject({ replicas: z.int().min(0), resources, pageResources: resources }),
  resources: resources.nullish(),
  priorityClassName: z.string().nullish(),
  tolerations: z.array(toleration).nullish(),
  nodeSelector: words,
  maxUnavailable: z.union([z.int().min(0), z.string().regex(/^[0-9]{1,3}%$/)]),
  podAnnotations: words,
  cniBinDir: z.string().regex(/^\//),
  cniConfDir: z.string().regex(/^\//),
  /** Of whatever chart this one is a part of. */
  global: z.unknown().optional(),
});

/** As they stand in the file: what a program takes for what it is not told is its own to say. */
export type Values = z.input<typeof valuesSchema>;

export function readValues(file: string): Values {
  const values = parse(readFileSync(file, 'utf8')) as Values;
  valuesSchema.parse(values);
  return values;
}
