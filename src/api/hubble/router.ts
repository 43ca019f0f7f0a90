import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { fromBinary } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import { contentTypeRegExp, headerGrpcMessage, headerGrpcStatus } from '@connectrpc/connect/protocol-grpc';
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import { errorMessage, isMembraneError, type Logger } from '../../base/index.ts';
import { CALLER, type Caller } from './caller.ts';
import { Health, HealthCheckResponse_ServingStatus as Serving } from './gen/grpc/health/v1/health_pb.js';
import { Inventory } from './gen/inventory/inventory_pb.js';
import {
  type GetAgentEventsRequest,
  type GetFlowsRequest,
  type GetFlowsResponse,
  GetFlowsResponseSchema,
  Observer,
} from './gen/observer/observer_pb.js';
import { Peer } from './gen/peer/peer_pb.js';
import { answerFlows, type EncodedFlows, isPlainGrpc } from './grpc-flows.ts';
import { whileHeld } from './held.ts';
import type { HubbleTeller } from './teller.ts';

/** Of one request: filters are long, and nothing else is. */
const MAX_REQUEST_BYTES = 1024 * 1024;

const UNSERVED = 'it is not served here; of a node some is that is not of a relay';

/** By what name clients ask whether the observer serves: Hubble's own, the service's, and none. */
const HEALTHY: ReadonlySet<string> = new Set(['', 'hubble.server.Observer', Observer.typeName, Peer.typeName]);

export type Handler = (
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  caller: () => Promise<Caller>,
) => Promise<void>;

/** What answers gRPC, gRPC-Web and Connect. `ending` is aborted when the server stops. */
export function hubbleHandler(teller: HubbleTeller, ending: AbortSignal, log: Logger): Handler {
  const router = createConnectRouter({
    readMaxBytes: MAX_REQUEST_BYTES,
    acceptCompression: [compressionGzip],
    shutdownSignal: ending,
    interceptors: [knownErrors(log)],
  });
  observer(router, teller);
  router.service(Inventory, {
    getInventory: async (request, context) => await teller.inventory(request, await whoAsks(context)),
    getProof: async (request, context) => await teller.proof(request, await whoAsks(context)),
    getRemedy: async (request, context) => await teller.remedy(request, await whoAsks(context)),
  });
  health(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const flows = (asker: () => Promise<Caller>) =>
    async function* open(request: GetFlowsRequest, signal: AbortSignal): AsyncGenerator<readonly Uint8Array[]> {
      const caller = await asker();
      yield* whileHeld(caller, signal, (held) => teller.flows(request, caller, held));
    };
  return async (request, response, caller) => {
    const handler = handlers.get(request.url.split('?', 1)[0] ?? '');
    if (handler === undefined) {
      unserved(request, response);
      return;
    }
    try {
      const values = createContextValues().set(CALLER, caller);
      const asked = universalRequestFromNodeRequest(request, response, undefined, values);
      const isFlows = handler.method === Observer.method.getFlows && isPlainGrpc(asked);
      const answer = isFlows
        ? answerFlows(asked, { open: flows(caller), maxBytes: MAX_REQUEST_BYTES, ending, told: inKnownErrors(log) })
        : await handler(asked);
      await universalResponseToNodeResponse(answer, response);
    } catch (error) {
      // Answers are made by then: what fails is to send them to somebody who went away.
      log.debug({ method: handler.method.name, error: errorMessage(error) }, 'a reader of flows is gone');
    }
  };
}

/** gRPC says so in words of its own, in headers that end the answer: of anything else its clients say that it is malformed. */
function unserved({ headers }: Http2ServerRequest, response: Http2ServerResponse): void {
  const { 'content-type': type = '' } = headers;
  if (!contentTypeRegExp.test(type)) {
    response.writeHead(404).end();
    return;
  }
  const told = { [headerGrpcStatus]: Code.Unimplemented, [headerGrpcMessage]: UNSERVED };
  response.stream.respond({ ':status': 200, 'content-type': type, ...told }, { endStream: true });
}

function health(router: ConnectRouter): void {
  router.service(Health, {
    check: ({ service }) => ({ status: servingStatus(service) }),
    async *watch({ service }, { signal }) {
      yield { status: HEALTHY.has(service) ? Serving.SERVING : Serving.SERVICE_UNKNOWN };
      await aborted(signal);
    },
  });
}

function observer(router: ConnectRouter, teller: HubbleTeller): void {
  const { events, peers } = teller;
  router.service(Observer, {
    ...(events === undefined
      ? {}
      : {
          getAgentEvents: (request: GetAgentEventsRequest, context: HandlerContext) =>
            streamed(context, (caller, signal) => events(request, caller, signal)),
        }),
    getFlows: (request, context) =>
      eachIn(streamed(context, (caller, signal) => teller.flows(request, caller, signal))),
    serverStatus: async (_request, context) => await teller.status(await whoAsks(context)),
    getNodes: async (_request, context) => await teller.nodes(await whoAsks(context)),
    getNamespaces: async (_request, context) => await teller.namespaces(await whoAsks(context)),
  });
  if (peers !== undefined) router.service(Peer, { notify: (_request, context) => streamed(context, peers) });
}

async function* eachIn(groups: EncodedFlows): AsyncGenerator<GetFlowsResponse> {
  for await (const group of groups) for (const bytes of group) yield fromBinary(GetFlowsResponseSchema, bytes);
}

async function whoAsks({ values }: HandlerContext): Promise<Caller> {
  return await values.get(CALLER)();
}

async function* streamed<T>(
  context: HandlerContext,
  open: (caller: Caller, signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const caller = await whoAsks(context);
  yield* whileHeld(caller, context.signal, (signal) => open(caller, signal));
}

function servingStatus(service: string): Serving {
  if (HEALTHY.has(service)) return Serving.SERVING;
  throw new ConnectError(`there is no service ${JSON.stringify(service)}`, Code.NotFound);
}

const CODES: ReadonlyMap<string, Code> = new Map([
  ['E_OBSERVE_READERS', Code.ResourceExhausted],
  ['E_OBSERVE_FORBIDDEN', Code.PermissionDenied],
  ['E_OBSERVE_REVOKED', Code.PermissionDenied],
  ['E_OBSERVE_RIGHTS_UNKNOWN', Code.Unavailable],
]);

/** Errors of our own tables are for whoever asked: he gets the remedy, too. Others are ours. */
const inKnownErrors =
  (log: Logger) =>
  (error: unknown): unknown => {
    if (isMembraneError(error)) {
      return new ConnectError(
        `${error.code}: ${error.message}. ${error.remedy}`,
        CODES.get(error.code) ?? Code.FailedPrecondition,
      );
    }
    if (!(error instanceof ConnectError)) log.error({ error: errorMessage(error) }, 'flows could not be told');
    return error;
  };

function knownErrors(log: Logger): Interceptor {
  const told = inKnownErrors(log);
  const each = async function* <T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* messages;
    } catch (error) {
      throw told(error);
    }
  };
  return (next) => async (request) => {
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: each(response.message) } : response;
    } catch (error) {
      throw told(error);
    }
  };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
