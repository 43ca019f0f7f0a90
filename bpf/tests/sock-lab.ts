import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  attachSockets,
  type Config,
  detachSockets,
  endpointsMap,
  endStaleSockets,
  ensureBpffs,
  loadPrograms,
  MapSet,
  netnsCookie,
  netnsEndpointsMap,
  readObjectSpec,
  removePins,
  type ServiceKey,
  type ServiceMaps,
  SOCK_HOOKS,
  SocketAccounts,
  SocketRows,
  type StaleSocketsResult,
  serviceMaps,
  ZERO_CONFIG,
} from '../../src/datapath/index.ts';
import { ALL, OTHERS, sockAccountsMap } from '../../src/datapath/maps/socket-accounts.ts';
import { backendRow, endpointRow, serviceRow } from '../../src/datapath/maps/testkit.ts';
import { endpointId } from '../../src/model/index.ts';
import { type Addr, PROTOCOL_NUMBERS, parseAddr } from '../../src/net/index.ts';
import type { DatagramCall } from './raw-datagram.ts';
import type { PeerAnswer, PeerCommand } from './sock-peer.ts';

const PEER = fileURLToPath(new URL('./sock-peer.ts', import.meta.url));
const SPEC = fileURLToPath(new URL('../../build/sock.bpf.o', import.meta.url));
const ROWS_SPEC = fileURLToPath(new URL('../../build/sockets.bpf.o', import.meta.url));
const SIZES = {
  services: 1024,
  service_slots: 4096,
  backends: 1024,
  affinity: 256,
  sock_origins: 1024,
  sock_accounts: 64,
  translations: 256,
  conntrack: 256,
  snat: 256,
  policy: 256,
  ipcache: 256,
  endpoints: 256,
  events: 65_536,
  drops: 256,
  fragments: 256,
};

/** Of sock_origins: 4 pods, the node and others always get theirs. */
export const SHARES = { sockQuota: 600, sockGuaranteed: 64, sockNode: 64, sockCommon: 512 };

export const VIP = parseAddr('10.96.0.1');
export const NODE_PORT = 30_080;
export const NODE_ADDR = parseAddr('172.18.9.2');
/** Of both namespaces, each on its own loopback device. */
export const BACKENDS = ['10.244.9.2', '10.244.9.3'].map(parseAddr);
export const BACKEND_PORT = 8080;

type Service = {
  /** Default: VIP. `::` is a node port. */
  readonly addr?: Addr;
  readonly port: number;
  readonly kind?: 'tcp' | 'udp';
  readonly backends: readonly Addr[];
  readonly affinitySeconds?: number;
};

/** A process of a place. */
export class Peer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((answer: PeerAnswer) => void)[] = [];

  constructor(netns: string, cgroup: string) {
    const join = 'echo $$ > "$1"/cgroup.procs && exec nsenter --net="$2" "$3" "$4"';
    this.#child = spawn('sh', ['-c', join, 'join', cgroup, `/run/netns/${netns}`, process.execPath, PEER]);
    this.#child.stderr.pipe(process.stderr);
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#waiting.shift()?.(JSON.parse(line) as PeerAnswer);
    });
  }

  async ask(command: PeerCommand): Promise<PeerAnswer> {
    const { promise, resolve } = Promise.withResolvers<PeerAnswer>();
    this.#waiting.push(resolve);
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    return await promise;
  }

  async tcp(host: string, port: number): Promise<PeerAnswer> {
    return await this.ask({ op: 'tcp', host, port });
  }

  async udp(host: string, port: number, options: { socket?: string; family?: 4 | 6; connected?: boolean } = {}) {
    return await this.ask({ op: 'udp', host, port, ...options });
  }

  async serve(kind: 'tcp' | 'udp', host: string, port: number): Promise<PeerAnswer> {
    return await this.ask({ op: 'serve', kind, host, port });
  }

  async flood(host: string, port: number, count: number): Promise<PeerAnswer> {
    return await this.ask({ op: 'flood', host, port, count });
  }

  /** What each call on one UDP socket said. */
  async calls(...calls: readonly DatagramCall[]): Promise<readonly string[]> {
    return (await this.ask({ op: 'calls', calls })).said ?? [];
  }

  /** The same of a socket that is kept under this name. */
  async callsOn(socket: string, ...calls: readonly DatagramCall[]): Promise<readonly string[]> {
    return (await this.ask({ op: 'calls', calls, socket })).said ?? [];
  }

  async closeAll(): Promise<void> {
    await this.ask({ op: 'close' });
  }

  async end(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#child.once('exit', () => resolve());
    this.#child.stdin.end();
    await promise;
  }
}

