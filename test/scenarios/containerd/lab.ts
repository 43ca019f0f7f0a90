/** A node with containerd, the API server that it belongs to, and what a kubelet would do between them. */

import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type ApiClient, apiClient } from '../../../src/api/index.ts';
import { silentLogger } from '../../../src/base/index.ts';
import { type ApiServer, createApiServer, kubeconfig, makeCertificate } from '../../../src/sandbox/apiserver/index.ts';
import { applyManifest, readManifest } from '../../../src/sandbox/cluster/manifest.ts';
import { manifestFiles } from '../../../src/sandbox/cluster/manifest-files.ts';
import { listenInNetns } from '../../../src/sandbox/machine/netns-socket.ts';
import { eventually } from '../agent-lab.ts';
import type { Executed, SandboxConfig } from './cri.ts';
import { makeTestImage, TEST_IMAGE } from './images.ts';
import { ContainerdNode, connectToWorld, type Ran } from './node.ts';
import { killForked } from './view-process.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
export const NODE = 'lab-node';
export const NODE_IP = '172.18.0.2';
/** Outside of the node, as on a cluster. */
const API = { address: '172.18.0.1', port: 6443 };
const TOKEN = 'lab-token';
/** More than an answer takes, and enough for none. */
const LONG_SECONDS = 30;
const SHORT_SECONDS = 1;

export type CriPod = {
  readonly name: string;
  readonly config: SandboxConfig;
  sandbox: string;
  container: string;
  ip: string;
  /** Path on the node. */
  netns: string;
};

type PodOptions = { readonly labels?: Readonly<Record<string, string>>; readonly hostPort?: number };

export class ContainerdLab {
  readonly dir = mkdtempSync(`${tmpdir()}/mbr-cl-`);
  readonly world = `mbr-world-c${process.pid.toString(36)}`;
  ca = '';
  #node: ContainerdNode | undefined;
  #api: ApiServer | undefined;
  #agent: ChildProcess | undefined;

  get node(): ContainerdNode {
    if (this.#node === undefined) throw new Error('the lab is not up');
    return this.#node;
  }

  get api(): ApiServer {
    if (this.#api === undefined) throw new Error('the lab is not up');
    return this.#api;
  }

  async up(): Promise<void> {
    const [node, { ca, cert, key }] = await Promise.all([
      ContainerdNode.start(TEST_IMAGE),
      makeCertificate([API.address]),
    ]);
    this.#node = node;
    this.ca = ca;
    await connectToWorld(node, this.world);
    this.#api = createApiServer({ database: ':memory:', token: TOKEN, log: silentLogger, podCa: ca });
    for (const path of await manifestFiles([`${ROOT}/deploy/crds`])) {
      applyManifest(this.api.store, await readManifest(path), path);
    }
    const fd = listenInNetns(`/run/netns/${this.world}`, API.address, API.port);
    await this.#api.listen({ fd, tls: { ca, cert, key } });
    writeFileSync(this.kubeconfig, kubeconfig({ server: `https://${API.address}:${API.port}`, ca, token: TOKEN }));
    this.api.store.create('nodes', {
      metadata: { name: NODE },
      spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] },
      status: { addresses: [{ type: 'InternalIP', address: NODE_IP }] },
    });
    await node.ctr('images', 'import', makeTestImage(this.dir));
  }

  get kubeconfig(): string {
    return join(this.dir, 'kubeconfig');
  }

  /** As INSTALL says it is done without the DaemonSet. */
  async installCni(): Promise<void> {
    await this.node.run(`${ROOT}/membrane`, 'cni', 'install');
    await eventually('the runtime has a network', async () => {
      const found = (await this.node.cri.conditions()).find(({ type }) => type === 'NetworkReady');
      return found?.status === true;
    });
  }

  async startAgent(): Promise<void> {
    const argv = [`${ROOT}/membrane`, 'agent', '--node-name', NODE, '--kubeconfig', this.kubeconfig];
    // This view's own, which is not the root of the machine's hierarchy.
    const agent = this.node.spawn(argv, { MEMBRANE_CGROUP: '/sys/fs/cgroup', MEMBRANE_LOG_FILE: this.agentLog });
    this.#agent = agent;
    await eventually('the agent serves', async () => {
      if (agent.exitCode !== null)
        throw new Error(`the agent ended: ${readFileSync(this.agentLog, 'utf8').slice(-2000)}`);
      return await this.agentReady();
    });
  }

  get agentLog(): string {
    return join(this.dir, 'agent.log');
  }

  async stopAgent(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const agent = this.#agent;
    if (agent?.pid === undefined || agent.exitCode !== null) return;
    const ended = once(agent, 'close');
    killForked(agent.pid, signal);
    await ended;
  }

  admin(): ApiClient {
    return apiClient({ socketPath: this.node.path(`/run/membrane/${NODE}/admin.sock`) });
  }

  async agentReady(): Promise<boolean> {
    const status = await this.admin()
      .status()
      .catch(() => undefined);
    return status?.ready === true;
  }

