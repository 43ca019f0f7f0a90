import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { kubectls } from '../../../src/sandbox/kubectl-testkit.ts';
import { attempt } from '../../../src/sandbox/machine/command.ts';
import { eventually } from '../services/eventually.ts';
import { useLab } from '../services/lab.ts';
import { Terminal } from './terminal.ts';

const NAMESPACE = 'reached';

const PODS = `
apiVersion: v1
kind: Namespace
metadata: {name: ${NAMESPACE}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ${NAMESPACE}, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: sandbox/none
    command: [socat, "TCP-LISTEN:8080,fork,reuseaddr,bind=127.0.0.1", "SYSTEM:echo one"]
  - name: other
    image: sandbox/none
    command: [socat, "TCP-LISTEN:8081,fork,reuseaddr", "SYSTEM:echo two"]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ${NAMESPACE}}
spec: {selector: {app: web}, ports: [{name: two, port: 80, targetPort: 8081}]}
`;

const [program = 'kubectl', ...others] = kubectls();
/** Of the other programs only what differs in how it speaks is tried. */
const transports: readonly (readonly [string, string, string])[] = [
  [program, 'WebSocket', 'true'],
  [program, 'SPDY', 'false'],
  ...others.map((other): [string, string, string] => [other, 'its own', 'true']),
];

const lab = useLab();
let folder = '';

const environment = (sockets = 'true'): NodeJS.ProcessEnv => ({
  ...process.env,
  KUBECONFIG: lab.cluster.kubeconfigPath,
  HOME: folder,
  KUBECTL_REMOTE_COMMAND_WEBSOCKETS: sockets,
  KUBECTL_PORT_FORWARD_WEBSOCKETS: sockets,
});

async function kubectl(...args: string[]): Promise<{ code: number; out: string }> {
  const env = environment() as Record<string, string>;
  const { code, stdout, stderr } = await attempt([program, '-n', NAMESPACE, ...args], { env, timeoutMs: 200_000 });
  return { code, out: stdout + stderr };
}

/** What it said; a failure fails the test. */
async function succeeds(...args: string[]): Promise<string> {
  const { code, out } = await kubectl(...args);
  expect(`exit ${code}: ${out}`).toMatch(/^exit 0/);
  return out;
}

function terminal(...args: string[]): Terminal {
  const shown = new Terminal([program, '-n', NAMESPACE, ...args], environment());
  onTestFinished(() => shown.close());
  return shown;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mbr-kubectl-'));
  await lab.cluster.apply(PODS);
  await lab.cluster.waitReady();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('kubectl exec', () => {
  it.each(transports)(
    '-it gives a terminal that is resized, and the exit code (%s, %s)',
    async (by, _name, sockets) => {
      const shell = new Terminal(
        [by, '-n', NAMESPACE, 'exec', '-it', 'web', '-c', 'c', '--', 'sh'],
        environment(sockets),
      );
      onTestFinished(() => shell.close());
      shell.type('tty; stty size; echo at $((40 + 2))\n');
      await shell.shows(/\/dev\/pts\/\d+\r\n41 101\r\nat 42/);
      shell.resize(77, 22);
      shell.type('until [ "$(stty size)" = "22 77" ]; do sleep 0.05; done; echo re$((1))sized\n');
      await shell.shows('re1sized');
      // Ctrl-C ends what runs in the foreground, and not the shell.
      shell.type('sleep 1000\n\u0003');
      shell.type('echo still $((3 + 4))\nexit 9\n');
      await shell.shows('still 7');
      expect(await shell.ended()).toBe(9);
    },
  );

  it('hangs up on what runs in a terminal that was closed', async () => {
    const shell = terminal('exec', '-it', 'web', '-c', 'c', '--', 'sh', '-c', 'sleep 12345; true');
    const isThere = async (): Promise<boolean> =>
      (await succeeds('exec', 'web', '-c', 'c', '--', 'ps', '-e', '-o', 'args')).includes('\nsleep 12345');
    await eventually('it runs', isThere);
    shell.close();
    await eventually('nothing of it is left', async () => !(await isThere()));
  });

  it('says what is not there', async () => {
    expect(await kubectl('exec', 'web', '-c', 'none', '--', 'true')).toMatchObject({
      code: 1,
      out: expect.stringContaining('container none is not valid for pod web'),
    });
    expect((await kubectl('exec', 'web', '-c', 'c', '--', '/no/such')).code).not.toBe(0);
  });

  it('cp carries files both ways', async () => {
    const bytes = Buffer.alloc(3_000_000, 'mixed\0bytes\n');
    writeFileSync(join(folder, 'there'), bytes);
    await succeeds('cp', join(folder, 'there'), 'web:/tmp/mbr-copied', '-c', 'c');
    await succeeds('cp', 'web:/tmp/mbr-copied', join(folder, 'back'), '-c', 'c');
    expect(readFileSync(join(folder, 'back')).equals(bytes)).toBe(true);
    await succeeds('exec', 'web', '-c', 'c', '--', 'rm', '/tmp/mbr-copied');
  });
});

describe('kubectl port-forward', () => {
  it.each(transports)('reaches ports of pods and services (%s, %s)', async (by, _name, sockets) => {
    const forward = async (...args: string[]): Promise<(port: number) => Promise<string>> => {
      const child = spawn(by, ['-n', NAMESPACE, 'port-forward', ...args], { env: environment(sockets) });
      onTestFinished(() => void child.kill());
      let out = '';
      for (const output of [child.stdout, child.stderr]) output.on('data', (chunk) => (out += String(chunk)));
      return async (port) => {
        const line = new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${port}\\b`);
        await expect.poll(() => out, { timeout: 60_000 }).toMatch(line);
        const answer = await text(connect(Number(line.exec(out)?.[1]), '127.0.0.1')).catch(() => '');
        return answer === '' ? out : answer;
      };
    };
    const pod = await forward('pod/web', '0:8080', '0:8081');
    expect(await Promise.all([8080, 8081, 8080, 8081].map(pod))).toEqual(['one\n', 'two\n', 'one\n', 'two\n']);
    expect(await (await forward('svc/web', '0:80'))(8081)).toBe('two\n');
    const refused = await forward('pod/web', '0:9');
    await expect
      .poll(() => refused(9))
      .toMatch(/failed to connect to localhost:9 inside namespace .*connection refused/);
  });
});
