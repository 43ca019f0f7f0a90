import { z } from 'zod';
import { type ConfigFailures, gatherSettings, keysOf, parseSettings, type Settings } from '../base/configuration.ts';
import { LOG_LEVELS } from '../base/index.ts';
import { isAddr } from '../net/index.ts';
import { relayErrors } from './errors.ts';

const path = z.string().regex(/^\//, 'must be an absolute path');

const together = (files: readonly (string | undefined)[]): boolean =>
  files.every((file) => file === undefined) || files.every((file) => file !== undefined);

const nodesSchema = z
  .strictObject({
    certFile: path.optional().describe('The certificate that nodes are shown, PEM. Needed where they serve with TLS.'),
    keyFile: path.optional().describe('Its key.'),
    caFile: path.optional().describe('Of the certificates that nodes must show.'),
  })
  .refine(({ certFile, keyFile, caFile }) => together([certFile, keyFile, caFile]), 'all three files go together')
  .prefault({});

const listenSchema = z
  .strictObject({
    host: z
      .string()
      .refine(isAddr, 'must be an IP address')
      .default('127.0.0.1')
      .describe('Address to serve at; other than loopback only with a certificate.'),
    port: z.int().min(0).max(65_535).default(4245).describe('TCP port; 0: any free one.'),
    open: z
      .boolean()
      .default(false)
      .describe('Whoever reaches the port sees all flows, without showing who he is; only on loopback.'),
    certFile: path.optional().describe("The server's certificate, PEM; looked at again when it changes."),
    keyFile: path.optional().describe('Its key.'),
    clientCaFile: path
      .optional()
      .describe('Of certificates of users (CN is the name, O are groups), who see what their rights are.'),
  })
  .refine(
    ({ certFile, keyFile, clientCaFile }) =>
      together([certFile, keyFile]) && (certFile !== undefined || clientCaFile === undefined),
    'certFile and keyFile go together, and clientCaFile needs them',
  )
  .prefault({});

const metricsSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Serve the metrics of the relay over HTTP, at /metrics.'),
    host: z
      .string()
      .refine(isAddr, 'must be an IP address')
      .default('127.0.0.1')
      .describe('Address to serve them at; other than loopback only with allowNonLoopback.'),
    port: z.int().min(0).max(65_535).default(9966).describe('TCP port; 0: any free one.'),
    allowNonLoopback: z.boolean().default(false).describe('Serve them to other machines, too.'),
  })
  .prefault({});

const logSchema = z
  .strictObject({
    level: z.enum(LOG_LEVELS).default('info').describe('The least that is logged.'),
    file: path.optional().describe('Where to; default: standard error.'),
  })
  .prefault({});

/** The relay's configuration. Unknown keys are refused. */
const configSchema = z.strictObject({
  peerService: z
    .string()
    .regex(/^(\/\S+|[^\s/]+:\d{1,5})$/, 'must be the path of a socket, or host:port')
    .describe('Who says which nodes there are: the hubbleSocket of an agent, or host:port of its hubble.port.'),
  peerServerName: z
    .string()
    .optional()
    .describe('Name in the certificate of that server, over TCP. Default: it is asked without TLS.'),
  nodes: nodesSchema,
  listen: listenSchema,
  kubeconfig: path
    .optional()
    .describe('How to ask the API server whose a token is. Default: KUBECONFIG, or the service account of the pod.'),
  apiServer: z.string().optional().describe('host:port or URL of the API server, whatever is said elsewhere.'),
  metrics: metricsSchema,
  log: logSchema,
});

export type RelayConfig = z.output<typeof configSchema>;

const failures: ConfigFailures = {
  unreadable: (detail, cause) => relayErrors.make('E_RELAY_CONFIG_FILE', { detail, cause }),
  invalid: (detail) => relayErrors.make('E_RELAY_CONFIG', { detail }),
};

/** E_RELAY_CONFIG_FILE, E_RELAY_CONFIG. */
export function readConfig(settings: Settings): RelayConfig {
  return parseSettings(gatherSettings(settings, { schema: configSchema, failures }), configSchema, failures);
}

export const configKeys = () => keysOf(configSchema);
