import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { cgroupMount, inCgroupArgv } from '../../../src/sandbox/machine/cgroup.ts';
import { eventually } from '../agent-lab.ts';
import { CriClient } from './cri.ts';
import { findInView, killForked } from './view-process.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
/** Where tools/setup.sh puts Debian's containerd and runc. */
const TOOLS = join(ROOT, 'build/tools');
const PATH = [TOOLS, process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter);
const SOCKET = '/run/containerd/containerd.sock';

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** `undefined` when this machine can have a node with containerd, else what it lacks. */
export function whyNoContainerd(): string | undefined {
  for (const program of ['containerd', 'runc', 'ctr', 'containerd-shim-runc-v2', 'loopback']) {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { env: { ...process.env, PATH }, stdio: 'ignore' });
    } catch {
      return program;
    }
  }
  try {
    execFileSync(join(ROOT, 'tools/private-view.sh'), ['true'], { stdio: 'ignore' });
  } catch {
    return 'a private view of the machine';
  }
  return undefined;
}

/**
 * The image of what holds a pod's namespaces, and what lets pods start where the machine keeps the right to lower
 * oom_score_adj, or its controllers (they are cgroup v1's), for itself.
 */
const configuration = (pauseImage: string): string => `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  disable_cgroup = true
`;

/** A node: a machine of its own in a private view, with containerd. It ends with the test, however that ends. */
export class ContainerdNode {
  readonly cri: CriClient;
  /** Of the process that stands for it. */
  readonly pid: number;
  readonly #dir: string;
  readonly #view: ChildProcess;
  #containerd: ChildProcess | undefined;

  private constructor(dir: string, view: ChildProcess, pid: number) {
    this.#dir = dir;
    this.#view = view;
    this.pid = pid;
    this.cri = new CriClient(this.path(SOCKET));
  }

  static async start(pauseImage: string): Promise<ContainerdNode> {
    const dir = mkdtempSync(`${tmpdir()}/mbr-cd-`);
    writeFileSync(join(dir, 'config.toml'), configuration(pauseImage));
    const argv = ['sh', join(import.meta.dirname, 'node.sh')];
    const view = spawn(join(ROOT, 'tools/private-view.sh'), argv, { stdio: ['ignore', 'inherit', 'inherit'] });
    let pid: number | undefined;
    await eventually('the node stands', () => {
      if (view.exitCode !== null) throw new Error(`no node: ${view.exitCode}`);
      pid = findInView(view.pid ?? 0, 'sleep');
      return pid !== undefined;
    });
    const node = new ContainerdNode(dir, view, pid ?? 0);
    // A part of every installation of containerd for Kubernetes.
    await node.run('sh', '-c', 'mkdir -p /opt/cni/bin && cp "$(command -v loopback)" /opt/cni/bin');
    await node.startContainerd();
    return node;
  }

  async startContainerd(): Promise<void> {
    const places = ['--root', '/run/containerd-root', '--state', '/run/containerd', '--address', SOCKET];
    const log = openSync(this.#log, 'a');
    const child = this.spawn(['containerd', '--config', join(this.#dir, 'config.toml'), ...places], {}, log);
    closeSync(log);
    this.#containerd = child;
    await eventually('containerd answers', async () => {
      if (child.exitCode !== null) throw new Error(`containerd ended: ${readFileSync(this.#log, 'utf8')}`);
      return await this.cri.conditions().then(
        () => true,
        () => false,
      );
    });
  }

  /** As if it had crashed; what it runs goes on. */
  async killContainerd(): Promise<void> {
    const child = this.#containerd;
    if (child?.pid === undefined) return;
    const ended = once(child, 'close');
    killForked(child.pid, 'SIGKILL');
    await ended;
  }

  get #log(): string {
    return join(this.#dir, 'containerd.log');
  }

  get netns(): string {
    return `/proc/${this.pid}/ns/net`;
  }

  /** Where a file of the node is for this process. */
  path(path: string): string {
    return `/proc/${this.pid}/root${path}`;
  }

  /** argv that runs a program on the node, and in its cgroup, so that it ends with the node. */
  argv(argv: readonly string[]): string[] {
    const [, cgroup = ''] = /^0::(.*)$/m.exec(readFileSync(`/proc/${this.pid}/cgroup`, 'utf8')) ?? [];
    const procs = join(cgroupMount(readFileSync('/proc/mounts', 'utf8')) ?? '', cgroup, 'cgroup.procs');
    const enter = ['nsenter', `--target=${this.pid}`, '--mount', '--net', '--pid', '--cgroup'];
    return inCgroupArgv(procs, [...enter, '--', 'env', `--chdir=${ROOT}`, `PATH=${PATH}`, ...argv]);
  }

  /** `output`: a descriptor for what it says; default: pipes. */
  spawn(argv: readonly string[], env: NodeJS.ProcessEnv = {}, output: number | 'pipe' = 'pipe'): ChildProcess {
    const [file = '', ...args] = this.argv(argv);
    return spawn(file, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', output, output] });
  }

  /** To its end, whatever its exit code. */
  async attempt(...argv: string[]): Promise<Ran> {
    const child = this.spawn(argv);
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code: code ?? -1, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  }

  /** What it prints; throws when it fails. */
  async run(...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.attempt(...argv);
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** containerd's own client, in the namespace of Kubernetes. */
  async ctr(...args: string[]): Promise<string> {
    return await this.run('ctr', '--namespace', 'k8s.io', ...args);
  }

  async stop(): Promise<void> {
    this.cri.close();
    const ended = once(this.#view, 'close');
    this.#view.kill('SIGTERM');
    await ended;
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Connects a node to a namespace that plays the rest of the world. */
export async function connectToWorld(node: ContainerdNode, world: string): Promise<void> {
  const ip = async (...args: string[]): Promise<unknown> => await promisify(execFile)('ip', args);
  await ip('netns', 'add', world);
  const peer = ['peer', 'name', 'eth0', 'netns', String(node.pid)];
  await ip('-n', world, 'link', 'add', 'mbrw0', 'type', 'veth', ...peer);
  await ip('-n', world, 'addr', 'add', '172.18.0.1/16', 'dev', 'mbrw0');
  await ip('-n', world, 'link', 'set', 'mbrw0', 'up');
  await ip('-n', world, 'link', 'set', 'lo', 'up');
  await node.run('ip', 'addr', 'add', '172.18.0.2/16', 'dev', 'eth0');
  await node.run('ip', 'link', 'set', 'eth0', 'up');
  await node.run('ip', 'route', 'add', 'default', 'via', '172.18.0.1');
  await node.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
}
