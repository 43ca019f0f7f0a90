import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerTo } from './message.ts';
import { DnsServer } from './server.ts';
import { TestCluster } from './testkit.ts';
import { Zone } from './zone.ts';

const run = promisify(execFile);
const cluster = new TestCluster('shop');
const zone = new Zone(cluster.view, 'cluster.local');
const server = new DnsServer(zone);
let port = 0;

beforeAll(async () => {
  cluster.service('web', 'shop', { clusterIP: '10.96.1.1', ports: [{ name: 'http', port: 80 }] });
  cluster.service('many', 'shop', { clusterIP: 'None' });
  const endpoints = Array.from({ length: 100 }, (_, i) => ({ addresses: [`10.244.1.${i + 1}`] }));
  cluster.slice('many', 'shop', endpoints, [{ name: 'http', port: 80 }]);
  port = await server.listen('127.0.0.1', 0);
});
afterAll(() => server.close());

async function dig(...args: string[]): Promise<string> {
  const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(port), '+tries=1', '+time=20', ...args]);
  return stdout;
}

test('dig has its answer', async () => {
  const out = await dig('web.shop.svc.cluster.local');
  expect(out).toMatch(/status: NOERROR/);
  expect(out).toMatch(/flags: qr aa rd/);
  expect(out).toMatch(/web\.shop\.svc\.cluster\.local\.\s+30\s+IN\s+A\s+10\.96\.1\.1/);
  expect(out).toMatch(/EDNS: version: 0/);
  const service = await dig('SRV', '_http._tcp.web.shop.svc.cluster.local');
  expect(service).toMatch(/SRV\s+0 100 80 web\.shop\.svc\.cluster\.local\./);
  expect(service).toMatch(/ADDITIONAL SECTION:\nweb\.shop\S+\s+30\s+IN\s+A\s+10\.96\.1\.1/);
  expect(await dig('-x', '10.96.1.1', '+short')).toBe('web.shop.svc.cluster.local.\n');
});

test('what is not there', async () => {
  const out = await dig('example.com');
  expect(out).toMatch(/status: NXDOMAIN/);
  expect(out).toMatch(/cluster\.local\.\s+30\s+IN\s+SOA\s+ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\./);
  expect(await dig('AAAA', 'web.shop.svc.cluster.local')).toMatch(/status: NOERROR[^]*ANSWER: 0, AUTHORITY: 1/);
});

test.each([[['+noedns']], [['+bufsize=512']], [[]]])(
  'too much for a datagram is asked for again by TCP: %j',
  async (more) => {
    const name = 'many.shop.svc.cluster.local';
    expect(await dig('+ignore', ...more, name)).toMatch(/flags: qr aa tc rd/);
    const whole = await dig('+short', ...more, name);
    expect(whole.trim().split('\n')).toHaveLength(100);
  },
);

test('another version of EDNS, class or operation', async () => {
  expect(await dig('+edns=1', '+noednsnegotiation', 'web.shop.svc.cluster.local')).toMatch(/status: BADVERS/);
  expect(await dig('CH', 'TXT', 'version.bind')).toMatch(/status: REFUSED/);
  expect(await dig('+opcode=STATUS', 'web.shop.svc.cluster.local')).toMatch(/status: NOTIMP/);
});

test('several questions on one connection, in pieces', async () => {
  const query = Buffer.from(
    '0021abcd0100000100000000000003776562047368 6f7003737663076c6f63616c3100'.replace(' ', ''),
    'hex',
  );
  const socket = connect(port, '127.0.0.1');
  // The length says more than there is: nothing is answered until the rest has come.
  socket.write(query.subarray(0, 5));
  socket.write(query.subarray(5));
  socket.write(Buffer.alloc(0x21 + 2 - query.length));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.subarray(2, 4).toString('hex')).toBe('abcd');
  socket.destroy();
});

test('bytes of anybody are answered with an error or not at all', async () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.constantFrom('udp' as const, 'tcp' as const),
      (bytes, transport) => {
        const answer = answerTo(Buffer.from(bytes), zone, transport);
        return answer === undefined || (answer.readUInt16BE(2) & 0x8000) !== 0;
      },
    ),
    { numRuns: 500 },
  );
  const udp = createSocket('udp4');
  for (let length = 0; length < 40; length += 1) udp.send(Buffer.alloc(length, 1), port, '127.0.0.1');
  expect(await dig('+short', 'web.shop.svc.cluster.local')).toBe('10.96.1.1\n');
  udp.close();
});
