import { readFileSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { kubeErrors } from '../errors.ts';
import { execSchema } from './exec-plugin.ts';

const text = z.string().min(1).optional();
/** An empty one says nothing, as for kubectl. */
const maybe = z.string().optional();

const clusterSchema = z.object({
  server: z.string().min(1),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': text,
  'proxy-url': text,
  'disable-compression': z.boolean().optional(),
  extensions: z.array(z.object({ name: z.string(), extension: z.unknown() })).nullish(),
});

const userSchema = z.object({
  token: text,
  tokenFile: text,
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  username: text,
  password: text,
  as: text,
  'as-uid': text,
  'as-groups': z.array(z.string()).nullish(),
  'as-user-extra': z.record(z.string(), z.array(z.string())).nullish(),
  exec: execSchema.nullish(),
  'auth-provider': z.unknown().optional(),
});

const named = <K extends string, T extends z.ZodType>(key: K, value: T) =>
  z.array(z.object({ name: z.string(), [key]: value } as { name: z.ZodString } & Record<K, T>)).nullish();

const fileSchema = z.object({
  'current-context': maybe,
  clusters: named('cluster', clusterSchema),
  users: named('user', userSchema.nullish()),
  contexts: named('context', z.object({ cluster: z.string(), user: z.string().optional(), namespace: text })),
});

type File = z.infer<typeof fileSchema>;
export type Cluster = z.infer<typeof clusterSchema>;
export type User = z.infer<typeof userSchema>;
type Context = NonNullable<File['contexts']>[number]['context'];

/** An entry, and the folder of its file: relative paths in it start there, as for kubectl. */
type Entry<T> = { readonly value: T; readonly folder: string };

/** What one or several files say together: of everything that has a name the first counts, and the first current context. */
export type Kubeconfig = {
  /** For messages. */
  readonly source: string;
  readonly currentContext: string | undefined;
  readonly clusters: ReadonlyMap<string, Entry<Cluster>>;
  readonly users: ReadonlyMap<string, Entry<User>>;
  readonly contexts: ReadonlyMap<string, Entry<Context>>;
};

export type KubeconfigText = { readonly path: string; readonly content: string };

/** As KUBECONFIG lists them. */
export function kubeconfigPaths(list: string): string[] {
  return list.split(delimiter).filter((path) => path !== '');
}

/** Of several files those that are not there are passed over, as by kubectl; none at all is E_KUBE_CONFIG. */
export function readKubeconfigs(paths: readonly string[]): Kubeconfig {
  const texts = paths.flatMap((path): KubeconfigText[] => {
    try {
      return [{ path, content: readFileSync(path, 'utf8') }];
    } catch (cause) {
      if (paths.length > 1 && (cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw kubeErrors.make('E_KUBE_CONFIG', { detail: `${path} cannot be read`, cause });
    }
  });
  if (texts.length === 0) throw kubeErrors.make('E_KUBE_CONFIG', { detail: `none of ${paths.join(', ')} is there` });
  return mergeKubeconfigs(texts);
}

export function mergeKubeconfigs(texts: readonly KubeconfigText[]): Kubeconfig {
  const clusters = new Map<string, Entry<Cluster>>();
  const users = new Map<string, Entry<User>>();
  const contexts = new Map<string, Entry<Context>>();
  let currentContext: string | undefined;
  for (const { path, content } of texts) {
    const file = parseFile(content, path);
    const folder = dirname(resolve(path));
    currentContext ||= file['current-context'];
    for (const { name, cluster } of file.clusters ?? []) first(clusters, name, { value: cluster, folder });
    for (const { name, user } of file.users ?? []) first(users, name, { value: user ?? {}, folder });
    for (const { name, context } of file.contexts ?? []) first(contexts, name, { value: context, folder });
  }
  const source = texts.map(({ path }) => path).join(delimiter);
  return { source, currentContext: currentContext || undefined, clusters, users, contexts };
}

function first<T>(entries: Map<string, Entry<T>>, name: string, entry: Entry<T>): void {
  if (!entries.has(name)) entries.set(name, entry);
}

function parseFile(content: string, path: string): File {
  const fail = (detail: string, cause?: unknown): Error =>
    kubeErrors.make('E_KUBE_CONFIG', { detail: `${path}: ${detail}`, cause });
  let yaml: unknown;
  try {
    yaml = parseYaml(content, { maxAliasCount: 0 });
  } catch (cause) {
    throw fail('it is not YAML', cause);
  }
  const parsed = fileSchema.safeParse(yaml);
  if (parsed.success) return parsed.data;
  // Never the values: they are secrets.
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`);
  throw fail(problems.slice(0, 5).join('; '));
}
