import { createServer, type Server } from 'node:http';
import {
  boundSilent,
  errorMessage,
  type Logger,
  type NamespacedName,
  nameParts,
  type Service,
} from '../../base/index.ts';
import type { Frontend, ServiceSpec } from '../../model/index.ts';
import type { WrittenService } from '../../plane/index.ts';
import type { ReadonlyTable, TableReader } from '../../table/index.ts';

/** The world reaches this port: one that opens connections and says nothing must not silence it for a load balancer. */
const MAX_SILENT = 32;
const TIMEOUT_MS = 5_000;

export type ServiceHealthOptions = {
  readonly services: ReadonlyTable<ServiceSpec, NamespacedName>;
  /** What of them is in the kernel. */
  readonly written: ReadonlyTable<WrittenService, NamespacedName>;
  readonly log: Logger;
};

type Health = { readonly port: number; readonly server: Server; localEndpoints: number };

/**
 * Tells load balancers whether this node has anybody for a service whose external policy is Local (its
 * healthCheckNodePort): 200 when it has, 503 when not, in the form that kube-proxy's answer has.
 */
export class ServiceHealth implements Service {
  readonly #o: ServiceHealthOptions;
  readonly #reader: TableReader<NamespacedName>;
  readonly #byService = new Map<NamespacedName, Health>();
  readonly #problems = new Map<NamespacedName, string>();
  #stopped = false;

  constructor(options: ServiceHealthOptions) {
    this.#o = options;
    this.#reader = options.written.reader();
  }

  async start(): Promise<void> {
    this.#o.written.changed.listen(() => this.#follow());
    this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { server } of this.#byService.values()) close(server);
    this.#byService.clear();
  }

  /** Why a service's port does not answer; undefined: it does, or has none. */
  problemOf(service: NamespacedName): string | undefined {
    return this.#problems.get(service);
  }

  #follow(): void {
    for (const service of this.#reader.drain()) {
      this.#update(service, this.#o.services.get(service), this.#o.written.get(service)?.frontends ?? []);
    }
  }

  /** `row`: undefined when the service is gone. */
  #update(service: NamespacedName, row: ServiceSpec | undefined, frontends: readonly Frontend[]): void {
    const port = row === undefined ? 0 : portOf(row);
    const known = this.#byService.get(service);
    if (known !== undefined && known.port !== port) {
      this.#byService.delete(service);
      close(known.server);
    }
    if (port === 0 || this.#stopped) {
      this.#problems.delete(service);
      return;
    }
    const localEndpoints = localAddresses(frontends);
    const health = this.#byService.get(service);
    if (health === undefined) this.#listen(service, port, localEndpoints);
    else health.localEndpoints = localEndpoints;
  }

  #listen(service: NamespacedName, port: number, localEndpoints: number): void {
    const server = createServer({ requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS }, (_, response) => {
      const body = JSON.stringify({
        service: nameParts(service),
        localEndpoints: health.localEndpoints,
        serviceProxyHealthy: true,
      });
      response.writeHead(health.localEndpoints > 0 ? 200 : 503, {
        'content-type': 'application/json',
        connection: 'close',
      });
      response.end(body);
    });
    const health: Health = { port, server, localEndpoints };
    boundSilent(server, MAX_SILENT);
    server.on('listening', () => this.#problems.delete(service));
    server.on('error', (error) => {
      // Another service's, or a process of the node has it: tried again when the service changes.
      this.#problems.set(service, errorMessage(error));
      this.#o.log.warn({ service, port, error: errorMessage(error) }, 'health check port cannot be served');
      if (this.#byService.get(service)?.server === server) this.#byService.delete(service);
    });
    this.#byService.set(service, health);
    server.listen(port);
    server.unref();
  }
}

function portOf({ type, externalTrafficPolicy, healthCheckNodePort }: ServiceSpec): number {
  const wanted = type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
  return wanted && healthCheckNodePort >= 1 && healthCheckNodePort <= 65_535 ? healthCheckNodePort : 0;
}

/** Only those that are ready count: a node whose last ones drain should get nothing new. */
function localAddresses(frontends: readonly Frontend[]): number {
  const local = new Set<string>();
  for (const { externalLocal, externalBackends } of frontends) {
    if (!externalLocal) continue;
    for (const { addr, state, local: isLocal } of externalBackends) if (isLocal && state === 'ready') local.add(addr);
  }
  return local.size;
}

function close(server: Server): void {
  server.close();
  server.closeAllConnections();
}
