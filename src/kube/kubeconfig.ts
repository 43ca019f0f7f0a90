import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import type { KubeConnection } from './connection.ts';
import { basicAuth, noCredentials, staticToken, tokenFile } from './credentials.ts';
import { kubeErrors } from './errors.ts';

const text = z.string().min(1).optional();

const clusterSchema = z.object({
  server: z.string().min(1),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': text,
  'proxy-url': text,
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
  exec: z.unknown().optional(),
  'auth-provider': z.unknown().optional(),
});

const named = <K extends string, T extends z.ZodType>(key: K, value: T) =>
  z.array(z.object({ name: z.string(), [key]: value } as { name: z.ZodString } & Record<K, T>)).nullish();

const fileSchema = z.object({
  'current-context': text,
  clusters: named('cluster', clusterSchema),
  users: named('user', userSchema.nullish()),
  contexts: named('context', z.object({ cluster: z.string(), user: z.string().optional(), namespace: text })),
});

type User = z.infer<typeof userSchema>;

/** Reads a kubeconfig file (one file, no merging). Relative paths in it start at its folder, as for kubectl. */
export function loadKubeconfig(path: string, options: { context?: string } = {}): KubeConnection {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    throw kubeErrors.make('E_KUBE_CONFIG', { detail: `${path} cannot be read`, cause });
  }
  return parseKubeconfig(content, { ...options, path });
}

/** As `loadKubeconfig`, from text; `path` is where relative paths start and what errors name. */
export function parseKubeconfig(content: string, options: { path: string; context?: string }): KubeConnection {
  const fail = (detail: string, cause?: unknown) =>
    kubeErrors.make('E_KUBE_CONFIG', { detail: `${options.path}: ${detail}`, cause });
  const file = parseFile(content, fail);

  const contextName = options.context ?? file['current-context'];
  if (contextName === undefined) throw fail('it has no current-context');
  const context = file.contexts?.find((c) => c.name === contextName)?.context;
  if (context === undefined) throw fail(`it has no context "${contextName}"`);
  const cluster = file.clusters?.find((c) => c.name === context.cluster)?.cluster;
  if (cluster === undefined) throw fail(`it has no cluster "${context.cluster}", which context "${contextName}" names`);
  const userEntry = file.users?.find((u) => u.name === context.user);
  if (context.user && userEntry === undefined)
    throw fail(`it has no user "${context.user}", which context "${contextName}" names`);
  const user: User = userEntry?.user ?? {};
  if (user.exec !== undefined || user['auth-provider'] !== undefined)
    throw kubeErrors.make('E_KUBE_EXEC_AUTH', { detail: `${options.path}: user "${context.user}"` });
  if (cluster['proxy-url'] !== undefined) throw fail('proxy-url is not supported');

  const folder = dirname(resolve(options.path));
  const pem = (data: string | undefined, file: string | undefined) => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    if (file === undefined) return undefined;
    try {
      return readFileSync(resolve(folder, file), 'utf8');
    } catch (cause) {
      throw fail(`${file} cannot be read`, cause);
    }
  };
  const ca = pem(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const cert = pem(user['client-certificate-data'], user['client-certificate']);
  const key = pem(user['client-key-data'], user['client-key']);
  if ((cert === undefined) !== (key === undefined)) throw fail('a client certificate and its key must come together');

  return {
    server: parseServer(cluster.server, fail),
    insecure: cluster['insecure-skip-tls-verify'] ?? false,
    credentials: credentialsOf(user, folder),
    namespace: context.namespace ?? 'default',
    ...(ca === undefined ? {} : { ca }),
    ...(cluster['tls-server-name'] === undefined ? {} : { serverName: cluster['tls-server-name'] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

type Fail = (detail: string, cause?: unknown) => Error;

function parseFile(content: string, fail: Fail): z.infer<typeof fileSchema> {
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

function parseServer(server: string, fail: Fail): URL {
  const url = URL.parse(server.includes('://') ? server : `https://${server}`);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw fail(`server "${server}" is not a URL`);
  return url;
}

function credentialsOf(user: User, folder: string) {
  if (user.tokenFile !== undefined) return tokenFile(resolve(folder, user.tokenFile));
  if (user.token !== undefined) return staticToken(user.token);
  if (user.username !== undefined) return basicAuth(user.username, user.password ?? '');
  return noCredentials;
}
