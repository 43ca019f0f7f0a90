import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, errorMessage, type Logger, systemClock } from '../../base/index.ts';
import { AdmissionPolicies } from './admission/policies.ts';
import { AdminToken } from './auth/admin-token.ts';
import { Authorizer } from './auth/authorizer.ts';
import { makeInitialRoles } from './auth/bootstrap.ts';
import { Gate } from './auth/gate.ts';
import { mountToken } from './auth/pod-token-mount.ts';
import { ServiceAccountTokens } from './auth/service-account-tokens.ts';
import { ANONYMOUS } from './auth/user.ts';
import type { Certificate } from './certificate.ts';
import { apiServerErrors } from './errors.ts';
import { Exchange } from './http/exchange.ts';
import { Handler } from './http/handler.ts';
import { isPublic } from './http/meta-routes.ts';
import { asApiError } from './http/refusal.ts';
import type { PodLog } from './http/subresources.ts';
import { stringAt } from './json.ts';
import type { KubeObject } from './object.ts';
import type { ResourceDefinition } from './resource.ts';
import { resources } from './resources/index.ts';
import { ApiStore } from './store/api-store.ts';
import { CustomKinds } from './store/custom-kinds.ts';
import { NamespaceController } from './store/namespace-controller.ts';
import { type Advertised, OwnService } from './store/own-service.ts';
import type { PodStreams } from './streams/pod-streams.ts';
import { answerUpgrade, refuseUpgrade } from './streams/upgrade.ts';

export type ApiServerOptions = {
  /** A path or `:memory:`. */
  readonly database: string;
  /** The bearer token of whoever may do everything. */
  readonly token: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Kinds beyond the built-in ones. */
  readonly definitions?: readonly ResourceDefinition[];
  /** IPv4 prefix of cluster addresses. Default 10.96.0.0/12. */
  readonly serviceCidr?: string;
  /** Pods are given tokens, and this to know the server by (PEM). Default: they are not. */
  readonly podCa?: string;
  /** What Service `default/kubernetes` leads to. Default: there is none. */
  readonly advertised?: Advertised;
  /** Changes kept per resource for watchers that come back. Default 10,000. */
  readonly historyLimit?: number;
  /**
   * From a namespace's deletion to that of its content, in ms. Default 500: `kubectl delete -f` that names the namespace and
   * things in it must still find them.
   */
  readonly namespaceDeletionDelayMs?: number;
  /** Answers `kubectl logs`. */
  readonly podLog?: PodLog;
  /** Answer `kubectl exec`, `attach` and `port-forward`. */
  readonly streams?: PodStreams;
};

export type ListenOptions =
  | { readonly host: string; readonly port: number; readonly tls?: Certificate }
  /** A listening socket that was made elsewhere, e.g. in another network namespace. */
  | { readonly fd: number; readonly tls?: Certificate };

export type ApiServer = {
  /** For the sandbox's own parts, without HTTP. */
  readonly store: ApiStore;
  /** Of service accounts. */
  readonly tokens: ServiceAccountTokens;
  /** Opens a further listener; with `tls` it speaks HTTPS. Gives its address. */
  listen(options: ListenOptions): Promise<AddressInfo>;
  /** Serves the connections of a listener that somebody else made and closes. */
  adopt(listener: NetServer, tls?: Certificate): void;
  /** Closes the listeners and every connection at once, as when the process dies; `listen` may follow. */
  disconnect(): Promise<void>;
  /** Ends all watches, closes the listeners, writes the database out. */
  close(): Promise<void>;
};

const INITIAL_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const EVENT_LIFETIME_MS = 3_600_000;
const EVENT_SWEEP_MS = 60_000;
const MAX_HEADER_BYTES = 64 * 1024;

