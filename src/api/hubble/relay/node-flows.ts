import { toBinary } from '@bufbuild/protobuf';
import { createAsyncIterable, createMethodUrl, type UniversalClientFn } from '@connectrpc/connect/protocol';
import { requestHeader, validateResponseWithCompression, validateTrailer } from '@connectrpc/connect/protocol-grpc';
import { EnvelopeReader, enveloped } from '../envelopes.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema, Observer } from '../gen/observer/observer_pb.js';

/** Of what one flow takes, with all its names and labels; no node of ours comes near. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

export type NodeCall = { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal };

/** GetFlows of a node: GetFlowsResponses as they come in, as many at a time as came together. ConnectError, as any call. */
export async function* nodeFlows(
  http: UniversalClientFn,
  { baseUrl, request }: { readonly baseUrl: string; readonly request: GetFlowsRequest },
  { headers, signal }: NodeCall,
): AsyncGenerator<readonly Uint8Array[]> {
  const over = new AbortController();
  try {
    const response = await http({
      url: createMethodUrl(baseUrl, Observer.method.getFlows),
      method: 'POST',
      header: requestHeader(true, undefined, headers),
      body: createAsyncIterable([enveloped([toBinary(GetFlowsRequestSchema, request)])]),
      signal: AbortSignal.any([signal, over.signal]),
    });
    const { foundStatus, headerError } = validateResponseWithCompression([], response.status, response.header);
    if (headerError !== undefined) throw headerError;
    const reader = new EnvelopeReader(MAX_MESSAGE_BYTES);
    for await (const piece of response.body) {
      const messages = reader.read(piece);
      if (messages.length > 0) yield messages;
    }
    reader.end();
    if (!foundStatus) validateTrailer(response.trailer, response.header);
  } finally {
    // Who leaves early leaves nothing open.
    over.abort();
  }
}
