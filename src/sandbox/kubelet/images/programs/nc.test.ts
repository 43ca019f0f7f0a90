import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';

const NC = join(import.meta.dirname, 'nc.sh');

async function nc(args: readonly string[], input = ''): Promise<[code: number | null, out: string, err: string]> {
  const child = spawn(NC, args, { stdio: 'pipe' });
  // It may be gone before it has read any.
  child.stdin.on('error', () => undefined).end(input);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return [code as number | null, out, err];
}

/** Whoever says something is asked back. */
async function server(): Promise<string> {
  const own = createServer((socket) => {
    socket.on('error', () => undefined).on('data', (chunk) => socket.end(`${String(chunk)}?`));
  });
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  onTestFinished(() => void own.close());
  return String((own.address() as AddressInfo).port);
}

describe('nc, as manifests ask for it', () => {
  it.each([[['-z']], [['-zv']], [['-z', '-v', '-w5']], [['-nz', '-w', '2']]])(
    '%j: is somebody there?',
    async (options) => {
      expect((await nc([...options, '127.0.0.1', await server()]))[0]).toBe(0);
    },
  );

  it('says so where nobody is', async () => {
    // tcpmux: of all ports the one that nobody has.
    expect(await nc(['-zv', '127.0.0.1', '1'])).toEqual([1, '', 'nc: 127.0.0.1 (1): not reached\n']);
  });

  it('carries what is said, both ways', async () => {
    expect(await nc(['127.0.0.1', await server()], 'ruok')).toEqual([0, 'ruok?', '']);
  });

  it('sends datagrams', async () => {
    const own = createSocket('udp4');
    onTestFinished(() => void own.close());
    own.bind(0, '127.0.0.1');
    await once(own, 'listening');
    const heard = once(own, 'message');
    const ran = nc(['-u', '-w1', '127.0.0.1', String(own.address().port)], 'hi');
    expect(String((await heard)[0])).toBe('hi');
    expect((await ran)[0]).toBe(0);
  });

  it.each([
    [['-q1', 'a', '1'], /does not have -q/] as const,
    [['-luz', '1'], /does not listen for datagrams/] as const,
  ])('refuses %j', async (args, message) => {
    expect(await nc(args)).toEqual([1, '', expect.stringMatching(message)]);
  });
});
