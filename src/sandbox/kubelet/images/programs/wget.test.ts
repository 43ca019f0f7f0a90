import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';

const WGET = join(import.meta.dirname, 'wget.sh');

async function wget(...args: readonly string[]): Promise<[code: number | null, out: string, err: string]> {
  const child = spawn(WGET, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return [code as number | null, out, err];
}

async function server(answer: RequestListener = (_, response) => response.end('hello')): Promise<string> {
  const own = createServer(answer).listen(0, '127.0.0.1');
  onTestFinished(() => {
    own.closeAllConnections();
    own.close();
  });
  await once(own, 'listening');
  return `http://127.0.0.1:${(own.address() as AddressInfo).port}/`;
}

describe('wget, as manifests ask for it', () => {
  it.each([
    [['-qO-']],
    [['-q', '-O', '-', '-T', '60']],
    [['-qT60', '-O-']],
    [['--timeout=60', '-qO-']],
    [['--quiet', '--timeout', '60', '--tries', '1', '--output-document', '-']],
    [['-T60', '-t1', '-qO-']],
  ])('%j fetches', async (options) => {
    expect(await wget(...options, await server())).toEqual([0, 'hello', '']);
  });

  it('passes on what it does not have to know', async () => {
    const url = await server((request, response) =>
      response.end([request.headers['x-a'], request.headers['user-agent']].join(' ')),
    );
    expect(await wget('-qT', '60', '--header', 'X-A: b c', '-U', 'me too', '-O-', url)).toEqual([0, 'b c me too', '']);
    expect(await wget('-qST60', '-O-', url)).toEqual([0, expect.any(String), expect.stringContaining('HTTP/1.1 200')]);
  });

  it('looks whether somebody is there', async () => {
    expect((await wget('--spider', '--timeout=60', await server()))[0]).toBe(0);
  });

  it.each([[['--spider', '--timeout=1']], [['-qO-', '-T', '1']]])('%j waits no longer', async (options) => {
    const url = await server(() => undefined);
    expect(await wget(...options, url)).toEqual([1, '', expect.stringMatching(/wget: download timed out\n$/)]);
  });

  it.each([
    [['-T', 'soon', 'http://a/'], /invalid number 'soon'/] as const,
    [['-T'], /requires an argument -- 'T'/] as const,
    [['-qO-', 'http://127.0.0.1:1/'], /Connection refused/] as const,
  ])('refuses %j', async (args, message) => {
    expect(await wget(...args)).toEqual([1, '', expect.stringMatching(message)]);
  });
});
