import { fromBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  createDeadlineSignal,
  type UniversalServerRequest,
  type UniversalServerResponse,
  uResponseOk,
} from '@connectrpc/connect/protocol';
import {
  contentTypeProto,
  grpcStatusOk,
  headerContentType,
  headerEncoding,
  headerGrpcStatus,
  headerTimeout,
  parseContentType,
  parseTimeout,
  setTrailerStatus,
} from '@connectrpc/connect/protocol-grpc';
import { EnvelopeReader, enveloped } from './envelopes.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from './gen/observer/observer_pb.js';

/** GetFlowsResponses as they are sent, some at a time. */
export type EncodedFlows = AsyncIterable<readonly Uint8Array[]>;

export type GrpcFlowsOptions = {
  readonly open: (request: GetFlowsRequest, signal: AbortSignal) => EncodedFlows;
  /** Of a request. */
  readonly maxBytes: number;
  /** Aborted when the server stops. */
  readonly ending: AbortSignal;
  /** What whoever asked is told of an error; what is no ConnectError is not for him. */
  readonly told: (error: unknown) => unknown;
};

/** gRPC with protobuf, as programs ask. What asks in another way (gRPC-Web, Connect, JSON, compressed) takes one flow at a time. */
export function isPlainGrpc({ method, header }: UniversalServerRequest): boolean {
  const encoding = header.get(headerEncoding)?.toLowerCase() ?? 'identity';
  const isBinary = parseContentType(header.get(headerContentType))?.binary === true;
  return method === 'POST' && isBinary && encoding === 'identity';
}

/** Answers GetFlows: what there is at a time is one write, where a call of a library is a dozen promises for each flow. */
export function answerFlows(
  request: UniversalServerRequest,
  { open, maxBytes, ending, told }: GrpcFlowsOptions,
): UniversalServerResponse {
  const trailer = new Headers({ [headerGrpcStatus]: grpcStatusOk });
  const { timeoutMs, error: badTimeout } = parseTimeout(request.header.get(headerTimeout), Number.MAX_SAFE_INTEGER);
  const deadline = createDeadlineSignal(timeoutMs);
  async function* body(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const signal = AbortSignal.any([request.signal, ending, deadline.signal]);
    try {
      if (badTimeout !== undefined) throw badTimeout;
      for await (const group of open(await askedFor(request, maxBytes), signal)) yield enveloped(group);
      deadline.signal.throwIfAborted();
    } catch (cause) {
      const error = told(cause);
      setTrailerStatus(
        trailer,
        error instanceof ConnectError ? error : new ConnectError('internal error', Code.Internal),
      );
    } finally {
      deadline.cleanup();
    }
  }
  return { ...uResponseOk, header: new Headers({ [headerContentType]: contentTypeProto }), trailer, body: body() };
}

async function askedFor({ body }: UniversalServerRequest, maxBytes: number): Promise<GetFlowsRequest> {
  const reader = new EnvelopeReader(maxBytes);
  const messages: Uint8Array[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    messages.push(...reader.read(piece));
    if (messages.length > 1) break;
  }
  reader.end();
  const [message] = messages;
  if (message === undefined || messages.length > 1)
    throw new ConnectError('one question is asked at a time', Code.Unimplemented);
  try {
    return fromBinary(GetFlowsRequestSchema, message);
  } catch (cause) {
    throw new ConnectError('the question cannot be read', Code.InvalidArgument, undefined, undefined, cause);
  }
}
