import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VerifyView, WhyView } from '../api/index.ts';
import { HubbleServer, type HubbleSource, type NodeProver, openClusterFlows, openNodeTeller } from '../api/server.ts';
import { Lifecycle, type Logger, silentLogger, systemClock } from '../base/index.ts';
import { FakeClock, TestCertificates } from '../base/testkit.ts';
import { type FlowDenial, HIDDEN_PEER } from '../model/index.ts';
import { type AccessQuestion, AgentNotices, type DatapathEvent, Rights, type Subject } from '../observe/index.ts';
import { TestHub } from '../observe/testkit.ts';
import { clusterDoor } from './cluster-door.ts';
import type { PageFile } from './page-files.ts';
import { PageServer } from './page-server.ts';
import { PageProcess } from './test-page-process.ts';

/** Endpoint and identity 300 + i is a pod of the i-th namespace. */
export const NAMESPACES = ['none', 'shop', 'bank', 'club'] as const;
const ADDRESSES = ['', '10.244.1.1', '10.244.1.2', '10.244.1.3'] as const;

const names = {
  labels: (identity: number) =>
    identity < 4
      ? ['reserved:world']
      : [`k8s:app=of-${NAMESPACES[identity - 300]}`, `k8s:io.kubernetes.pod.namespace=${NAMESPACES[identity - 300]}`],
  endpoint: (id: number) => ({ namespace: NAMESPACES[id] ?? '', pod: `pod-of-${NAMESPACES[id]}` }),
  denial: ({ destinationEndpoint }: DatapathEvent): FlowDenial => ({
    direction: 'ingress',
    by: 'policies',
    policies: [`NetworkPolicy ${NAMESPACES[destinationEndpoint]}/closed`],
    reason: `no rule of ${NAMESPACES[destinationEndpoint]} lets it in`,
    judged: 'then',
  }),
  rule: (id: number) => (id === 0 ? undefined : `NetworkPolicy ${NAMESPACES[id]}/of-${NAMESPACES[id]}, ingress rule 0`),
};

export const between = (source: number, destination: number) => ({
  source: ADDRESSES[source] ?? '',
  sourceEndpoint: source,
  sourceIdentity: 300 + source,
  destination: ADDRESSES[destination] ?? '',
  destinationEndpoint: destination,
  destinationIdentity: 300 + destination,
  rule: [destination, source] as [number, number],
});

type NodeInventory = Awaited<ReturnType<NonNullable<HubbleSource['inventory']>>>;

/** A pod as its node has it, which no policy selects. */
export function podOf(namespace: string, pod: string, address: string): NodeInventory['endpoints'][number] {
  return {
    id: 1,
    state: 'waiting',
    detail: `not told: ${namespace}`,
    namespace,
    pod,
    podUid: 'uid',
    addresses: [address],
    mac: '02:00:00:00:00:01',
    interface: 'mbr1',
    ifindex: 7,
    identity: 300,
    labels: [],
    namedPorts: [],
    enforced: { ingress: false, egress: false },
    inForce: { ingress: 'wanted', egress: 'wanted' },
    policyRevision: 1,
  };
}

export function serviceOf(
  namespace: string,
  name: string,
  { backends, problem }: { readonly backends: readonly string[]; readonly problem: string },
): NodeInventory['services'][number] {
  return {
    namespace,
    name,
    type: 'ClusterIP',
    state: 'applied',
    steering: [],
    frontends: [{ kind: 'ClusterIP', address: '10.96.0.7', port: 80, protocol: 'TCP', served: true, backends: 1 }],
    backends: backends.map((address) => ({ address, port: 80, protocol: 'TCP', state: 'ready', local: true })),
    backendCount: backends.length,
    problems: [{ reason: 'Conflict', message: problem }],
  };
}

/** A slice that somebody of shop wrote by hand has a pod of club among its backends. */
const INVENTORY: NodeInventory = {
  endpoints: [1, 2, 3].map((i) => podOf(NAMESPACES[i] ?? '', `pod-of-${NAMESPACES[i]}`, ADDRESSES[i] ?? '')),
  services: [
    serviceOf('shop', 'front', { backends: [ADDRESSES[1], ADDRESSES[3]], problem: 'club/doors has this address' }),
    serviceOf('bank', 'vault', { backends: [ADDRESSES[2]], problem: 'it is told' }),
  ],
  // Why one is closed names another: that is for who may see both.
  tenants: [
    { name: '', namespaces: ['none'] },
    { name: 'money', namespaces: ['bank', 'club'] },
    { name: 'trade', namespaces: ['shop'], closed: 'bank claims shop, too' },
  ],
  policies: 5,
};

const passage = (from: string, to: string) => ({
  from: `${from}/pod-of-${from}`,
  to: `${to}/pod-of-${to}`,
  packets: 'TCP 80',
});

