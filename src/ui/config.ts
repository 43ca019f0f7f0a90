import { z } from 'zod';
import { type ConfigFailures, gatherSettings, keysOf, parseSettings, type Settings } from '../base/configuration.ts';
import { LOG_LEVELS } from '../base/index.ts';
import { isAddr } from '../net/index.ts';
import { uiErrors } from './errors.ts';

const path = z.string().regex(/^\//, 'must be an absolute path');

const listenSchema = z
  .strictObject({
    host: z
      .string()
      .refine(isAddr, 'must be an IP address')
      .default('127.0.0.1')
      .describe('Address to serve at. Loopback only: nobody is asked who they are.'),
    port: z.int().min(0).max(65_535).default(4280).describe('TCP port; 0: any free one.'),
  })
  .prefault({});

const logSchema = z
  .strictObject({
    level: z.enum(LOG_LEVELS).default('warn').describe('The least that is logged.'),
    file: path.optional().describe('Where to; default: standard error.'),
  })
  .prefault({});

/** The page's configuration. Unknown keys are refused. */
const configSchema = z.strictObject({
  listen: listenSchema,
  agentsDir: path.default('/run/membrane').describe('Where agents have their sockets, a folder a node.'),
  sandboxDir: path
    .default('/run/membrane-sandbox')
    .describe(
      "A sandbox's folder. Agents whose node has none in it are not asked: their cluster decides who sees what.",
    ),
  log: logSchema,
});

export type UiConfig = z.output<typeof configSchema>;

const failures: ConfigFailures = {
  unreadable: (detail, cause) => uiErrors.make('E_UI_CONFIG_FILE', { detail, cause }),
  invalid: (detail) => uiErrors.make('E_UI_CONFIG', { detail }),
};

/** E_UI_CONFIG_FILE, E_UI_CONFIG. */
export function readConfig(settings: Settings): UiConfig {
  return parseSettings(gatherSettings(settings, { schema: configSchema, failures }), configSchema, failures);
}

export const configKeys = () => keysOf(configSchema);
