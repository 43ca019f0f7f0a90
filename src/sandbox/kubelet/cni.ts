import { join } from 'node:path';
import { z } from 'zod';
import { sandboxErrors } from '../errors.ts';
import { attempt, type CommandOptions, type CommandResult, inNetnsArgv } from '../machine/index.ts';
import { type NetworkList, type PluginConfig, pluginInput } from './cni-config.ts';

export type CniHost = {
  /** Where plugins are: one folder. */
  readonly binDir: string;
  /** The node's network namespace, which is where a runtime runs its plugins. */
  readonly nodeNetns: string;
  /** Given to our plugin as MEMBRANE_CNI_SOCKET. */
  readonly socket: string;
};

/** One pod's attachment, as the runtime names it. */
export type Attachment = {
  readonly containerId: string;
  readonly netns: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Values by capability, e.g. `{ ips: ['10.244.1.5/32'] }`. */
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
};

const resultSchema = z.looseObject({ ips: z.array(z.object({ address: z.string() })).default([]) });
const errorSchema = z.object({ code: z.number(), msg: z.string(), details: z.string().optional() });

export type CniResult = z.infer<typeof resultSchema>;

/** Refused by a plugin. `code` as in the CNI spec: 11 = try again later; 0 when the plugin said nothing sensible. */
export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

type Command = 'ADD' | 'DEL' | 'CHECK';

/** More than our plugin takes to give up on its agent. */
const COMMAND_TIMEOUT_MS = 90_000;
const STATUS_TIMEOUT_MS = 5_000;

/** Executes a network list's plugins as a container runtime does (CNI spec 1.1, section 4). */
export class Cni {
  readonly #host: CniHost;

  constructor(host: CniHost) {
    this.#host = host;
  }

  /** Addresses are those of the last plugin's result. Throws CniError. */
  async add(list: NetworkList, attachment: Attachment): Promise<CniResult> {
    let prevResult: unknown;
    for (const plugin of list.plugins) {
      const output = await this.#execute('ADD', { list, plugin, attachment, prevResult });
      prevResult = parseJson(output);
    }
    const result = resultSchema.safeParse(prevResult);
    if (!result.success) throw new CniError(0, `the result of ADD is not one: ${z.prettifyError(result.error)}`);
    return result.data;
  }

  /** In reverse order; `prevResult` is what ADD gave, when it is known. Throws CniError. */
  async del(list: NetworkList, attachment: Attachment, prevResult?: CniResult): Promise<void> {
    for (const plugin of list.plugins.toReversed())
      await this.#execute('DEL', { list, plugin, attachment, prevResult });
  }

  async check(list: NetworkList, attachment: Attachment, prevResult: CniResult): Promise<void> {
    for (const plugin of list.plugins) await this.#execute('CHECK', { list, plugin, attachment, prevResult });
  }

  /** Whether every plugin is ready for an ADD (CNI 1.1; an older list cannot be asked and counts as ready). */
  async status(list: NetworkList): Promise<boolean> {
    if (list.cniVersion !== '1.1.0') return true;
    for (const plugin of list.plugins) {
      const result = await this.#run(plugin, {
        env: { ...hostEnvironment(this.#host), CNI_COMMAND: 'STATUS' },
        input: pluginInput({ list, plugin, runtimeConfig: {}, prevResult: undefined }),
        timeoutMs: STATUS_TIMEOUT_MS,
      });
      if (result.code !== 0) return false;
    }
    return true;
  }

  #run(plugin: PluginConfig, options: CommandOptions): Promise<CommandResult> {
    const argv = inNetnsArgv(this.#host.nodeNetns, [join(this.#host.binDir, plugin.type)]);
    return attempt(argv, { ...options, maxBytes: 1 << 20 });
  }

  async #execute(
    command: Command,
    request: { list: NetworkList; plugin: PluginConfig; attachment: Attachment; prevResult: unknown },
  ): Promise<string> {
    const { list, plugin, attachment, prevResult } = request;
    const result = await this.#run(plugin, {
      env: cniEnvironment(command, attachment, this.#host),
      input: pluginInput({ list, plugin, runtimeConfig: attachment.runtimeConfig, prevResult }),
      timeoutMs: COMMAND_TIMEOUT_MS,
    });
    if (result.code === 0) return result.stdout;
    const said = errorSchema.safeParse(parseJson(result.stdout));
    if (!said.success) {
      const text = (result.stderr.trim() || result.stdout.trim()).slice(-300);
      throw new CniError(0, `plugin type="${plugin.type}" ${command} failed with exit code ${result.code}: ${text}`);
    }
    const { code, msg, details } = said.data;
    throw new CniError(code, `plugin type="${plugin.type}" ${command} failed: ${msg}${details ? `: ${details}` : ''}`);
  }
}

/** Nothing of our own environment reaches a plugin. */
export function cniEnvironment(command: Command, attachment: Attachment, host: CniHost): Record<string, string> {
  const { pod } = attachment;
  const args = [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAMESPACE', pod.namespace],
    ['K8S_POD_NAME', pod.name],
    ['K8S_POD_INFRA_CONTAINER_ID', attachment.containerId],
    ['K8S_POD_UID', pod.uid],
  ] as const;
  for (const [name, value] of args) {
    // The list is KEY=VALUE;KEY=VALUE without any quoting.
    if (/[;=]/.test(value)) throw sandboxErrors.make('E_SANDBOX_UNSAFE_NAME', { detail: `${name}=${value}` });
  }
  return {
    ...hostEnvironment(host),
    CNI_COMMAND: command,
    CNI_CONTAINERID: attachment.containerId,
    CNI_NETNS: attachment.netns,
    CNI_IFNAME: 'eth0',
    CNI_ARGS: args.map((pair) => pair.join('=')).join(';'),
  };
}

function hostEnvironment(host: CniHost): Record<string, string> {
  return {
    CNI_PATH: host.binDir,
    MEMBRANE_CNI_SOCKET: host.socket,
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
