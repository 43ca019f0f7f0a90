import { z } from 'zod';
import { nodesSection, peerServerName, peerService, together, tokenOwnerKeys } from '../api/configuration.ts';
import {
  absolutePath,
  type ConfigFailures,
  gatherSettings,
  keysOf,
  logSection,
  parseSettings,
  type Settings,
  serverCertificateKeys,
} from '../base/configuration.ts';
import { isAddr } from '../net/index.ts';
import { uiErrors } from './errors.ts';

const listenSchema = z
  .strictObject({
    host: z
      .string()
      .refine(isAddr, 'must be an IP address')
      .default('127.0.0.1')
      .describe('Address to serve at. Other than loopback only a cluster, with a certificate.'),
    port: z.int().min(0).max(65_535).default(4280).describe('TCP port; 0: any free one.'),
    names: z
      .array(z.string().regex(/^[a-z0-9._-]{1,253}$/i, 'must be names or IPv4 addresses'))
      .default([])
      .describe(
        'By which browsers reach it, beside 127.0.0.1, [::1] and localhost: nobody is answered who asks for another.',
      ),
    ...serverCertificateKeys,
    clientCaFile: absolutePath
      .optional()
      .describe('Of certificates of users (CN is the name, O are groups), who need not log in.'),
  })
  .refine(
    ({ certFile, keyFile, clientCaFile }) =>
      together(certFile, keyFile) && (certFile !== undefined || clientCaFile === undefined),
    'certFile and keyFile go together, and clientCaFile needs them',
  )
  .prefault({});

/** The page's configuration. Unknown keys are refused. */
const configSchema = z.strictObject({
  listen: listenSchema,
  agentsDir: absolutePath.default('/run/membrane').describe('Where agents have their sockets, a folder a node.'),
  sandboxDir: absolutePath
    .default('/run/membrane-sandbox')
    .describe(
      "A sandbox's folder. Agents whose node has none in it are not asked: their cluster decides who sees what.",
    ),
  peerService: peerService
    .optional()
    .describe(
      'Of a cluster: who says which nodes there are, the hubbleSocket of an agent, or host:port of its hubble.port. Who looks logs in, and sees what his rights are. Default: a sandbox is shown, to everybody on this machine.',
    ),
  peerServerName,
  nodes: nodesSection('The certificate that nodes are shown, of hubble.relayCaFile, PEM.'),
  ...tokenOwnerKeys,
  log: logSection('warn'),
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