/**
 * A node's and a pod's network namespace, each with the same two backends (TCP and UDP) on its own loopback device, and
 * the socket programs at a cgroup of the test's own.
 */
export class SockLab {
  readonly name: string;
  readonly cgroup: string;
  readonly pinDir: string;
  readonly maps: MapSet;
  readonly services: ServiceMaps;
  readonly accounts: SocketAccounts;
  readonly rows: SocketRows;
  readonly node: Peer;
  readonly pod: Peer;
  readonly #bpffs: string;
  readonly #more = new Map<string, Peer>();
  /** Places with an account. */
  readonly #pods = ['node'];
  readonly #nextBackend = { id: 1, revision: 1, service: 1 };
  readonly #ids = new Map<string, number>();

  private constructor(name: string) {
    this.name = name;
    this.cgroup = join(cgroupRoot(), name);
    this.#bpffs = `/run/${name}`;
    this.pinDir = join(this.#bpffs, 'node');
    mkdirSync(this.cgroup);
    ensureBpffs(this.#bpffs);
    for (const place of ['node', 'pod']) this.#addNetns(place);
    this.maps = new MapSet({ pinDir: this.pinDir, sizes: SIZES });
    this.services = serviceMaps(this.maps);
    this.own(NODE_ADDR);
    this.accounts = new SocketAccounts(sockAccountsMap(this.maps));
    this.rows = SocketRows.load(readObjectSpec(ROWS_SPEC), this.maps, this.#config());
    this.node = new Peer(this.netns('node'), this.cgroup);
    this.pod = new Peer(this.netns('pod'), this.cgroup);
  }

  static async create(name: string): Promise<SockLab> {
    const lab = new SockLab(`mbr-test-${name}-${process.pid}`);
    lab.accounts.prepare(lab.cookie('node'));
    lab.account('pod', 1);
    await lab.attach();
    for (const peer of [lab.node, lab.pod]) {
      for (const addr of BACKENDS) {
        await peer.serve('tcp', addr, BACKEND_PORT);
        await peer.serve('udp', addr, BACKEND_PORT);
      }
    }
    return lab;
  }

  /** Another network namespace like those two, and a process there that serves nothing. Without `endpoint` it is no pod's. */
  join(place: string, endpoint?: number): Peer {
    this.#addNetns(place);
    if (endpoint !== undefined) this.account(place, endpoint);
    const peer = new Peer(this.netns(place), this.cgroup);
    this.#more.set(place, peer);
    return peer;
  }

  /** Makes it a pod's. */
  account(place: string, endpoint: number): void {
    const id = endpointId(endpoint);
    this.accounts.open(this.cookie(place), id);
    netnsEndpointsMap(this.maps).set(this.cookie(place), { endpoint: id, addr: parseAddr(`10.244.9.${100 + id}`) });
    this.#pods.push(place);
  }

  #addNetns(place: string): void {
    const netns = this.netns(place);
    execFileSync('ip', ['netns', 'add', netns]);
    const addresses = [...BACKENDS, NODE_ADDR].map((addr) => `addr add ${addr}/32 dev lo`);
    execFileSync('ip', ['-n', netns, '-batch', '-'], { input: ['link set lo up', ...addresses, ''].join('\n') });
  }

  netns(place: string): string {
    return `${this.name}-${place}`;
  }

  /** Makes it an address of the node. */
  own(addr: Addr): void {
    endpointsMap(this.maps).set(addr, endpointRow());
  }

  #path(place: string): string {
    return `/run/netns/${this.netns(place)}`;
  }

  cookie(place: string): bigint {
    return netnsCookie(this.#path(place));
  }

  #config(): Config {
    return {
      ...ZERO_CONFIG,
      enableServices: true,
      nodeIpv4: NODE_ADDR,
      nodePortMin: 30_000,
      nodePortMax: 32_767,
      nodeCookie: Number(this.cookie('node')),
      ...SHARES,
    };
  }

  /** Ends the sockets to backends that are gone. Of namespaces that are no pod's nobody knows. */
  async endStale(): Promise<StaleSocketsResult> {
    const namespaces = this.#pods.map((place) => this.#path(place));
    return await endStaleSockets({ maps: this.maps, rows: this.rows, namespaces, lives: () => true });
  }

  /** Rows that accounts have, by place, as the programs count them. */
  async used(): Promise<Record<string, number>> {
    const cookies = this.#pods.map((place) => [this.cookie(place), place] as const);
    const names = new Map<bigint, string>([[OTHERS, 'others'], [ALL, 'all'], ...cookies]);
    const rows = await sockAccountsMap(this.maps).entries();
    return Object.fromEntries(rows.map(([cookie, { used }]) => [names.get(cookie) ?? `${cookie}`, used]));
  }

  async attach(config: Partial<Config> = {}): Promise<void> {
    const spec = readObjectSpec(SPEC);
    const constants = { ...this.#config(), ...config };
    const load = () => loadPrograms({ spec, maps: this.maps, config: constants, programs: SOCK_HOOKS });
    await attachSockets({ cgroup: this.cgroup, pinDir: this.pinDir }, load);
  }

  /** Numbers are kept by address, port and protocol, as an agent keeps them. */
  backendId(addr: Addr, kind: 'tcp' | 'udp' = 'tcp'): number {
    const name = `${addr} ${kind}`;
    const id = this.#ids.get(name) ?? this.#nextBackend.id++;
    this.#ids.set(name, id);
    return id;
  }

  /** Writes or replaces a service: backends and slots first, then its frontend. */
  set(service: Service): ServiceKey {
    const kind = service.kind ?? 'tcp';
    const protocol = kind === 'tcp' ? PROTOCOL_NUMBERS.TCP : PROTOCOL_NUMBERS.UDP;
    const revision = this.#nextBackend.revision++;
    for (const [slot, addr] of service.backends.entries()) {
      const backend = this.backendId(addr, kind);
      this.services.backends.set(backend, backendRow({ addr, port: BACKEND_PORT, protocol }));
      this.services.slots.set({ revision, slot }, { backend });
    }
    const key: ServiceKey = { addr: service.addr ?? VIP, port: service.port, protocol, scope: 'inside' };
    this.services.services.set(
      key,
      serviceRow({
        revision,
        count: service.backends.length,
        service: this.#nextBackend.service++,
        affinitySeconds: service.affinitySeconds ?? 0,
      }),
    );
    return key;
  }

  async close(): Promise<void> {
    await Promise.all([this.node, this.pod, ...this.#more.values()].map(async (peer) => await peer.end()));
    await detachSockets(this.pinDir);
    this.rows.close();
    this.maps.close();
    removePins(this.pinDir);
    execFileSync('umount', [this.#bpffs]);
    rmSync(this.#bpffs, { recursive: true });
    for (const place of ['node', 'pod', ...this.#more.keys()])
      execFileSync('ip', ['netns', 'delete', this.netns(place)]);
    for (let tries = 0; tries < 50; tries++) {
      try {
        rmdirSync(this.cgroup);
        return;
      } catch {
        await sleep(20);
      }
    }
  }
}

function cgroupRoot(): string {
  const line = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[2] === 'cgroup2');
  const root = line?.split(' ')[1];
  if (root === undefined) throw new Error('there is no cgroup v2');
  return root;
}
