import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/*
 * The format of a case. Schemas are loose where a field only describes; a key that changes the meaning of a flow must be
 * known here, or a case could pass without having been understood.
 */
const labels = z.record(z.string(), z.string());
const k8sObject = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
const verdict = z.enum(['allow', 'deny', 'reset']);

const expectation = z.strictObject({
  from: z.string(),
  to: z.string(),
  port: z.int().optional(),
  protocol: z.string(),
  verdict,
  backend: z.string().optional(),
  note: z.string().optional(),
  http: z.unknown().optional(),
  dns: z.unknown().optional(),
  sni: z.unknown().optional(),
  icmp: z.strictObject({ type: z.int(), code: z.int().optional() }).optional(),
});

const podSchema = z.strictObject({
  namespace: z.string(),
  name: z.string(),
  ip: z.string().optional(),
  ip6: z.string().optional(),
  node: z.string(),
  labels: labels.default({}),
  ports: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        port: z.int(),
        protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
      }),
    )
    .default([]),
  hostNetwork: z.boolean().default(false),
  serviceAccount: z.string().default('default'),
});

const serviceSchema = z.strictObject({
  name: z.string(),
  namespace: z.string(),
  clusterIP: z.string().optional(),
  selector: labels.optional(),
  /** Instead of a selector. */
  endpoints: z.array(z.string()).optional(),
  labels: labels.default({}),
  ports: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        port: z.int(),
        targetPort: z.union([z.int(), z.string()]).optional(),
        protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
      }),
    )
    .default([]),
});

const namespaceSchema = z.strictObject({ name: z.string(), labels: labels.default({}) });

const fixture = z.looseObject({
  nodes: z
    .array(
      z.strictObject({
        name: z.string(),
        ip: z.string(),
        ip6: z.string().optional(),
        labels: labels.default({}),
        apiserver: z.boolean().default(false),
      }),
    )
    .default([]),
  namespaces: z.array(namespaceSchema).default([]),
  pods: z.array(podSchema).default([]),
  services: z.array(serviceSchema).default([]),
});

const step = z.strictObject({
  do: z.string().optional(),
  apply: z.array(k8sObject).default([]),
  delete: z.array(z.strictObject({ kind: z.string(), namespace: z.string().optional(), name: z.string() })).default([]),
  create: z
    .array(z.strictObject({ namespaces: z.array(namespaceSchema).default([]), pods: z.array(podSchema).default([]) }))
    .default([]),
  relabel: z
    .array(z.strictObject({ pod: z.string().optional(), namespace: z.string().optional(), labels }))
    .default([]),
  forgetDNS: z.unknown().optional(),
  expect: z.array(expectation).default([]),
});

const caseSchema = z.strictObject({
  id: z.string(),
  title: z.string(),
  source: z.string().optional(),
  tags: z.array(z.string()).default([]),
  status: z.string(),
  notes: z.string().optional(),
  requires: z.union([z.string(), z.array(z.string())]).optional(),
  config: z
    .strictObject({
      cidrSelects: z.array(z.enum(['pods', 'nodes'])).default([]),
      allowLocalhost: z.enum(['always', 'policy']).default('always'),
      enforcement: z.enum(['default', 'always', 'never']).default('default'),
      hairpinServiceCNP: z.string().optional(),
    })
    .prefault({}),
  fixture: fixture.prefault({}),
  policies: z.array(k8sObject).default([]),
  expect: z.array(expectation).default([]),
  steps: z.array(step).default([]),
  admission: z
    .array(z.strictObject({ policy: z.unknown(), expect: z.enum(['accept', 'reject']), why: z.string() }))
    .default([]),
});

export type PolicyCase = z.infer<typeof caseSchema>;
export type CaseStep = z.infer<typeof step>;
export type Expectation = z.infer<typeof expectation>;
export type CaseService = z.infer<typeof serviceSchema>;
export type CasePod = z.infer<typeof podSchema>;
export type CaseObject = z.infer<typeof k8sObject>;

/** All `.yaml` files of the paths (files or folders), sorted within each folder. Throws for a path that is not there. */
export async function caseFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const target of paths) {
    if (!(await stat(target)).isDirectory()) files.push(target);
    else {
      const names = (await readdir(target)).filter((name) => name.endsWith('.yaml')).sort();
      files.push(...names.map((name) => path.join(target, name)));
    }
  }
  return files;
}

/** Throws with the field paths when the file is no case. */
export async function readCase(file: string): Promise<PolicyCase> {
  const parsed = caseSchema.safeParse(parse(await readFile(file, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(z.prettifyError(parsed.error));
}
