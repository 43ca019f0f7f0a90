import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../base/index.ts';
import { type CniRequest, decodeAnswer, emptyAnswer, encodeFrame } from '../endpoint/index.ts';
import { CniServer } from './cni-server.ts';

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

async function serve(handle: (request: CniRequest) => Promise<typeof emptyAnswer>): Promise<string> {
  const path = `${dir}/cni.sock`;
  await lifecycle.start(new CniServer({ path, handle, log: silentLogger }));
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

function del(container: string): Buffer {
  const env = new Map([
    ['CNI_COMMAND', 'DEL'],
    ['CNI_CONTAINERID', container],
    ['CNI_IFNAME', 'eth0'],
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
    let sideBySide = false;
    const path = await serve(async (request) => {
      if (request.command !== 'DEL') throw new Error('unexpected');
      const key = request.attachment.containerId;
      overlapped ||= running.includes(key);
      sideBySide ||= running.length > 0;
      running.push(key);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running.splice(running.indexOf(key), 1);
      return emptyAnswer;
    });
    await Promise.all(['a', 'a', 'b', 'a', 'b'].map((container) => ask(path, del(container))));
    expect({ overlapped, sideBySide }).toEqual({ overlapped: false, sideBySide: true });
  });
});
