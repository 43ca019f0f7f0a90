import { resolve } from 'node:path';
import { z } from 'zod';
import { type Clock, systemClock } from '../../base/index.ts';
import { kubeErrors } from '../errors.ts';
import type { ClientCertificate, Credentials, Presented } from './connection.ts';
import { requirePair } from './credentials.ts';
import { type PluginCommand, runPlugin } from './plugin-process.ts';

/** KEP-541; both versions have the same fields, and v1 wants interactiveMode to be said. */
const API = 'client.authentication.k8s.io';
/** Extension of a kubeconfig's cluster whose content goes to plugins. */
export const EXEC_EXTENSION = `${API}/exec`;

export const execSchema = z.object({
  apiVersion: z.enum([`${API}/v1`, `${API}/v1beta1`]),
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string().min(1), value: z.string().default('') })).nullish(),
  installHint: z.string().optional(),
  provideClusterInfo: z.boolean().optional(),
  interactiveMode: z.enum(['Never', 'IfAvailable', 'Always']).optional(),
});

export type ExecConfig = z.infer<typeof execSchema>;

const answerSchema = z.object({
  apiVersion: z.string(),
  kind: z.literal('ExecCredential'),
  status: z.object({
    expirationTimestamp: z.iso.datetime({ offset: true }).nullish(),
    token: z.string().nullish(),
    clientCertificateData: z.string().nullish(),
    clientKeyData: z.string().nullish(),
  }),
});

/** A plugin that fails, or gives what has expired, is not asked by every request anew. */
const PAUSE_MS = 5_000;

export type ExecPluginOptions = {
  readonly config: ExecConfig;
  /** The kubeconfig's, where a command with a slash in it starts. */
  readonly folder: string;
  /** `spec.cluster` of what it is told, where it is to be. */
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly clock?: Clock;
};

/**
 * Credentials that a program gives. Asked once for all requests that wait, again when what it gave expires or was
 * refused. E_KUBE_EXEC_AUTH, at once for a plugin that can never work here: nobody sits at a terminal.
 */
export function execPlugin({ config, folder, cluster, clock = systemClock }: ExecPluginOptions): Credentials {
  requireUsable(config);
  const command = pluginCommand(config, folder, cluster);
  let current: { readonly presented: Presented; readonly expires: number } | undefined;
  /** Of the clock that nobody sets; until then the last answer stands, whatever it was. */
  let restUntil = Number.NEGATIVE_INFINITY;
  let refusal: unknown;
  let running: Promise<Presented> | undefined;

  const ask = async (): Promise<Presented> => {
    try {
      const { presented, expires } = parseAnswer(await runPlugin(command), config);
      current = { presented, expires };
      refusal = undefined;
      return presented;
    } catch (error) {
      refusal = error;
      throw error;
    } finally {
      restUntil = clock.elapsed() + PAUSE_MS;
      running = undefined;
    }
  };
  return {
    async present() {
      const rests = clock.elapsed() < restUntil;
      if (rests && refusal !== undefined) throw refusal;
      if (current !== undefined && (rests || clock.now() < current.expires)) return current.presented;
      running ??= ask();
      return await running;
    },
    refresh(refused) {
      // Of many requests that were refused with the same, the first has it asked anew.
      if (current !== undefined && isPartOf(current.presented, refused)) current = undefined;
      return true;
    },
  };
}

function isPartOf({ authorization, certificate }: Presented, refused: Presented): boolean {
  if (authorization !== undefined && authorization === refused.authorization) return true;
  return certificate !== undefined && certificate === refused.certificate;
}

function requireUsable({ command, apiVersion, interactiveMode }: ExecConfig): void {
  if (interactiveMode === 'Always') {
    const remedy = 'Use a plugin with interactiveMode Never or IfAvailable, or other credentials.';
    throw kubeErrors.make('E_KUBE_EXEC_AUTH', {
      detail: `${command} wants a terminal (interactiveMode Always)`,
      remedy,
    });
  }
  if (interactiveMode === undefined && apiVersion === `${API}/v1`) {
    const remedy = 'Set interactiveMode in the user of the kubeconfig.';
    throw kubeErrors.make('E_KUBE_EXEC_AUTH', { detail: `${command}: ${API}/v1 wants interactiveMode`, remedy });
  }
}

function pluginCommand(config: ExecConfig, folder: string, cluster: ExecPluginOptions['cluster']): PluginCommand {
  const { command, args, env, apiVersion, installHint } = config;
  const spec = { interactive: false, ...(config.provideClusterInfo === true && cluster !== undefined && { cluster }) };
  return {
    command: command.includes('/') ? resolve(folder, command) : command,
    args: args ?? [],
    env: {
      ...process.env,
      ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
      KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: 'ExecCredential', spec }),
    },
    ...(installHint === undefined ? {} : { installHint }),
  };
}

function parseAnswer(text: string, { command, apiVersion }: ExecConfig): { presented: Presented; expires: number } {
  const refuse = (why: string): Error => kubeErrors.make('E_KUBE_EXEC_AUTH', { detail: `${command}: ${why}` });
  const parsed = answerSchema.safeParse(parseJson(text));
  // Never the values: they are secrets.
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path }) => path.join('.') || 'all of it').join(', ');
    throw refuse(`what it printed is no ExecCredential with a status: ${wrong}`);
  }
  const { status } = parsed.data;
  if (parsed.data.apiVersion !== apiVersion) throw refuse(`it answered in another version than ${apiVersion}`);
  const certificate = certificateOf(status.clientCertificateData, status.clientKeyData, refuse);
  if (certificate === undefined && !status.token) throw refuse('it gave neither a token nor a certificate and key');
  return {
    presented: {
      ...(status.token ? { authorization: `Bearer ${status.token}` } : {}),
      ...(certificate === undefined ? {} : { certificate }),
    },
    expires: status.expirationTimestamp ? Date.parse(status.expirationTimestamp) : Number.POSITIVE_INFINITY,
  };
}

function certificateOf(
  cert: string | null | undefined,
  key: string | null | undefined,
  refuse: (why: string) => Error,
): ClientCertificate | undefined {
  if (!cert && !key) return undefined;
  if (!cert || !key) throw refuse('it gave one of a certificate and its key');
  requirePair({ cert, key }, 'credential plugin');
  return { cert, key };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
