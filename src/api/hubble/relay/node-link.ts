import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import type { UniversalClientFn } from '@connectrpc/connect/protocol';
import { createGrpcTransport, createNodeHttpClient, Http2SessionManager } from '@connectrpc/connect-node';
import { ServerCertificate } from '../certificate.ts';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '../gen/grpc/health/v1/health_pb.js';
import { Inventory } from '../gen/inventory/inventory_pb.js';
import { type GetFlowsRequest, Observer } from '../gen/observer/observer_pb.js';
import { type NodeCall, nodeFlows } from './node-flows.ts';

/** With which a relay shows who it is, and knows nodes by. PEM. */
export type LinkSecrets = { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer };

export type NodeLinkOptions = {
  /** `cluster/node` */
  readonly name: string;
  /** `10.0.0.1:4244` */
  readonly address: string;
  /** Name in the node's certificate; undefined: plain text. */
  readonly serverName: string | undefined;
  readonly secrets: LinkSecrets | undefined;
};

/** How long a node may take to answer what is not a stream. */
export const ANSWER_MS = 5_000;

/** The way to one node, over one connection. */
export class NodeLink implements Disposable {
  readonly name: string;
  readonly address: string;
  readonly serverName: string | undefined;
  readonly observer: Client<typeof Observer>;
  readonly inventory: Client<typeof Inventory>;
  readonly #health: Client<typeof Health>;
  readonly #sessions: Http2SessionManager;
  readonly #certificate = new ServerCertificate();
  readonly #http: UniversalClientFn;
  readonly #baseUrl: string;
  #isConnected = false;

  constructor({ name, address, serverName, secrets }: NodeLinkOptions) {
    this.name = name;
    this.address = address;
    this.serverName = serverName;
    const isSecure = serverName !== undefined;
    const baseUrl = `${isSecure ? 'https' : 'http'}://${address}`;
    const checkServerIdentity = this.#certificate.check;
    const nodeOptions = isSecure ? { ...secrets, servername: serverName, checkServerIdentity } : {};
    this.#baseUrl = baseUrl;
    this.#sessions = new Http2SessionManager(
      baseUrl,
      { pingIntervalMs: 10_000, pingTimeoutMs: ANSWER_MS },
      nodeOptions,
    );
    const transport = createGrpcTransport({ baseUrl, nodeOptions, sessionManager: this.#sessions });
    this.#http = createNodeHttpClient({ httpVersion: '2', sessionProvider: () => this.#sessions });
    this.observer = createClient(Observer, transport);
    this.inventory = createClient(Inventory, transport);
    this.#health = createClient(Health, transport);
  }

  /** As of the last look. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** GetFlowsResponses as the node sends them, as many at a time as come together. */
  flows(request: GetFlowsRequest, call: NodeCall): AsyncGenerator<readonly Uint8Array[]> {
    return nodeFlows(this.#http, { baseUrl: this.#baseUrl, request }, call);
  }

  /** Whether the node answers that it serves, and its certificate holds: what goes on with one that has expired is ended. */
  async look(signal: AbortSignal): Promise<boolean> {
    if (this.#certificate.hasExpired)
      this.#sessions.abort(new ConnectError('the certificate of the node has expired', Code.Unavailable));
    try {
      const { status } = await this.#health.check({ service: Observer.typeName }, { signal, timeoutMs: ANSWER_MS });
      this.#isConnected = status === Serving.SERVING && !this.#certificate.hasExpired;
    } catch {
      this.#isConnected = false;
    }
    return this.#isConnected;
  }

  [Symbol.dispose](): void {
    this.#isConnected = false;
    this.#sessions.abort();
  }
}