  /** Names of the pods that the agent has endpoints of. */
  async endpoints(): Promise<string[]> {
    return (await this.admin().endpoints()).map(({ pod }) => pod).sort();
  }

  /** The object that the scheduler would have left, and what a kubelet makes of it for a runtime. */
  createPod(name: string, { labels = {}, hostPort }: PodOptions = {}): CriPod {
    const ports = hostPort === undefined ? [] : [{ containerPort: 8080, hostPort }];
    const { metadata } = this.api.store.create('pods', {
      metadata: { name, namespace: 'default', labels },
      spec: { nodeName: NODE, containers: [{ name: 'main', image: TEST_IMAGE, ports }] },
    });
    const uid = metadata.uid ?? '';
    const config: SandboxConfig = {
      metadata: { name, namespace: 'default', uid },
      hostname: name,
      portMappings: ports,
      linux: { cgroupParent: `/kubepods/pod${uid}` },
    };
    return { name, config, sandbox: '', container: '', ip: '', netns: '' };
  }

  /** Its sandbox and a container that serves its name on port 8080. */
  async startPod(pod: CriPod): Promise<CriPod> {
    const { cri } = this.node;
    pod.sandbox = await cri.runSandbox(pod.config);
    pod.ip = (await cri.sandboxStatus(pod.sandbox)).ip;
    // Not by way of a link that names another place here.
    pod.netns = (await cri.sandboxNetns(pod.sandbox)).replace(/^\/var\/run\//, '/run/');
    const serve = 'mkdir /www && echo "$1" >/www/index.html && exec busybox httpd -f -p 8080 -h /www';
    const main = {
      metadata: { name: 'main', attempt: pod.config.metadata.attempt ?? 0 },
      image: { image: TEST_IMAGE },
      command: ['sh', '-c', serve, 'serve', pod.name],
    };
    pod.container = await cri.startContainer(pod.sandbox, main, pod.config);
    const status = { phase: 'Running', podIP: pod.ip, podIPs: [{ ip: pod.ip }], hostIP: NODE_IP };
    this.api.store.patchStatus('pods', { name: pod.name, namespace: 'default' }, status);
    await eventually(`${pod.name} serves`, async () => (await this.ask(pod, '127.0.0.1')) === pod.name);
    return pod;
  }

  async addPod(name: string, options: PodOptions = {}): Promise<CriPod> {
    return await this.startPod(this.createPod(name, options));
  }

  deletePodObject({ name }: Pick<CriPod, 'name'>): void {
    this.api.store.delete('pods', { name, namespace: 'default' }, { gracePeriodSeconds: 0 });
  }

  /** In the order of a kubelet: sandbox, then object, then what is left of the sandbox. */
  async removePod(pod: CriPod): Promise<void> {
    await this.node.cri.stopSandbox(pod.sandbox);
    this.deletePodObject(pod);
    await this.node.cri.removeSandbox(pod.sandbox);
  }

  async exec(pod: CriPod, ...cmd: string[]): Promise<Executed> {
    return await this.node.cri.exec(pod.container, cmd);
  }

  /** Who answers at port 8080 of an address. */
  async ask(pod: CriPod, address: string): Promise<string> {
    return await this.#ask(pod, address, LONG_SECONDS);
  }

  async isSilent(pod: CriPod, address: string): Promise<boolean> {
    return (await this.#ask(pod, address, SHORT_SECONDS)) === '';
  }

  async #ask(pod: CriPod, address: string, seconds: number): Promise<string> {
    const wget = ['wget', '-q', '-O', '-', `http://${address}:8080/`];
    return (await this.exec(pod, 'busybox', 'timeout', String(seconds), ...wget)).stdout.trim();
  }

  async askFromWorld(url: string): Promise<string> {
    return await curl(`/run/netns/${this.world}`, url);
  }

  /** Without the runtime: a program of this machine in the pod's network. */
  async curlIn(pod: CriPod, url: string): Promise<string> {
    return await curl(this.node.path(pod.netns), url);
  }

  /** Devices of pods and their namespaces that are on the node. */
  async leftOnNode(): Promise<{ devices: string[]; namespaces: string[] }> {
    const { stdout }: Ran = await this.node.attempt('ip', '-o', 'link');
    const devices = [...stdout.matchAll(/^\d+: (mbr[^:@]+)/gm)].map(([, name = '']) => name);
    return { devices, namespaces: readdirSync(this.node.path('/run/netns')) };
  }

  async down(): Promise<void> {
    await this.#node?.stop();
    await this.#api?.close();
    execFileSync('sh', ['-c', 'ip netns del "$1" 2>/dev/null; :', 'sh', this.world]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function curl(netns: string, url: string): Promise<string> {
  return await new Promise((done) => {
    execFile('nsenter', [`--net=${netns}`, '--', 'curl', '-s', '-m', '2', url], (_, out) => done(out.trim()));
  });
}
