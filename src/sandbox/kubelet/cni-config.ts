import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { errorMessage } from '../../base/index.ts';
import { sandboxErrors } from '../errors.ts';

/** A plugin's type is a file name in CNI_PATH and nothing else: `../` once ran any binary (CVE-2021-20206). */
const PLUGIN_TYPE = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

const pluginSchema = z.looseObject({
  type: z
    .string()
    .regex(PLUGIN_TYPE, 'must be a plain file name, without "/"')
    .refine((type) => !type.includes('..'), 'must not contain ".."'),
  capabilities: z.record(z.string(), z.boolean()).optional(),
});

const listSchema = z.object({
  cniVersion: z.enum(['0.4.0', '1.0.0', '1.1.0']),
  // CNI spec 1.1, section 1: network names.
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/),
  plugins: z.array(pluginSchema).min(1),
});

export type NetworkList = z.infer<typeof listSchema>;
export type PluginConfig = z.infer<typeof pluginSchema>;

/** Throws E_SANDBOX_CNI_CONFIG. `source` is named in the message. */
export function parseNetworkList(text: string, source: string): NetworkList {
  try {
    return listSchema.parse(JSON.parse(text));
  } catch (cause) {
    const detail = cause instanceof z.ZodError ? z.prettifyError(cause).replace(/\s+/g, ' ') : errorMessage(cause);
    throw sandboxErrors.make('E_SANDBOX_CNI_CONFIG', { detail: `${source}: ${detail}`, cause });
  }
}

export async function readNetworkList(path: string): Promise<NetworkList> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw sandboxErrors.make('E_SANDBOX_CNI_CONFIG', { detail: `${path} cannot be read`, cause });
  }
  return parseNetworkList(text, path);
}

/**
 * What one plugin of a list gets on standard input (CNI spec 1.1, section 2.4.1): its own object, the list's name and version, the
 * result of the plugin before it, and those of the runtime's capabilities that it declares.
 */
export function pluginInput(options: {
  readonly list: NetworkList;
  readonly plugin: PluginConfig;
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
  readonly prevResult: unknown;
}): string {
  const { list, plugin, prevResult } = options;
  const declared = Object.entries(options.runtimeConfig).filter(([name]) => plugin.capabilities?.[name] === true);
  return JSON.stringify({
    ...plugin,
    cniVersion: list.cniVersion,
    name: list.name,
    ...(declared.length > 0 && { runtimeConfig: Object.fromEntries(declared) }),
    ...(prevResult !== undefined && { prevResult }),
  });
}