/** shop and bank share; club reaches into shop, and into bank, which it should not. */
function proofOf(): VerifyView {
  const shares: VerifyView['pairs'][number] = {
    from: 'shop',
    to: 'bank',
    standing: 'shared',
    shares: 3,
    example: { ...passage('shop', 'bank'), why: ['it is shared'] },
  };
  const broken = (from: string, to: string) => ({ from, to, standing: 'broken' as const, shares: 0 });
  const opens = (from: string, to: string) => ({
    layer: 'policy' as const,
    effect: 'opens' as const,
    ...passage(from, to),
    pairs: 1,
    rows: [`a row of ${from}`],
    meant: ['nothing'],
    fromTenant: from,
    toTenant: to,
    packet: {
      from: `10.1.${from}`,
      to: `10.1.${to}`,
      protocol: 'TCP',
      port: 80,
      claimed: 'passes' as const,
      sent: 'passed' as const,
    },
  });
  return {
    node: 'node-1',
    at: new Date(1_000_000).toISOString(),
    revision: 7,
    tookMs: 12.5,
    good: false,
    tenants: [],
    counts: { tenants: 3, identities: 3, endpoints: 3, policies: 5 },
    pairs: [
      shares,
      broken('club', 'shop'),
      broken('club', 'bank'),
      { from: 'bank', to: 'system', standing: 'shared', shares: 1 },
    ],
    differences: [opens('club', 'shop'), opens('club', 'bank')],
    more: 0,
  };
}

function whyOf(from: string, to: string, opens: readonly string[]): WhyView {
  const end = { name: from, identity: 1, labels: [] };
  const step = {
    direction: 'ingress',
    verdict: 'denied',
    enforced: true,
    reason: `no rule of ${to} admits it`,
  } as const;
  return {
    trace: { verdict: 'denied', from: end, to: end, protocol: 'TCP', port: 80, steps: [step] },
    change: {
      policies: [{ kind: 'NetworkPolicy', metadata: { name: 'let-in', namespace: 'shop' } }],
      after: [{ ...step, verdict: 'allowed', reason: 'let-in admits it' }],
      opens: opens.map((name) => ({ from: `${name}/any`, to, packets: ['TCP 80'] })),
      closes: [],
      more: 0,
    },
  };
}

export type ClusterOptions = {
  readonly files?: ReadonlyMap<string, PageFile>;
  /** By which the page is reached, beside those of loopback. */
  readonly names?: readonly string[];
  /** Its certificates, made by openssl: `server`, `alice` of the authority of users, `mallory` of another. */
  readonly isSecure?: boolean;
  /** The page is a process of its own, secure, which asks the node by certificates. */
  readonly isApart?: boolean;
};

const NODE_NAME = 'node-1.test';

/** The page of a cluster of one node: its flows, its way to them and its judgement of rights are the real ones, the API server is a set. */
export class ClusterStage {
  readonly #certificates = new TestCertificates();
  readonly folder = this.#certificates.folder;
  readonly clock = new FakeClock(1_000_000);
  /** ms since the epoch: flows come one each ms from here on. */
  readonly began = Date.now();
  readonly hub = new TestHub({
    names,
    clock: {
      now: () => Date.now(),
      toWall: (ns) => this.began + ns / 1e6,
      toBoot: (ms) => (ms - this.began) * 1e6,
    },
  });
  /** `shopkeeper list flows shop` */
  readonly rights = new Set<string>();
  readonly tokens = new Map<string, string>();
  answers = true;
  /** What the node has proved, of which its tenants are one for each namespace. */
  proved: VerifyView = proofOf();
  isOfNow = true;
  /** What is thought about: whoever asks for it waits until then. */
  thought: Promise<void> | undefined;
  readonly thoughtAbout: string[] = [];
  readonly prover: NodeProver = {
    last: () => ({ view: this.proved, isOfNow: this.isOfNow }),
    tenants: () => new Map(NAMESPACES.map((name) => [name, name === 'none' ? [] : [name]])),
    reach: async (from, to) => {
      this.thoughtAbout.push(`${from} ${to}`);
      await this.thought;
      return {
        ...this.proved,
        asked: { from, to, pairs: 4, more: 0, reached: [{ ...passage(from, to), why: ['it is shared'] }] },
      };
    },
    why: async ({ from, to }, sees) => {
      this.thoughtAbout.push(`${from} ${to}`);
      await this.thought;
      const others = NAMESPACES.filter((name) => sees?.(name) ?? true);
      return whyOf(from, to, others);
    },
  };
  /** Tokens that were asked about. */
  readonly asked: string[] = [];
  /** Errors that the page's log has. */
  readonly logged: unknown[] = [];
  /** An answer of the API server waits for it. */
  held: Promise<void> | undefined;
  readonly #lifecycle = new Lifecycle({ log: silentLogger });
  readonly #o: ClusterOptions;
  #page: PageServer | undefined;
  #apart: PageProcess | undefined;
  #url = '';

  constructor(options: ClusterOptions = {}) {
    this.#o = options;
  }

  get url(): string {
    return this.#page?.url ?? this.#url;
  }

