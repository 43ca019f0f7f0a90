import { z } from 'zod';
import { absolutePath } from '../base/configuration.ts';
import { isAddr } from '../net/index.ts';

/** Keys of programs that serve, or that ask the nodes' servers. */

/** `program`: as it is called in a sentence. */
export function metricsSection(program: string, port: number) {
  return z
    .strictObject({
      enabled: z.boolean().default(true).describe(`Serve the metrics of ${program} over HTTP, at /metrics.`),
      host: z
        .string()
        .refine(isAddr, 'must be an IP address')
        .default('127.0.0.1')
        .describe('Address to serve them at; other than loopback only with allowNonLoopback.'),
      port: z.int().min(0).max(65_535).default(port).describe('TCP port; 0: any free one.'),
      allowNonLoopback: z.boolean().default(false).describe('Serve them to other machines, too.'),
    })
    .prefault({});
}

/** How nodes are asked. `certificate`: what is said of the one that they are shown. */
export function nodesSection(certificate: string) {
  return z
    .strictObject({
      certFile: absolutePath.optional().describe(certificate),
      keyFile: absolutePath.optional().describe('Its key.'),
      caFile: absolutePath.optional().describe('Of the certificates that nodes must show.'),
    })
    .refine(({ certFile, keyFile, caFile }) => together(certFile, keyFile, caFile), 'all three files go together')
    .prefault({});
}

export const peerService = z.string().regex(/^(\/\S+|[^\s/]+:\d{1,5})$/, 'must be the path of a socket, or host:port');

export const peerServerName = z
  .string()
  .optional()
  .describe('Name in the certificate of that server, over TCP. Default: it is asked without TLS.');

/** Who is asked whose a token is. */
export const tokenOwnerKeys = {
  kubeconfig: absolutePath
    .optional()
    .describe('How to ask the API server whose a token is. Default: KUBECONFIG, or the service account of the pod.'),
  apiServer: z.string().optional().describe('host:port or URL of the API server, whatever is said elsewhere.'),
};

/** All of them are given, or none. */
export function together(...files: readonly (string | undefined)[]): boolean {
  return new Set(files.map((file) => file === undefined)).size === 1;
}
