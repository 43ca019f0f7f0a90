import { z } from 'zod';
import { absolutePath } from '../../base/configuration.ts';

const flowFilters = z.array(z.record(z.string(), z.unknown()));

const flowChoice = {
  allow: flowFilters
    .default([])
    .describe("Filters as Hubble's exporter has them: flows that one of them matches. None: all."),
  deny: flowFilters.default([]).describe('Likewise: none of those that one of them matches.'),
  fieldMask: z
    .array(z.string())
    .default([])
    .describe('Only these fields of a flow, like source.pod_name or verdict. None: all.'),
};

/** Flows to a file. */
export const flowExportSchema = z
  .strictObject({
    file: absolutePath
      .optional()
      .describe('Write flows to this file as they come, a line of JSON each, as Hubble does. Default: none.'),
    maxSizeMB: z
      .int()
      .min(1)
      .max(10_000)
      .default(10)
      .describe('Megabytes; a file that would become larger is put aside, as file.1.'),
    keep: z.int().min(0).max(1_000).default(5).describe('Files put aside that are kept.'),
    ...flowChoice,
  })
  .prefault({});

/** Flows to a collector. */
export const otlpSchema = z
  .strictObject({
    endpoint: z
      .string()
      .regex(/^https?:\/\/[^\s/@?#]+(\/[^\s?#]*)?$/, 'must be like https://collector.example:4318')
      .refine((text) => URL.canParse(text), 'must be a URL')
      .optional()
      .describe(
        'Send flows to this collector as OpenTelemetry logs, like https://collector.example:4318. A path is taken as it stands; without one it is /v1/logs. Default: none.',
      ),
    protocol: z
      .enum(['http/protobuf', 'grpc'])
      .default('http/protobuf')
      .describe('How OTLP is spoken; collectors listen at 4318 for the one, at 4317 for the other.'),
    allowPlainText: z
      .boolean()
      .default(false)
      .describe('Send them to an http:// endpoint off loopback: whoever is on the way reads who talks to whom.'),
    caFile: absolutePath
      .optional()
      .describe("Of the collector's certificate, PEM. Default: the authorities that Node.js knows."),
    certFile: absolutePath.optional().describe('The certificate that the collector is shown, PEM.'),
    keyFile: absolutePath.optional().describe('Its key.'),
    headersFile: absolutePath
      .optional()
      .describe(
        'Headers that the collector wants, like `authorization: Bearer ...`, a line each. All files are read anew for each request.',
      ),
    compression: z.enum(['none', 'gzip']).default('none').describe('Of what is sent.'),
    timeoutSeconds: z.int().min(1).max(60).default(10).describe('Seconds that the collector may take to answer.'),
    ...flowChoice,
  })
  .refine(({ certFile, keyFile }) => typeof certFile === typeof keyFile, 'certFile and keyFile go together')
  .refine(
    ({ endpoint, protocol }) => protocol !== 'grpc' || endpoint === undefined || new URL(endpoint).pathname === '/',
    'an endpoint of gRPC has no path',
  )
  .prefault({});
