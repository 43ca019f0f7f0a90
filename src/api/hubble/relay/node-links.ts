import net from 'node:net';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  Backoff,
  type Clock,
  errorMessage,
  type Lifecycle,
  type Logger,
  type Service,
  Signal,
} from '../../../base/index.ts';
import { ServerCertificate } from '../certificate.ts';
import { type ChangeNotification, ChangeNotificationType, Peer } from '../gen/peer/peer_pb.js';
import { type LinkSecrets, NodeLink } from './node-link.ts';

/** Between two looks at each node. */
const LOOK_EVERY_MS = 2_000;
const LIST_MS = 2_000;

export type NodeLinksOptions = {
  /** Who says which nodes there are: a socket's path, or `host:port`. */
  readonly peerService: string;
  readonly secrets: () => LinkSecrets | undefined;
  /** How the asked server is known, over TCP with TLS. */
  readonly serverName?: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
};

/** The nodes that there are, and a way to each. While nobody says which there are, the last that were said stay. */
export class NodeLinks implements Service {
  /** Nodes came or went, or answer, or do not any more. */
  readonly changed = new Signal();
  readonly #o: NodeLinksOptions;
  readonly #links = new Map<string, NodeLink>();
  #known: LinkSecrets | undefined;
  #stamp: string | undefined;
  /** Of whoever says which nodes there are, and what ends that. */
  #teller = { certificate: new ServerCertificate(), over: new AbortController() };

  constructor(options: NodeLinksOptions) {
    this.#o = options;
  }

  get all(): readonly NodeLink[] {
    return [...this.#links.values()];
  }

  async start(lifecycle: Pick<Lifecycle, 'spawn'>): Promise<void> {
    lifecycle.spawn('nodes of the cluster', async (signal) => await this.#follow(signal));
    lifecycle.spawn('health of nodes', async (signal) => {
      while (!signal.aborted) {
        await this.look(signal);
        await this.#o.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      }
    });
  }

  async stop(): Promise<void> {
    for (const link of this.#links.values()) link[Symbol.dispose]();
    this.#links.clear();
  }

  async look(signal: AbortSignal): Promise<void> {
    this.#renew();
    const { certificate, over } = this.#teller;
    if (certificate.hasExpired) over.abort(new Error('the certificate of who says so has expired'));
    await Promise.all(this.all.map(async (link) => await this.#lookAt(link, signal)));
  }

  async #lookAt(link: NodeLink, signal: AbortSignal): Promise<void> {
    const before = link.isConnected;
    if ((await link.look(signal)) !== before) this.changed.emit();
  }

  /** A connection shows what it was opened with: when that is replaced, so are the connections. */
  #renew(): void {
    const secrets = this.#secrets();
    const stamp = stampOf(secrets);
    if (stamp === this.#stamp) return;
    const isFirst = this.#stamp === undefined;
    this.#stamp = stamp;
    if (isFirst) return;
    for (const [name, link] of this.#links) {
      if (link.serverName === undefined) continue;
      const { address, serverName } = link;
      link[Symbol.dispose]();
      this.#links.set(name, new NodeLink({ name, address, serverName, secrets }));
    }
    this.changed.emit();
  }

  /** While files are being replaced, the last that could be read. */
  #secrets(): LinkSecrets | undefined {
    try {
      this.#known = this.#o.secrets();
    } catch (error) {
      this.#o.log.warn({ error: errorMessage(error) }, 'the certificate for nodes cannot be read; the last goes on');
    }
    return this.#known;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ max: 5_000 });
    while (!signal.aborted) {
      try {
        const told = new Set<string>();
        const certificate = new ServerCertificate();
        const peers = createClient(Peer, this.#transport(certificate));
        const stream = new AbortController();
        this.#teller = { certificate, over: stream };
        const ended = AbortSignal.any([signal, stream.signal]);
        try {
          for await (const change of peers.notify({}, { signal: ended })) {
            if (told.size === 0) this.#forgetOthers(told, ended);
            backoff.reset();
            told.add(change.name);
            this.#apply(change, signal);
          }
        } finally {
          stream.abort();
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#o.log.warn(
          { peerService: this.#o.peerService, error: errorMessage(error) },
          'nobody says which nodes there are',
        );
      }
      await this.#o.clock.sleep(backoff.next(), signal).catch(() => undefined);
    }
  }

  /** Nobody says where the list of those that there are ends, and it comes at once: who is not in it is gone. */
  #forgetOthers(told: ReadonlySet<string>, signal: AbortSignal): void {
    const forget = () => {
      for (const [name, link] of this.#links) {
        if (told.has(name)) continue;
        this.#links.delete(name);
        link[Symbol.dispose]();
        this.changed.emit();
      }
    };
    void this.#o.clock.sleep(LIST_MS, signal).then(forget, () => undefined);
  }

  #apply({ name, address, type, tls }: ChangeNotification, signal: AbortSignal): void {
    const known = this.#links.get(name);
    if (type === ChangeNotificationType.PEER_DELETED) this.#links.delete(name);
    const isSame = known?.address === address && known.serverName === tls?.serverName;
    if (type !== ChangeNotificationType.PEER_DELETED && isSame) return;
    known?.[Symbol.dispose]();
    if (type !== ChangeNotificationType.PEER_DELETED && address !== '') {
      const serverName = tls?.serverName;
      const link = new NodeLink({ name, address, serverName, secrets: this.#secrets() });
      this.#links.set(name, link);
      // Nobody waits for the next look at all of them.
      void this.#lookAt(link, signal);
    }
    this.changed.emit();
  }

  #transport(certificate: ServerCertificate) {
    const { peerService: path, serverName } = this.#o;
    if (path.startsWith('/'))
      return createGrpcTransport({
        baseUrl: 'http://localhost',
        nodeOptions: { createConnection: () => net.connect({ path }) },
      });
    if (serverName === undefined) return createGrpcTransport({ baseUrl: `http://${path}` });
    return createGrpcTransport({
      baseUrl: `https://${path}`,
      nodeOptions: { ...this.#secrets(), servername: serverName, checkServerIdentity: certificate.check },
    });
  }
}

const stampOf = (secrets: LinkSecrets | undefined): string =>
  secrets === undefined ? '' : [secrets.cert, secrets.key, secrets.ca].map((file) => file.toString('base64')).join(' ');
