import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

/** What may be set of an installation, with what it is unless it is set: deploy/helm/values.yaml. */
const schema = z.strictObject({
  image: z.strictObject({
    repository: z.string(),
    tag: z.string(),
    pullPolicy: z.string(),
    pullSecrets: z.array(z.unknown()),
  }),
  config: z.record(z.string(), z.unknown()),
  operator: z.strictObject({
    replicas: z.int().min(0),
    config: z.record(z.string(), z.unknown()),
    resources: z.record(z.string(), z.unknown()),
  }),
  relay: z.strictObject({
    replicas: z.int().min(0),
    resources: z.record(z.string(), z.unknown()),
    pageResources: z.record(z.string(), z.unknown()),
  }),
  resources: z.record(z.string(), z.unknown()),
  priorityClassName: z.string(),
  tolerations: z.array(z.unknown()),
  nodeSelector: z.record(z.string(), z.string()),
  maxUnavailable: z.union([z.int(), z.string()]),
  podAnnotations: z.record(z.string(), z.string()),
  cniBinDir: z.string(),
  cniConfDir: z.string(),
});

export type Values = z.infer<typeof schema>;

export function readValues(file: string): Values {
  return schema.parse(parse(readFileSync(file, 'utf8')));
}
