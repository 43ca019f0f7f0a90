import { z } from 'zod';
import { absolutePath, serverCertificateKeys } from '../../base/configuration.ts';
import { isAddr } from '../../net/index.ts';

/** Who is told of flows by Hubble's API, and as whom. */
export const hubbleSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe("Tell flows to Hubble's clients, on a socket and, with a port, over TCP."),
    host: z
      .string()
      .refine(isAddr, 'must be an IP address')
      .default('127.0.0.1')
      .describe('Address to tell them at; other than loopback only with a certificate.'),
    port: z.int().min(0).max(65_535).optional().describe('TCP port, 4244 by custom; 0: any free one. Default: none.'),
    open: z
      .boolean()
      .default(false)
      .describe('Whoever reaches the port sees all flows, without showing who he is; only on loopback.'),
    ...serverCertificateKeys,
    clientCaFile: absolutePath
      .optional()
      .describe('Of certificates of users (CN is the name, O are groups), who see what their rights are.'),
    relayCaFile: absolutePath
      .optional()
      .describe('Of certificates of relays, who see all and ask for others: it must sign nobody else.'),
    serverName: z.string().optional().describe("By which name the certificate knows every node's server."),
  })
  .refine(
    ({ certFile, keyFile, clientCaFile, relayCaFile }) =>
      typeof certFile === typeof keyFile && (certFile !== undefined || (clientCaFile ?? relayCaFile) === undefined),
    'certFile and keyFile go together, and clientCaFile and relayCaFile need them',
  )
  .prefault({});
