import { readFileSync } from 'node:fs';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type ExportLogsServiceRequest,
  ExportLogsServiceRequestSchema,
  type PartialSuccess,
} from '../gen/otlp/logs_pb.js';
import { CollectorError } from './collector-error.ts';
import { attributesOf } from './log-record.ts';

export type CollectorOptions = {
  /** `https://collector:4318`; of gRPC without a path. Without one of HTTP: `/v1/logs`. */
  readonly endpoint: string;
  readonly protocol: 'http/protobuf' | 'grpc';
  readonly compression: 'none' | 'gzip';
  /** `name: value`, a line each. */
  readonly headersFile?: string | undefined;
  /** PEM. Undefined: the authorities that Node.js knows. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** Who sends. */
  readonly cluster: string;
  readonly node: string;
  readonly version: string;
};

/** Of what was sent, what was not taken. */
export type Taken = { readonly rejected: number; readonly message: string };

/** `send` throws `CollectorError`. */
export type LogsSender = {
  send(records: readonly Uint8Array[], signal: AbortSignal): Promise<Taken>;
  close(): void;
};

/** Answers are read up to this; what is longer is none. */
export const MOST_ANSWER_BYTES = 64 * 1024;

/** As the files are now: they are replaced while they hold. CollectorError where one cannot be read. */
export function secretsOf({ caFile, certFile, keyFile }: CollectorOptions) {
  const [ca, cert, key] = [caFile, certFile, keyFile].map((path) => (path === undefined ? undefined : read(path)));
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

const HEADER = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e]*)$/;

export function headersOf({ headersFile }: CollectorOptions): Record<string, string> {
  if (headersFile === undefined) return {};
  const lines = read(headersFile)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line, index) => {
      const [, name = '', value = ''] = HEADER.exec(line) ?? [];
      // What stands there is secret: the line is told by its number.
      if (name === '')
        throw new CollectorError(`${headersFile}: line ${index + 1} is no "name: value"`, { again: true });
      return [name.toLowerCase(), value.trim()];
    }),
  );
}

export function requestOf(
  records: readonly Uint8Array[],
  { cluster, node, version }: CollectorOptions,
): ExportLogsServiceRequest {
  const resource: MessageInitShape<typeof ExportLogsServiceRequestSchema> = {
    resourceLogs: [
      {
        resource: {
          attributes: attributesOf({
            'service.name': 'membrane',
            'service.version': version,
            'service.instance.id': `${cluster}/${node}`,
            'k8s.cluster.name': cluster,
            'k8s.node.name': node,
          }),
        },
        scopeLogs: [{ scope: { name: 'membrane.flows', version }, logRecords: [...records] }],
      },
    ],
  };
  return create(ExportLogsServiceRequestSchema, resource);
}

/** What a server says that it did not take. */
export function answerOf(partial: PartialSuccess | undefined): Taken {
  return { rejected: Math.max(0, Number(partial?.rejectedLogRecords ?? 0n)), message: partial?.errorMessage ?? '' };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CollectorError(`cannot be read: ${(error as Error).message}`, { again: true });
  }
}
