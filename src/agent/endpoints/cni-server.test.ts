import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { type CniRequest, emptyAnswer } from '../../endpoint/index.ts';
import { decodeAnswer, encodeFrame } from '../../endpoint/testkit.ts';
import { CniServer } from './cni-server.ts';
import { DeferredDeletes } from './deferred-deletes.ts';
import { KeyedQueue } from './keyed-queue.ts';

let dir: string;
let lifecycle: Lifecycle;
beforeEach(() => {
  dir = mkdtempSync(`${tmpdir()}/mbr-cni-`);
  lifecycle = new Lifecycle({ log: silentLogger });
});
afterEach(async () => {
  await lifecycle.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function serve(
  handle: (request: CniRequest) => Promise<typeof emptyAnswer>,
  clock = new FakeClock(0),
): Promise<string> {
  const path = `${dir}/cni.sock`;
  const deferred = new DeferredDeletes({ cniSocket: path, log: silentLogger });
  const queue = new KeyedQueue();
  await lifecycle.start(
    new CniServer({ path, handle, times: { observe: () => undefined }, queue, deferred, clock, log: silentLogger }),
  );
  return path;
}

async function ask(path: string, bytes: Buffer): Promise<{ exitCode: number; stdout: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  const socket = connect(path, () => socket.write(bytes));
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('end', () => resolve(Buffer.concat(chunks)));
  socket.on('error', reject);
  const answer = decodeAnswer(await promise);
  socket.destroy();
  return answer;
}

const del = (container: string): Buffer => request('DEL', container);

function request(command: string, container: string): Buffer {
  const env = new Map([
    ['CNI_COMMAND', command],
    ['CNI_CONTAINERID', container],
    ['CNI_IFNAME', 'eth0'],
    ['CNI_NETNS', '/run/netns/mbr-none'],
    ['CNI_ARGS', 'K8S_POD_NAMESPACE=a;K8S_POD_NAME=b'],
  ]);
  return encodeFrame({ env, stdin: JSON.stringify({ cniVersion: '1.0.0', name: 'membrane', type: 'membrane-cni' }) });
}

describe('CniServer', () => {
  it('takes the place of a stale socket, for root only', async () => {
    writeFileSync(`${dir}/cni.sock`, 'stale');
    chmodSync(`${dir}/cni.sock`, 0o777);
    const path = await serve(async () => emptyAnswer);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await ask(path, del('a'))).toEqual({ exitCode: 0, stdout: '' });
  });

  it('answers failures in the version of the request', async () => {
    const path = await serve(async () => {
      throw new Error('no luck');
    });
    const answer = await ask(path, del('a'));
    expect(JSON.parse(answer.stdout)).toMatchObject({ cniVersion: '1.0.0', code: 5, msg: 'no luck' });
    expect(JSON.parse((await ask(path, Buffer.from('GET / HTTP/1.1\r\n\r\n'))).stdout)).toMatchObject({ code: 6 });
  });

  it('serves one container at a time, and others meanwhile', async () => {
    const running: string[] = [];
    let overlapped = false;
    // Nobody is done before somebody else's has begun: if all waited for each other, this would not end.
    const sideBySide = Promise.withResolvers<void>();
    const path = await serve(async (request) => {
      if (request.command !== 'DEL') throw new Error('unexpected');
      const key = request.attachment.containerId;
      overlapped ||= running.includes(key);
      if (running.length > 0) sideBySide.resolve();
      running.push(key);
      await sideBySide.promise;
      await new Promise((resolve) => setImmediate(resolve));
      running.splice(running.indexOf(key), 1);
      return emptyAnswer;
    });
    await Promise.all(['a', 'a', 'b', 'a', 'b'].map((container) => ask(path, del(container))));
    expect(overlapped).toBe(false);
  });

  it('serves the next one beside six hundred connections that say nothing, and after them', async () => {
    const path = await serve(async () => emptyAnswer);
    const idle = Array.from({ length: 600 }, () => connect(path).on('error', () => undefined));
    await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    expect(await ask(path, del('a'))).toEqual({ exitCode: 0, stdout: '' });
    for (const socket of idle) socket.destroy();
    for (let index = 0; index < 20; index += 1) expect(await ask(path, del('a'))).toMatchObject({ exitCode: 0 });
  });

  it('keeps no more than 256 connections that say nothing: the longest silent go, and not one that is being served', async () => {
    const begun = Promise.withResolvers<void>();
    const work = Promise.withResolvers<typeof emptyAnswer>();
    const path = await serve(async () => {
      begun.resolve();
      return await work.promise;
    });
    const served = ask(path, del('a'));
    await begun.promise;
    let gone = 0;
    const idle = Array.from({ length: 300 }, () =>
      connect(path)
        .on('error', () => undefined)
        .once('close', () => (gone += 1)),
    );
    try {
      await expect.poll(() => gone).toBe(300 - 256);
    } finally {
      for (const socket of idle) socket.destroy();
      work.resolve(emptyAnswer);
    }
    expect(await served).toEqual({ exitCode: 0, stdout: '' });
  });

  it('says at once that it has a request, however long the work takes', async () => {
    const work = Promise.withResolvers<typeof emptyAnswer>();
    const path = await serve(async () => await work.promise);
    const socket = connect(path, () => socket.write(del('a')));
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    expect(first.toString()).toBe('+');
    work.resolve(emptyAnswer);
    socket.destroy();
  });

  it('undoes an ADD whose client has gone away meanwhile', async () => {
    const begun = Promise.withResolvers<void>();
    const work = Promise.withResolvers<typeof emptyAnswer>();
    const undone = Promise.withResolvers<CniRequest>();
    const path = await serve(async (asked) => {
      if (asked.command !== 'ADD') undone.resolve(asked);
      begun.resolve();
      return asked.command === 'ADD' ? await work.promise : emptyAnswer;
    });
    const socket = connect(path, () => socket.write(request('ADD', 'c')));
    await begun.promise;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy();
    await closed;
    work.resolve(emptyAnswer);
    expect(await undone.promise).toMatchObject({ command: 'DEL', attachment: { containerId: 'c', ifname: 'eth0' } });
  });

  it('deletes what was to be deleted before it was there, and before an ADD of the same attachment', async () => {
    const folder = `${dir}/cni-deleted`;
    mkdirSync(folder);
    writeFileSync(`${folder}/early@eth0`, del('early'));
    writeFileSync(`${folder}/odd@eth0`, 'nonsense');
    writeFileSync(`${folder}/.123`, del('half').subarray(0, 40));
    const seen: string[] = [];
    const path = await serve(async (asked) => {
      if ('attachment' in asked) seen.push(`${asked.command} ${asked.attachment.containerId}`);
      return emptyAnswer;
    });
    expect(seen).toEqual(['DEL early']);
    expect(readdirSync(folder)).toEqual(['.123']);
    writeFileSync(`${folder}/later@eth0`, del('later'));
    await ask(path, request('ADD', 'later'));
    expect(seen).toEqual(['DEL early', 'DEL later', 'ADD later']);
    expect(existsSync(`${folder}/later@eth0`)).toBe(false);
  });

  it('deletes once what was deferred: not an ADD that came after it', async () => {
    const folder = `${dir}/cni-deleted`;
    mkdirSync(folder);
    const clock = new FakeClock(0);
    const seen: string[] = [];
    const begun = Promise.withResolvers<void>();
    const first = Promise.withResolvers<typeof emptyAnswer>();
    const path = await serve(async (asked) => {
      if (!('attachment' in asked)) return emptyAnswer;
      seen.push(`${asked.command} ${asked.attachment.containerId}`);
      begun.resolve();
      return seen.length === 1 ? await first.promise : emptyAnswer;
    }, clock);
    for (const container of ['a', 'b']) writeFileSync(`${folder}/${container}@eth0`, del(container));
    const looked = clock.advance(10_000);
    await begun.promise;
    // The look holds one of the two; the other's runtime comes back with an ADD, which deletes first.
    const other = seen[0] === 'DEL a' ? 'b' : 'a';
    await ask(path, request('ADD', other));
    first.resolve(emptyAnswer);
    await looked;
    await expect.poll(() => readdirSync(folder)).toEqual([]);
    await ask(path, request('CHECK', other));
    expect(seen.slice(1)).toEqual([`DEL ${other}`, `ADD ${other}`, `CHECK ${other}`]);
  });

  it('keeps a deferred DEL that failed', async () => {
    const folder = `${dir}/cni-deleted`;
    mkdirSync(folder);
    writeFileSync(`${folder}/stuck@eth0`, del('stuck'));
    await serve(async () => {
      throw new Error('no luck');
    });
    expect(readdirSync(folder)).toEqual(['stuck@eth0']);
  });
});
