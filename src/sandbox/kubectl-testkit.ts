import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect } from 'vitest';
import { type ApiServer, kubeconfig, makeCertificate } from './apiserver/index.ts';

/** The `kubectl` of PATH, and further ones that `MEMBRANE_TEST_KUBECTL` names (separated like PATH). */
export function kubectls(): string[] {
  const onPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'kubectl'))
    .find(isExecutable);
  const named = (process.env['MEMBRANE_TEST_KUBECTL'] ?? '').split(delimiter).filter(isExecutable);
  return [...(onPath === undefined ? [] : [onPath]), ...named];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== '';
  } catch {
    return false;
  }
}

export type KubectlResult = { readonly code: number; readonly out: string };

/** A real kubectl that talks to a server over TLS, with a folder for its files. */
export class Kubectl {
  readonly program: string;
  readonly folder: string;
  env: NodeJS.ProcessEnv;

  private constructor(program: string, folder: string, env: NodeJS.ProcessEnv) {
    this.program = program;
    this.folder = folder;
    this.env = env;
  }

  /** `token`: the server's. */
  static async connect(program: string, server: ApiServer, token: string): Promise<Kubectl> {
    const folder = await mkdtemp(join(tmpdir(), 'membrane-kubectl-'));
    const tls = await makeCertificate(['localhost', '127.0.0.1']);
    const { port } = await server.listen({ host: '127.0.0.1', port: 0, tls });
    const config = join(folder, 'kubeconfig');
    await writeFile(config, kubeconfig({ server: `https://127.0.0.1:${port}`, ca: tls.ca, token }), { mode: 0o600 });
    return new Kubectl(program, folder, { ...process.env, KUBECONFIG: config, HOME: folder });
  }

  run(...args: string[]): Promise<KubectlResult> {
    return new Promise((resolve) => {
      execFile(this.program, args, { env: this.env, timeout: 100_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 255), out: stdout + stderr });
      });
    });
  }

  /** What it said; a failure fails the test. */
  async succeeds(...args: string[]): Promise<string> {
    const { code, out } = await this.run(...args);
    expect(`exit ${code}: ${out}`).toMatch(/^exit 0/);
    return out;
  }

  /** The path of a file with this text. */
  async file(name: string, text: string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, text);
    return path;
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
