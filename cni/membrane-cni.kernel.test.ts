import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../src/agent/node/config.ts';

const BINARY = join(import.meta.dirname, '../build/membrane-cni');

let dir: string;
let server: Server | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'membrane-cni-'));
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(dir, { recursive: true, force: true });
});

type Result = { readonly code: number | null; readonly stdout: string };

function cni(env: Record<string, string>, stdin: string | Buffer): Promise<Result> {
  const { promise, resolve } = Promise.withResolvers<Result>();
  const child = spawn(BINARY, [], { env: { MEMBRANE_CNI_SOCKET: join(dir, 'sock'), ...env } });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  child.on('close', (code) => resolve({ code, stdout }));
  return promise;
}

/** Bytes of the whole request that begins like this; infinite: its head is not whole yet. */
function sizeOf(start: Buffer): number {
  const end = start.indexOf('\n');
  const [, env, stdin] = /^MBRCNI\/1 (\d+) (\d+)$/.exec(start.subarray(0, Math.max(0, end)).toString()) ?? [];
  return env === undefined ? Number.POSITIVE_INFINITY : end + 1 + Number(env) + Number(stdin);
}

/** An agent that waits for one whole request and then does what it is told. */
async function agent(reply: (socket: Socket, request: Buffer) => void): Promise<Buffer[]> {
  const requests: Buffer[] = [];
  server = createServer((socket) => {
    const chunks: Buffer[] = [];
    let [received, size] = [0, Number.POSITIVE_INFINITY];
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      received += chunk.length;
      if (size === Number.POSITIVE_INFINITY) size = sizeOf(Buffer.concat(chunks));
      if (received < size) return;
      const data = Buffer.concat(chunks);
      requests.push(data);
      socket.write('+');
      reply(socket, data);
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(join(dir, 'sock'), resolve);
  await promise;
  return requests;
}

describe('membrane-cni', () => {
  it('is a plain executable, not setuid (CVE-2024-33522)', () => {
    expect(statSync(BINARY).mode & 0o7777).toBe(0o755);
  });

  it('hands over CNI_* variables and standard input, and prints the answer', async () => {
    const requests = await agent((socket) => socket.end('0\n{"ips":[]}\n'));
    const result = await cni({ CNI_COMMAND: 'ADD', CNI_ARGS: 'A=1;B=ü', SECRET: 'x', PATH: '/bin' }, '{"a":1}');
    expect(result).toEqual({ code: 0, stdout: '{"ips":[]}\n' });
    const text = requests[0]?.toString() ?? '';
    const env = 'CNI_COMMAND=ADD\0CNI_ARGS=A=1;B=ü\0';
    expect(text).toBe(`MBRCNI/1 ${Buffer.byteLength(env)} 7\n${env}{"a":1}`);
  });

  it.each([1, 7, 255])('ends with the agent’s exit code %i', async (code) => {
    await agent((socket) => socket.end(`${code}\n{"code":7}`));
    expect(await cni({ CNI_COMMAND: 'DEL' }, '{}')).toEqual({ code, stdout: '{"code":7}' });
  });

  it('carries megabytes both ways', async () => {
    const large = JSON.stringify({ x: 'y'.repeat(3 << 20) });
    await agent((socket, request) => socket.end(`0\n${request.subarray(request.indexOf('{')).toString()}`));
    const result = await cni({ CNI_COMMAND: 'ADD' }, large);
    expect(result.code).toBe(0);
    expect(result.stdout === large).toBe(true);
  });

  it('answers VERSION by itself', async () => {
    const result = await cni({ CNI_COMMAND: 'VERSION' }, '{"cniVersion":"1.1.0"}');
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout)).toEqual({ cniVersion: '1.1.0', supportedVersions: ['0.4.0', '1.0.0', '1.1.0'] });
  });

  it('asks where an agent listens that was told nothing', async () => {
    const { cniSocket } = parseConfig({ nodeName: 'node-1' });
    const { stdout } = await cni({ CNI_COMMAND: 'ADD', MEMBRANE_CNI_SOCKET: '' }, '{}');
    expect(JSON.parse(stdout)).toMatchObject({ details: expect.stringContaining(`${cniSocket}:`) });
  });

  it('fails closed with "try again later" when nobody answers', async () => {
    const result = await cni({ CNI_COMMAND: 'ADD' }, '{ "cniVersion" : "0.4.0" }');
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stdout)).toMatchObject({ cniVersion: '0.4.0', code: 11 });
  });

  describe('without an agent', () => {
    const env = { CNI_COMMAND: 'DEL', CNI_CONTAINERID: 'c0ffee', CNI_IFNAME: 'eth0', CNI_NETNS: '' };
    const folder = () => join(dir, 'cni-deleted');

    it('keeps a DEL beside the socket, once an attachment, and says yes', async () => {
      expect(await cni(env, '{"a":1}')).toEqual({ code: 0, stdout: '' });
      expect(await cni(env, '{"a":1}')).toEqual({ code: 0, stdout: '' });
      expect(readdirSync(folder())).toEqual(['c0ffee@eth0']);
      expect(statSync(folder()).mode & 0o777).toBe(0o700);
      expect(statSync(join(folder(), 'c0ffee@eth0')).mode & 0o777).toBe(0o600);
      const variables = 'CNI_CONTAINERID=c0ffee\0';
      expect(readFileSync(join(folder(), 'c0ffee@eth0'), 'utf8')).toContain(variables);
    });

    it('keeps it on a node that has just started, where no agent has been', async () => {
      const place = { MEMBRANE_CNI_SOCKET: join(dir, 'membrane/sock') };
      expect(await cni({ ...env, ...place }, '{}')).toEqual({ code: 0, stdout: '' });
      expect(readdirSync(join(dir, 'membrane/cni-deleted'))).toEqual(['c0ffee@eth0']);
      expect(statSync(join(dir, 'membrane')).mode & 0o777).toBe(0o700);
    });

    it('keeps it too when the agent takes no notice, or dies over it', async () => {
      server = createServer((socket) => socket.on('error', () => undefined));
      await new Promise<void>((resolve) => server?.listen(join(dir, 'sock'), resolve));
      expect(await cni(env, '{}')).toEqual({ code: 0, stdout: '' });
      expect(readdirSync(folder())).toEqual(['c0ffee@eth0']);
      rmSync(folder(), { recursive: true });
      server.close();
      rmSync(join(dir, 'sock'), { force: true });
      await agent((socket) => socket.destroy());
      expect(await cni(env, '{}')).toEqual({ code: 0, stdout: '' });
      expect(readdirSync(folder())).toEqual(['c0ffee@eth0']);
    });

    it('gives an agent up that takes no notice, and not one that is at work', async () => {
      const listening = join(dir, 'mute');
      const mute = createServer((socket) => socket.on('error', () => undefined));
      await new Promise<void>((resolve) => mute.listen(listening, resolve));
      const { promise: asked, resolve: isAsked } = Promise.withResolvers<Socket>();
      await agent(isAsked);
      const working = cni({ CNI_COMMAND: 'ADD' }, '{}').then(({ stdout }) => stdout);
      const socket = await asked;
      const ignored = cni({ CNI_COMMAND: 'ADD', MEMBRANE_CNI_SOCKET: listening }, '{}').then(() => 'given up');
      expect(await Promise.race([working, ignored])).toBe('given up');
      socket.end('0\ndone');
      expect(await working).toBe('done');
      mute.close();
    });

    it.each([
      ['a container that is a path', { CNI_CONTAINERID: '../../x' }],
      ['no container', { CNI_CONTAINERID: '' }],
      ['an interface that is a path', { CNI_IFNAME: 'a/b' }],
      ['ADD', { CNI_COMMAND: 'ADD' }],
      ['CHECK', { CNI_COMMAND: 'CHECK' }],
    ])('keeps nothing of %s', async (_, other) => {
      const result = await cni({ ...env, ...other }, '{}');
      expect(JSON.parse(result.stdout)).toMatchObject({ code: 11 });
      expect(readdirSync(dir).filter((name) => name !== 'cni-deleted')).toEqual([]);
    });

    it('keeps a bounded number', async () => {
      mkdirSync(folder());
      for (let index = 0; index < 4_096; index += 1) writeFileSync(join(folder(), `c${index}@eth0`), '');
      expect(JSON.parse((await cni(env, '{}')).stdout)).toMatchObject({ code: 11 });
    });
  });

  it.each([
    ['closes at once', (socket: Socket) => socket.destroy()],
    ['sends nothing', (socket: Socket) => socket.end()],
    ['sends no code', (socket: Socket) => socket.end('{}\n')],
    ['sends half a line', (socket: Socket) => socket.end('0')],
    ['sends a code out of range', (socket: Socket) => socket.end('256\n{}')],
    ['fails without a reason', (socket: Socket) => socket.end('3\n')],
  ])('tells the runtime to try again when the agent %s', async (_, reply) => {
    await agent(reply);
    const result = await cni({ CNI_COMMAND: 'ADD' }, '{}');
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stdout)).toMatchObject({ cniVersion: '1.0.0', code: 11 });
  });

  it('refuses more than 4 MiB of configuration', async () => {
    const result = await cni({ CNI_COMMAND: 'ADD' }, Buffer.alloc((4 << 20) + 1, 0x20));
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stdout)).toMatchObject({ code: 7 });
  });

  it.each([
    ['a path that is too long', '/x'.repeat(100)],
    ['a path with quotes and controls', '/tmp/"\\\x1b[2J\n'],
  ])('prints valid JSON for %s', async (_, path) => {
    const result = await cni({ CNI_COMMAND: 'ADD', MEMBRANE_CNI_SOCKET: path }, '{}');
    expect(JSON.parse(result.stdout)).toMatchObject({ code: 11 });
    expect(result.stdout).not.toContain('\x1b');
  });

  it.each([
    '"cniVersion":"1.0.0\\"x"',
    '"cniVersion":"$(id)"',
    '"cniVersion":""',
    '"cniVersion"',
    `"cniVersion":"${'1'.repeat(99)}"`,
  ])('takes no odd version over from %s', async (part) => {
    const result = await cni({ CNI_COMMAND: 'VERSION' }, `{${part}}`);
    expect(JSON.parse(result.stdout)).toMatchObject({ cniVersion: '1.0.0' });
  });
});