  async start(): Promise<this> {
    const { isApart = false } = this.#o;
    if (this.#o.isSecure === true || isApart) this.#certify();
    const socketPath = join(this.folder, 'hubble.sock');
    const source = {
      hub: this.hub,
      rights: new Rights({
        ask: async (subject, question) => this.#may(subject, question),
        tenantOf: (namespace) => (namespace === 'none' ? undefined : `tenant-${namespace}`),
        peers: () => HIDDEN_PEER,
        namespaces: () => NAMESPACES,
        clock: this.clock,
      }),
      inventory: async () => INVENTORY,
      prover: this.prover,
      notices: new AgentNotices(),
      cluster: 'test',
      node: 'node-1',
      version: '1',
      peers: () => [{ name: 'node-1', address: `127.0.0.1:${open.port}` }],
      onPeers: () => undefined,
      serverName: isApart ? NODE_NAME : undefined,
    };
    const teller = async () => await openNodeTeller(source);
    const [certFile, keyFile, relayCaFile] = ['node.crt', 'node.key', 'ca.crt'].map((name) => this.#file(name));
    const tls = { certFile: certFile ?? '', keyFile: keyFile ?? '', relayCaFile: relayCaFile ?? '' };
    const how = isApart ? { tls } : { isOpen: true };
    const node = new HubbleServer({ teller, socketPath, log: silentLogger });
    // As a relay reaches it: whoever comes is believed, or who shows a certificate of relays.
    const tcp = { host: '127.0.0.1', port: 0, ...how };
    const open = new HubbleServer({ teller, socketPath: undefined, tcp, log: silentLogger });
    if (isApart) {
      await this.#lifecycle.start(open, node);
      const identify = (token: string) => this.#identify(token);
      this.#apart = new PageProcess({ file: (name) => this.#file(name), peerService: socketPath, identify });
      this.#url = await this.#apart.start();
      return this;
    }
    const { links, flows } = await openClusterFlows({
      peerService: socketPath,
      secrets: () => undefined,
      identify: async (token) => {
        this.asked.push(token);
        await this.held;
        return this.#identify(token);
      },
      clock: systemClock,
      log: silentLogger,
      version: '1',
    });
    const { files, names: reached = [], isSecure = false } = this.#o;
    this.#page = new PageServer({
      door: clusterDoor(flows, this.clock),
      host: '127.0.0.1',
      port: 0,
      names: reached,
      tls: isSecure
        ? {
            certFile: this.#file('server.crt'),
            keyFile: this.#file('server.key'),
            clientCaFile: this.#file('users.crt'),
          }
        : undefined,
      version: '1',
      log: { ...silentLogger, error: (fields: unknown) => void this.logged.push(fields) } satisfies Logger,
      clock: this.clock,
      ...(files === undefined ? {} : { files }),
    });
    await this.#lifecycle.start(open, node, links, this.#page);
    while (!links.all.some(({ isConnected }) => isConnected)) await systemClock.sleep(10);
    return this;
  }

  async stop(): Promise<void> {
    await this.#apart?.stop();
    await this.#lifecycle.stop();
    this.#certificates[Symbol.dispose]();
  }

  grant(...texts: readonly string[]): void {
    for (const text of texts) this.rights.add(text);
  }

  secret(name: string): Buffer {
    return readFileSync(this.#file(name));
  }

  #file(name: string): string {
    return this.#certificates.file(name);
  }

  #identify(token: string): Subject | undefined {
    if (!this.answers) throw new Error('the API server is away');
    const name = this.tokens.get(token);
    return name === undefined ? undefined : { name, groups: ['tenants'] };
  }

  #may({ name }: Subject, { verb, resource, subresource, namespace, name: object }: AccessQuestion): boolean {
    if (!this.answers) throw new Error('the API server is away');
    return this.rights.has(`${name} ${verb} ${resource}${subresource && `/${subresource}`} ${namespace}${object}`);
  }

  /** A certificate of the page that is as good as the one before. */
  renew(): void {
    this.#sign('server', 'ca');
  }

  /** What somebody wrote over a file of the page. */
  write(name: string, text: string | Buffer): void {
    writeFileSync(this.#file(name), text);
  }

  #certify(): void {
    this.#certificates.authority('ca', 'users', 'others');
    this.#sign('server', 'ca');
    this.#sign('alice', 'users');
    this.#sign('mallory', 'others');
    if (this.#o.isApart !== true) return;
    this.#certificates.sign('node', { by: 'ca', alternatives: `DNS:${NODE_NAME}`, usage: 'serverAuth' });
    this.#certificates.sign('relay', { by: 'ca', alternatives: 'DNS:relay.test', usage: 'clientAuth' });
  }

  #sign(name: string, by: string): void {
    const alternatives = 'DNS:localhost,IP:127.0.0.1';
    this.#certificates.sign(name, { by, alternatives, subject: `/O=tenants/CN=${name}` });
  }
}
