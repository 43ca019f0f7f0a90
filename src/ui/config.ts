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
      .describe('Address to serve at. Other than loopback only a cluster, with a certificate.'),
    port: z.int().min(0).max(65_535).default(4280).describe('TCP port; 0: any free one.'),
    names: z
      .array(z.string().regex(/^[a-z0-9._-]{1,253}$/i, 'must be names or IPv4 addresses'))
      .default([])
      .describe(
        'By which browsers reach it, beside 127.0.0.1, [::1] and localhost: nobody is answered who asks for another.',
      ),
    certFile: path.optional().describe("The server's certificate, PEM; looked at again when it changes."),
    keyFile: path.optional().describe('Its key.'),
    clientCaFile: path
      .optional()
      .describe('Of certificates of users (CN is the name, O are groups), who need not log in.'),
  })
  .refine(
    ({ certFile, keyFile, clientCaFile }) =>
      (certFile === undefined) === (keyFile === undefined) && (certFile !== undefined || clientCaFile === undefined),
    'certFile and keyFile go together, and clientCaFile needs them',
  )
  .prefault({});

const nodesSchema = z
  .strictObject({
    certFile: path.optional().describe('The certificate that nodes are shown, of hubble.relayCaFile, PEM.'),
    keyFile: path.optional().describe('Its key.'),
    caFile: path.optional().describe('Of the certificates that nodes must show.'),
  })
  .refine(
    ({ certFile, keyFile, caFile }) =>
      new Set([certFile, keyFile, caFile].map((file) => file === undefined)).size === 1,
    'all three files go together',
  )
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
  peerService: z
    .string()
    .regex(/^(\/\S+|[^\s/]+:\d{1,5})$/, 'must be the path of a socket, or host:port')
    .optional()
    .describe(
      'Of a cluster: who says which nodes there are, the hubbleSocket of an agent, or host:port of its hubble.port. Who looks logs in, and sees what his rights are. Default: a sandbox is shown, to everybody on this machine.',
    ),
  peerServerName: z
    .string()
    .optional()
    .describe('Name in the certificate of that server, over TCP. Default: it is asked without TLS.'),
  nodes: nodesSchema,
  kubeconfig: path
    .optional()
    .describe('How to ask the API server whose a token is. Default: KUBECONFIG, or the service account of the pod.'),
  apiServer: z.string().optional().describe('host:port or URL of the API server, whatever is said elsewhere.'),
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