/** Opens the database and makes the initial namespaces; listens to nothing yet. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const clock = options.clock ?? systemClock;
  const { serviceCidr = '10.96.0.0/12' } = options;
  const store = new ApiStore({
    database: options.database,
    definitions: [...resources, ...(options.definitions ?? [])],
    clock,
    serviceCidr,
    historyLimit: options.historyLimit,
    complete: options.podCa === undefined ? undefined : giveToken,
  });
  const namespaces = new NamespaceController(store, {
    log: options.log,
    deletionDelayMs: options.namespaceDeletionDelayMs ?? 500,
    ca: options.podCa,
  });
  const closing = new AbortController();
  const admin = new AdminToken(options.token);
  const tokens = new ServiceAccountTokens(store, clock);
  const authorizer = new Authorizer(store);
  const gate = new Gate({ admin, tokens, authorizer });
  const handler = new Handler({
    store,
    namespaces,
    clock,
    log: options.log,
    podLog: options.podLog,
    access: { authorizer, tokens, admin },
    policies: new AdmissionPolicies(store, authorizer),
    signal: closing.signal,
  });
  const servers: HttpServer[] = [];
  /** Connections that HTTP has let go of; nobody else would close them. */
  const upgraded = new Set<Duplex>();

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const exchange = new Exchange(request, response);
    const answer = async (): Promise<void> => {
      try {
        const user = isPublic(exchange.path) ? ANONYMOUS : gate.admit(request);
        await handler.handle(exchange, user);
      } catch (error) {
        handler.fail(exchange, error);
      }
    };
    answer().catch((error: unknown) => {
      options.log.error({ error: errorMessage(error) }, 'request could not be answered');
      response.destroy();
    });
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    try {
      gate.admit(request);
    } catch (error) {
      refuseUpgrade(socket, asApiError(error, options.log));
      return;
    }
    void answerUpgrade({ request, socket, head }, { store, streams: options.streams, log: options.log });
  };

  const makeServer = (tls: Certificate | undefined): HttpServer => {
    const limits = { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 60_000, requestTimeout: 60_000 };
    const server =
      tls === undefined
        ? createHttpServer(limits, onRequest)
        : createHttpsServer({ ...limits, cert: tls.cert, key: tls.key }, onRequest);
    server.on('clientError', (_error, socket: Socket) => socket.destroy());
    server.on('upgrade', onUpgrade);
    servers.push(server);
    return server;
  };

  for (const name of INITIAL_NAMESPACES) {
    if (store.get('namespaces', { name }) === undefined) store.create('namespaces', { metadata: { name } });
  }
  makeInitialRoles(store);
  // As a server of Kubernetes 1.33 makes it.
  if (store.get('servicecidrs', { name: 'kubernetes' }) === undefined) {
    store.create('servicecidrs', { metadata: { name: 'kubernetes' }, spec: { cidrs: [serviceCidr] } });
  }
  const customKinds = new CustomKinds(store, { log: options.log, now: () => clock.now() });
  customKinds.start();
  namespaces.start();
  const { advertised, log } = options;
  const ownService = advertised === undefined ? undefined : new OwnService(store, { advertised, serviceCidr, log });
  ownService?.start();
  const sweeper = setInterval(() => forgetOldEvents(store, clock.now()), EVENT_SWEEP_MS);
  sweeper.unref();

  return {
    store,
    tokens,
    async listen(where) {
      const server = makeServer(where.tls);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once('error', reject);
      server.listen('fd' in where ? { fd: where.fd } : { host: where.host, port: where.port }, resolve);
      try {
        await promise;
      } catch (cause) {
        const place = 'fd' in where ? `descriptor ${where.fd}` : `${where.host}:${where.port}`;
        throw apiServerErrors.make('E_API_LISTEN', { detail: place, cause });
      }
      return server.address() as AddressInfo;
    },
    adopt(listener, tls) {
      const server = makeServer(tls);
      listener.on('connection', (socket: Socket) => server.emit('connection', socket));
    },
    async disconnect() {
      for (const socket of upgraded) socket.destroy();
      await Promise.all(servers.splice(0).map(closeServer));
    },
    async close() {
      closing.abort();
      clearInterval(sweeper);
      namespaces.stop();
      customKinds.stop();
      ownService?.stop();
      for (const socket of upgraded) socket.destroy();
      await Promise.all(servers.splice(0).map(closeServer));
      store.close();
    },
  };
}

function giveToken(store: ApiStore, { resource }: ResourceDefinition, object: KubeObject): void {
  if (resource !== 'pods') return;
  const name = stringAt(object, 'spec', 'serviceAccountName') || 'default';
  mountToken(object, store.get('serviceaccounts', { namespace: object.metadata.namespace, name }));
}

async function closeServer(server: HttpServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  // Watches were told to end; what is still open is idle or stuck. Again and again: a client that was accepted is not among
  // the connections before its TLS handshake is over.
  const again = setInterval(() => server.closeAllConnections(), 10);
  await promise.finally(() => clearInterval(again));
}

function forgetOldEvents(store: ApiStore, now: number): void {
  for (const { object } of store.storage.list('events')) {
    const last = object['lastTimestamp'] ?? object.metadata.creationTimestamp;
    if (typeof last !== 'string' || now - Date.parse(last) < EVENT_LIFETIME_MS) continue;
    store.storage.remove('events', object.metadata.namespace ?? '', object.metadata.name);
  }
}
