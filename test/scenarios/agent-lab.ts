/** One node, its API server in this process, its agent as a process of its own, and pods that are bare namespaces. */

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { type ApiClient, apiClient } from '../../src/api/index.ts';
import { variableOf } from '../../src/base/configuration.ts';
import { Lifecycle, silentLogger } from '../../src/base/index.ts';
import { removePins } from '../../src/datapath/index.ts';
import { readConfig } from '../../src/operator/config.ts';
import { startOperator } from '../../src/operator/modules.ts';
import { type ApiServer, createApiServer, type JsonObject, kubeconfig } from '../../src/sandbox/apiserver/index.ts';
import { applyManifest, readManifest } from '../../src/sandbox/cluster/manifest.ts';
import { manifestFiles } from '../../src/sandbox/cluster/manifest-files.ts';
import { cgroupMount } from '../../src/sandbox/machine/cgroup.ts';
import { listenInNetns } from '../../src/sandbox/machine/netns-socket.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const NODE = 'lab-node';
const TOKEN = 'lab-token';

export type CniOutcome = { readonly code: number; readonly answer: Record<string, unknown> | undefined };

export type LabPod = {
  readonly name: string;
  readonly uid: string;
  readonly netns: string;
  readonly containerId: string;
  ip: string;
};

const ip = (...args: string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Polls until `probe` holds; throws after `ms`, which no machine needs. */
export async function eventually(what: string, probe: () => boolean | Promise<boolean>, ms = 120_000): Promise<void> {
  const deadline = performance.now() + ms;
  // Often at first, and rarely where it takes long: looking costs more processor than what is waited for.
  for (let pause = 10; !(await probe()); pause = Math.min(pause * 1.2, 100)) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(pause);
  }
}

