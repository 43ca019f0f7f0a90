import { z } from 'zod';
import {
  metricsSection,
  nodesSection,
  peerServerName,
  peerService,
  together,
  tokenOwnerKeys,
} from '../api/configuration.ts';
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
import { relayErrors } from './errors.ts';

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
    ...serverCertificateKeys,
    clientCaFile: absolutePath
      .optional()
      .describe('Of certificates of users (CN is the name, O are groups), who see what their rights are.'),
  })
  .refine(
    ({ certFile, keyFile, clientCaFile }) =>
      together(certFile, keyFile) && (certFile !== undefined || clientCaFile === undefined),
    'certFile and keyFile go together, and clientCaFile needs them',
  )
  .prefault({});

/** The relay's configuration. Unknown keys are refused. */
const configSchema = z.strictObject({
  peerService: peerService.describe(
    'Who says which nodes there are: the hubbleSocket of an agent, or host:port of its hubble.port.',
  ),
  peerServerName,
  nodes: nodesSection('The certificate that nodes are shown, PEM. Needed where they serve with TLS.'),
  listen: listenSchema,
  ...tokenOwnerKeys,
  metrics: metricsSection('the relay', 9966),
  log: logSection('info'),
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
