import http from 'node:http';
import { boundSilent, errorMessage } from '../base/index.ts';
import type { Registry } from '../base/metrics.ts';
import { apiErrors } from './errors.ts';
import { isLoopback } from './loopback.ts';

export type MetricsServerOptions = {
  /** An IP address. Default 127.0.0.1. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** Without it, a host that is not loopback is refused (E_API_METRICS_HOST): metrics name tenants. Default false. */
  readonly allowNonLoopback?: boolean;
};

/** A `Service`. */
export type MetricsServer = {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Undefined before the start. */
  address(): { host: string; port: number } | undefined;
};

/** Prometheus metrics at `/metrics` over plain HTTP. */
export function metricsServer(
  registry: Pick<Registry, 'metrics' | 'contentType'>,
  options: MetricsServerOptions,
): MetricsServer {
  const { host = '127.0.0.1', port, allowNonLoopback = false } = options;
  const server = http.createServer((request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: unknown) => response.writeHead(500).end(errorMessage(error)),
    );
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  boundSilent(server, 32);
  return {
    async start() {
      if (!allowNonLoopback && !isLoopback(host)) throw apiErrors.make('E_API_METRICS_HOST', { detail: host });
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once('error', reject);
      server.listen({ host, port }, resolve);
      try {
        await promise;
      } catch (cause) {
        throw apiErrors.make('E_API_METRICS_PORT', { detail: `${host}:${port}: ${errorMessage(cause)}`, cause });
      }
    },
    async stop() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await promise;
    },
    address() {
      const bound = server.address();
      return bound === null || typeof bound === 'string' ? undefined : { host: bound.address, port: bound.port };
    },
  };
}
