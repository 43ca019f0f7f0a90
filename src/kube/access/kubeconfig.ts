import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { kubeErrors } from '../errors.ts';
import type { Credentials, KubeConnection } from './connection.ts';
import {
  authorityFile,
  basicAuth,
  certificateFiles,
  combined,
  fixed,
  requirePair,
  staticToken,
  tokenFile,
} from './credentials.ts';
import { EXEC_EXTENSION, execPlugin } from './exec-plugin.ts';
import { type Cluster, type Kubeconfig, kubeconfigPaths, readKubeconfigs, type User } from './kubeconfig-files.ts';

type Options = { readonly context?: string };

/** Reads a kubeconfig file, or several in the form of KUBECONFIG. Relative paths in it start at its folder, as for kubectl. */
export function loadKubeconfig(list: string, options: Options = {}): KubeConnection {
  return connectionOf(readKubeconfigs(kubeconfigPaths(list)), options);
}

/** Of the current context, unless another one is named. E_KUBE_CONFIG. */
export function connectionOf(config: Kubeconfig, options: Options = {}): KubeConnection {
  const fail: Fail = (detail, cause) =>
    kubeErrors.make('E_KUBE_CONFIG', { detail: `${config.source}: ${detail}`, cause });
  const contextName = options.context ?? config.currentContext;
  if (contextName === undefined) throw fail('it has no current-context');
  const context = config.contexts.get(contextName)?.value;
  if (context === undefined) throw fail(`it has no context "${contextName}"`);
  const cluster = config.clusters.get(context.cluster);
  if (cluster === undefined) throw fail(`it has no cluster "${context.cluster}", which context "${contextName}" names`);
  const user = context.user ? config.users.get(context.user) : { value: {}, folder: '' };
  if (user === undefined) throw fail(`it has no user "${context.user}", which context "${contextName}" names`);
  if (user.value['auth-provider'] != null)
    throw fail(
      'auth-provider is not supported, nor by Kubernetes since 1.26: use the credential plugin of the provider',
    );
  if (cluster.value['proxy-url'] !== undefined) throw fail('proxy-url is not supported');

  const ca = pem(cluster, 'certificate-authority', fail);
  const headers = impersonation(user.value, fail);
  return {
    server: parseServer(cluster.value.server, fail),
    insecure: cluster.value['insecure-skip-tls-verify'] ?? false,
    credentials: combined([...authorityOf(cluster), ...credentialsOf(user, { cluster: cluster.value, ca, fail })]),
    namespace: context.namespace ?? 'default',
    ...(ca === undefined ? {} : { ca }),
    ...(cluster.value['tls-server-name'] === undefined ? {} : { serverName: cluster.value['tls-server-name'] }),
    ...(headers === undefined ? {} : { headers }),
  };
}

type Fail = (detail: string, cause?: unknown) => Error;
type Placed<T> = { readonly value: T; readonly folder: string };

/** What stands in the file itself counts before a file that it names. */
function pem<K extends string>(
  { value, folder }: Placed<{ readonly [name in K | `${K}-data`]?: string | undefined }>,
  key: K,
  fail: Fail,
): string | undefined {
  const data = value[`${key}-data`];
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const file = value[key];
  if (file === undefined) return undefined;
  try {
    return readFileSync(resolve(folder, file), 'utf8');
  } catch (cause) {
    throw fail(`${file} cannot be read`, cause);
  }
}

/** The address of an API server as people write it. */
export function parseServer(server: string, fail: Fail): URL {
  const url = URL.parse(server.includes('://') ? server : `https://${server}`);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw fail(`server "${server}" is not a URL`);
  return url;
}

type Around = { readonly cluster: Cluster; readonly ca: string | undefined; readonly fail: Fail };

function authorityOf({ value, folder }: Placed<Cluster>): Credentials[] {
  const { 'certificate-authority': file, 'certificate-authority-data': data } = value;
  return file === undefined || data !== undefined ? [] : [authorityFile(resolve(folder, file))];
}

function credentialsOf(user: Placed<User>, around: Around): Credentials[] {
  const { value, folder } = user;
  return [
    ...headerOf(user),
    ...certificateOf(user, around.fail),
    ...(value.exec ? [execPlugin({ config: value.exec, folder, cluster: execCluster(around) })] : []),
  ];
}

function headerOf({ value, folder }: Placed<User>): Credentials[] {
  if (value.tokenFile !== undefined) return [tokenFile(resolve(folder, value.tokenFile))];
  if (value.token !== undefined) return [staticToken(value.token)];
  if (value.username !== undefined) return [basicAuth(value.username, value.password ?? '')];
  return [];
}

function certificateOf(user: Placed<User>, fail: Fail): Credentials[] {
  const cert = pem(user, 'client-certificate', fail);
  const key = pem(user, 'client-key', fail);
  if (cert === undefined && key === undefined) return [];
  if (cert === undefined || key === undefined) throw fail('a client certificate and its key must come together');
  const { value, folder } = user;
  const { 'client-certificate': certFile, 'client-key': keyFile } = value;
  const areFiles = value['client-certificate-data'] === undefined && value['client-key-data'] === undefined;
  if (areFiles && certFile !== undefined && keyFile !== undefined)
    return [certificateFiles({ cert: resolve(folder, certFile), key: resolve(folder, keyFile) })];
  const certificate = { cert, key };
  requirePair(certificate, 'the user of the kubeconfig');
  return [fixed({ certificate })];
}

/** What a plugin is told of the cluster, in the words of client.authentication.k8s.io. */
function execCluster({ cluster, ca }: Around): Record<string, unknown> {
  return {
    server: cluster.server,
    'tls-server-name': cluster['tls-server-name'],
    'insecure-skip-tls-verify': cluster['insecure-skip-tls-verify'],
    'certificate-authority-data': ca === undefined ? undefined : Buffer.from(ca).toString('base64'),
    'disable-compression': cluster['disable-compression'],
    config: cluster.extensions?.find(({ name }) => name === EXEC_EXTENSION)?.extension,
  };
}

/** Headers of user impersonation (Kubernetes documentation, "Authenticating"). */
function impersonation(user: User, fail: Fail): KubeConnection['headers'] {
  const { as, 'as-uid': uid, 'as-groups': groups, 'as-user-extra': extra } = user;
  if (as === undefined) {
    if (uid !== undefined || groups?.length || extra) throw fail('as-uid, as-groups and as-user-extra need as');
    return undefined;
  }
  return {
    'Impersonate-User': as,
    ...(uid === undefined ? {} : { 'Impersonate-Uid': uid }),
    ...(groups?.length ? { 'Impersonate-Group': groups } : {}),
    ...Object.fromEntries(
      Object.entries(extra ?? {}).map(([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, values]),
    ),
  };
}