/** Hands every connection of a listening descriptor on to a port of this namespace, while it is `open`. */
class Bridge {
  open = true;
  /** New connections are taken, and nothing is handed on. */
  mute = false;
  /** `GET /api/v1/pods?limit=250`, of all that was handed on. */
  readonly requests: string[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(fd: number, port: number) {
    this.#server = createServer((socket) => {
      if (!this.open) return void socket.destroy();
      if (this.mute) return void this.#sockets.add(socket.on('error', () => undefined));
      const upstream = connect(port, '127.0.0.1');
      socket.on('data', (data: Buffer) => {
        for (const [, request = ''] of data.toString('latin1').matchAll(/([A-Z]+ \/\S*) HTTP\/1\.1\r\n/g))
          this.requests.push(request);
      });
      for (const [from, to] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy()).on('close', () => this.#sockets.delete(from));
        from.pipe(to);
      }
    }).listen({ fd });
  }

  /** Nothing is handed on any more on the connections there are; both ends think that they stand. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  shut(): void {
    this.open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.shut();
    this.#server.close();
  }
}

function variablesOf(config: object, above: string): Record<string, string> {
  const pairs = Object.entries(config).map(([key, value]: [string, unknown]) => {
    const isSection = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isSection) return variablesOf(value, `${above}${key}.`);
    return { [variableOf(above + key)]: typeof value === 'string' ? value : JSON.stringify(value) };
  });
  return Object.fromEntries(pairs.flatMap((pair) => Object.entries(pair)));
}

export class AgentLab {
  readonly dir = mkdtempSync(`${tmpdir()}/mbr-lab-`);
  readonly tag = process.pid.toString(36);
  readonly node = `mbr-node-l${this.tag}`;
  readonly world = `mbr-world-l${this.tag}`;
  readonly pinDir = `/sys/fs/bpf/membrane/lab-${this.tag}`;
  readonly cniSocket = `${this.dir}/state/cni.sock`;
  /** A child that is nobody's: never the machine's root. */
  readonly cgroup = join(cgroupMount(readFileSync('/proc/mounts', 'utf8')) ?? '', `mbr-lab-${this.tag}`);
  readonly pods = new Map<string, LabPod>();
  #api: ApiServer | undefined;
  #bridge: Bridge | undefined;
  #agent: ChildProcess | undefined;
  readonly #operator = new Lifecycle({ log: silentLogger });
  #ended: Promise<number | null> = Promise.resolve(null);
  #port = 0;
  #count = 0;

  async up(): Promise<void> {
    mkdirSync(this.cgroup, { recursive: true });
    ip('netns', 'add', this.node);
    ip('netns', 'add', this.world);
    ip('-n', this.node, 'link', 'set', 'lo', 'up');
    ip('-n', this.world, 'link', 'add', 'mbrw0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.node);
    ip('-n', this.world, 'addr', 'add', '172.18.0.1/16', 'dev', 'mbrw0');
    ip('-n', this.world, 'link', 'set', 'mbrw0', 'up');
    ip('-n', this.node, 'addr', 'add', '172.18.0.2/16', 'dev', 'eth0');
    ip('-n', this.node, 'link', 'set', 'eth0', 'up');
    ip('-n', this.node, 'route', 'add', 'default', 'via', '172.18.0.1');
    await this.inNode('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    this.#api = createApiServer({ database: ':memory:', token: TOKEN, log: silentLogger });
    for (const path of await manifestFiles([`${ROOT}/deploy/crds`])) {
      applyManifest(this.#api.store, await readManifest(path), path);
    }
    this.#port = (await this.#api.listen({ host: '127.0.0.1', port: 0 })).port;
    this.#bridge = new Bridge(listenInNetns(`/run/netns/${this.node}`, '127.0.0.1', 6443), this.#port);
    writeFileSync(
      `${this.dir}/kubeconfig`,
      kubeconfig({ server: 'http://127.0.0.1:6443', ca: 'none: plain HTTP on loopback', token: TOKEN }),
    );
    await this.apply('/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: NODE },
      spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] },
      status: { addresses: [{ type: 'InternalIP', address: '172.18.0.2' }] },
    });
  }

  /** Writes the configuration and starts the agent; resolves when it serves. `withoutFile`: by flags and variables alone. */
  async startAgent(
    config: Record<string, unknown> = {},
    options: { waitReady?: boolean; withoutFile?: boolean } = {},
  ): Promise<void> {
    const merged = {
      nodeName: NODE,
      kubeconfig: `${this.dir}/kubeconfig`,
      stateDir: `${this.dir}/state`,
      pinDir: this.pinDir,
      cniSocket: this.cniSocket,
      cniBinDir: `${this.dir}/cni-bin`,
      cniConfDir: `${this.dir}/cni-conf`,
      cgroup: this.cgroup,
      metrics: { port: 0 },
      log: { level: 'debug', file: `${this.dir}/agent.log` },
      ...config,
    };
    writeFileSync(`${this.dir}/agent.json`, JSON.stringify(merged));
    const { nodeName, kubeconfig, ...others } = merged;
    const flags =
      options.withoutFile === true
        ? ['--node-name', nodeName, '--kubeconfig', kubeconfig]
        : ['--config', `${this.dir}/agent.json`];
    const args = [`--net=/run/netns/${this.node}`, '--', `${ROOT}/membrane`, 'agent'];
    const child = spawn('nsenter', [...args, ...flags], {
      cwd: ROOT,
      env: { ...process.env, ...(options.withoutFile === true && variablesOf(others, '')) },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    this.#agent = child;
    this.#ended = new Promise((done) => child.once('exit', (code) => done(code)));
    await eventually(
      'the agent serves',
      async () => {
        if (child.exitCode !== null)
          throw new Error(`the agent ended with ${child.exitCode}: ${this.log().slice(-2000)}`);
        const status = await this.admin()
          .status()
          .catch(() => undefined);
        return options.waitReady === false ? status !== undefined : status?.ready === true;
      },
      240_000,
    );
  }

  /** The operator, in this process, as quick as it may be; until `down`. */
  async startOperator(): Promise<void> {
    const file = `${this.dir}/operator.kubeconfig`;
    const server = `http://127.0.0.1:${this.#port}`;
    writeFileSync(file, kubeconfig({ server, ca: 'none: plain HTTP on loopback', token: TOKEN }));
    const flags = {
      kubeconfig: file,
      identity: { interval: 0.2, rest: 0.1, namespaceShare: 0.01 },
      metrics: { port: 0 },
    };
    await startOperator(readConfig({ env: {}, flags }), this.#operator, silentLogger);
  }

  /** What the agent asked of the server, since the beginning. */
  get requests(): readonly string[] {
    return this.#bridge?.requests ?? [];
  }

  /** Applies what is in deploy/ and gives a kubeconfig of the account that is in it. */
  async deploy(): Promise<string> {
    // Not applied by kubectl, which sends no token without TLS.
    const { stdout } = await promisify(execFile)('kubectl', ['kustomize', `${ROOT}/deploy`]);
    for (const document of parseAllDocuments(stdout)) {
      const object = document.toJS() as { apiVersion: string; kind: string; metadata: { namespace?: string } };
      const { apiVersion, kind, metadata } = object;
      // There from the start.
      if (kind === 'CustomResourceDefinition') continue;
      const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
      const place = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
      await this.apply(`${group}${place}/${kind.toLowerCase()}s`, object);
    }
    const path = '/api/v1/namespaces/membrane/serviceaccounts/membrane/token';
    const { status } = await this.request('POST', path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
    });
    const { token } = status as { token: string };
    const file = `${this.dir}/deployed`;
    writeFileSync(file, kubeconfig({ server: 'http://127.0.0.1:6443', ca: 'none: plain HTTP on loopback', token }));
    return file;
  }

  /** The server is gone for the agent, or back; the test always reaches it. */
  connectApi(open: boolean): void {
    if (this.#bridge === undefined) return;
    if (open) this.#bridge.open = true;
    else this.#bridge.shut();
  }

  /** The connections that the agent has fall silent without being closed; with `alsoNew` those to come, too. */
  freezeApi(alsoNew: boolean): void {
    if (this.#bridge === undefined) return;
    this.#bridge.mute = alsoNew;
    this.#bridge.freeze();
  }

  async runAgentOnce(...args: string[]): Promise<string> {
    return await this.inNode(`${ROOT}/membrane`, 'agent', ...args, '--config', `${this.dir}/agent.json`);
  }

  get agentPid(): number {
    return this.#agent?.pid ?? 0;
  }

  async stopAgent(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#agent?.kill(signal);
    return await this.#ended;
  }

  admin(): ApiClient {
    return apiClient({ socketPath: `${this.dir}/state/admin.sock` });
  }

  /** NaN when there is none of this name and these labels. */
  async metric(line: string): Promise<number> {
    const text = await this.admin().metrics();
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    return Number(found?.slice(line.length));
  }

  /** Until the engine has looked again since the change: what it has not done by then it will not do. */
  async aPassAfter(change: () => Promise<unknown>): Promise<void> {
    const passes = async (): Promise<number> => await this.metric('membrane_policy_pass_seconds_count');
    const before = await passes();
    await change();
    await eventually('the engine looks again', async () => (await passes()) > before);
  }

  log(): string {
    return readFileSync(`${this.dir}/agent.log`, 'utf8');
  }

  async request(method: string, path: string, body?: unknown, type = 'application/json'): Promise<JsonObject> {
    const response = await fetch(`http://127.0.0.1:${this.#port}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': type },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as JsonObject;
    if (response.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async apply(collection: string, object: unknown): Promise<JsonObject> {
    return await this.request('POST', collection, object);
  }

  async relabel(name: string, labels: Record<string, string | null>): Promise<void> {
    const path = `/api/v1/namespaces/default/pods/${name}`;
    await this.request('PATCH', path, { metadata: { labels } }, 'application/merge-patch+json');
  }

  /** Only the API object; no namespace, no device. */
  async createPodObject(
    name: string,
    labels: Record<string, string>,
    annotations: Record<string, string> = {},
  ): Promise<string> {
    const pod = await this.apply('/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels, annotations },
      spec: { nodeName: NODE, containers: [{ name: 'main', image: 'none' }] },
    });
    return (pod.metadata as { uid: string }).uid;
  }

  async deletePodObject(name: string): Promise<void> {
    await this.request('DELETE', `/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`);
  }

  makeNetns(name: string, uid: string): LabPod {
    this.#count += 1;
    const netns = `mbr-pod-l${this.tag}-${this.#count}`;
    ip('netns', 'add', netns);
    const pod = { name, uid, netns, containerId: `lab-${this.tag}-${this.#count}`, ip: '' };
    this.pods.set(netns, pod);
    return pod;
  }

  /** API object, namespace and ADD. */
  async addPod(name: string, labels: Record<string, string>, ips: string[] = []): Promise<LabPod> {
    const pod = this.makeNetns(name, await this.createPodObject(name, labels));
    const { code, answer } = await this.cni('ADD', pod, ips.length === 0 ? {} : { runtimeConfig: { ips } });
    if (code !== 0) throw new Error(`ADD ${name}: ${JSON.stringify(answer)}\n${this.log().slice(-1500)}`);
    const [first] = (answer as { ips: { address: string }[] }).ips;
    pod.ip = first?.address.split('/')[0] ?? '';
    return pod;
  }

  async removePod(pod: LabPod): Promise<void> {
    const { code, answer } = await this.cni('DEL', pod);
    if (code !== 0) throw new Error(`DEL ${pod.name}: ${JSON.stringify(answer)}`);
    await this.deletePodObject(pod.name).catch(() => undefined);
    ip('netns', 'del', pod.netns);
    this.pods.delete(pod.netns);
  }

  /** Not synchronous: the agent talks to the API server of this process meanwhile. */
  async cni(
    command: string,
    pod: LabPod,
    config: Record<string, unknown> = {},
    env: Record<string, string> = {},
  ): Promise<CniOutcome> {
    const child = spawn(`${ROOT}/build/membrane-cni`, {
      env: { ...this.#cniEnv(command, pod), ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin.end(JSON.stringify({ cniVersion: '1.1.0', name: 'membrane', type: 'membrane-cni', ...config }));
    const code = await new Promise<number | null>((done) => child.once('close', done));
    const stdout = Buffer.concat(chunks).toString();
    return { code: code ?? -1, answer: stdout === '' ? undefined : (JSON.parse(stdout) as Record<string, unknown>) };
  }

  #cniEnv(command: string, pod: LabPod): Record<string, string> {
    return {
      CNI_COMMAND: command,
      CNI_CONTAINERID: pod.containerId,
      CNI_NETNS: `/run/netns/${pod.netns}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: `${ROOT}/build`,
      CNI_ARGS: `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod.name};K8S_POD_UID=${pod.uid}`,
      MEMBRANE_CNI_SOCKET: this.cniSocket,
    };
  }

  async inNode(...argv: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('nsenter', [`--net=/run/netns/${this.node}`, '--', ...argv]);
    return stdout;
  }

  async inWorld(...argv: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('nsenter', [`--net=/run/netns/${this.world}`, '--', ...argv]);
    return stdout;
  }

  /** What it says, whatever its exit code. */
  async inPod(pod: LabPod, ...argv: string[]): Promise<string> {
    const child = spawn('nsenter', [`--net=/run/netns/${pod.netns}`, '--', ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await new Promise((done) => child.once('close', done));
    return Buffer.concat(chunks).toString();
  }

  /** One echo request, answered or not. */
  async ping(from: LabPod, to: string): Promise<boolean> {
    const args = [`--net=/run/netns/${from.netns}`, '--', 'ping', '-n', '-c', '1', '-W', '1', to];
    const child = spawn('nsenter', args, { stdio: 'ignore' });
    return (await new Promise<number | null>((done) => child.once('close', done))) === 0;
  }

  /** Until an echo request is answered: a reply that a busy machine hands over late says nothing of the programs. */
  async reaches(from: LabPod, to: string): Promise<void> {
    await eventually(`${from.name} reaches ${to}`, async () => await this.ping(from, to));
  }

  /** One echo request of the node itself, answered or not. */
  async nodePing(to: string): Promise<boolean> {
    return await this.inNode('ping', '-n', '-c', '1', '-W', '1', to).then(
      () => true,
      () => false,
    );
  }

  async down(): Promise<void> {
    await this.#operator.stop();
    await this.stopAgent('SIGKILL');
    this.#bridge?.close();
    await this.#api?.close();
    for (const name of [...this.pods.keys(), this.node, this.world]) {
      try {
        ip('netns', 'del', name);
      } catch {
        // It was never made.
      }
    }
    removePins(this.pinDir);
    rmdirSync(this.cgroup);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export const networkPolicy = (name: string, spec: unknown): unknown => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name },
  spec,
});
export const POLICIES = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
