import { createSocket } from 'node:dgram';
import { flushCompileCache } from 'node:module';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What pods of scenarios run: says its name and whom it sees, `NAME ADDRESS:PORT`, in the language that it is asked in:
 * HTTP, DNS (any question is answered by a TXT record), or else a line or datagram. Arguments: `tcp:8080 udp:53`.
 *
 * NAME: default the host name. DRAIN_MS: how long it goes on as before after SIGTERM; default 0.
 */
const name = process.env['NAME'] ?? hostname();
const drainMs = Number(process.env['DRAIN_MS'] ?? 0);
let isReady = process.env['READY'] !== 'no';

const HTTP_START = 'GET ';
const DNS_HEADER = 12;
const TXT = 16;

function dnsAnswer(query: Buffer, text: string): Buffer {
  let end = DNS_HEADER;
  while ((query[end] ?? 0) !== 0) end += (query[end] ?? 0) + 1;
  const question = query.subarray(DNS_HEADER, end + 5);
  const header = Buffer.alloc(DNS_HEADER);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  header.writeUInt16BE(0x8400, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(1, 6);
  const record = Buffer.alloc(DNS_HEADER);
  // A pointer to the question's name; class IN, not to be kept.
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(TXT, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt16BE(text.length + 1, 10);
  return Buffer.concat([header, question, record, Buffer.from([text.length]), Buffer.from(text)]);
}

function httpAnswer(request: string, text: string): string {
  const [, path = '/'] = request.split(' ', 2);
  if (path.startsWith('/become/ready')) isReady = true;
  if (path.startsWith('/become/unready')) isReady = false;
  const status = path === '/ready' && !isReady ? '503 Unready' : '200 OK';
  return `HTTP/1.1 ${status}\r\nContent-Length: ${text.length + 1}\r\nConnection: close\r\n\r\n${text}\n`;
}

const servers = process.argv.slice(2).map((wish) => {
  const [protocol, port] = wish.split(':');
  if (protocol === 'udp') {
    const socket = createSocket('udp4');
    socket.on('message', (data, peer) => {
      const text = `${name} ${peer.address}:${peer.port}`;
      const isDns = data.length > DNS_HEADER && data[4] === 0 && data[5] === 1;
      socket.send(isDns ? dnsAnswer(data, text) : text, peer.port, peer.address);
    });
    socket.bind(Number(port), '0.0.0.0');
    return socket;
  }
  const server = createServer((socket) => {
    const text = `${name} ${socket.remoteAddress}:${socket.remotePort}`;
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const start = data.toString('latin1', 0, HTTP_START.length);
      if (start === HTTP_START) socket.end(httpAnswer(data.toString('latin1'), text));
      else if (data[0] !== 0) socket.write(`${text}\n`);
      else {
        const answer = dnsAnswer(data.subarray(2), text);
        socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 0xff]), answer]));
      }
    });
  });
  return server.listen({ port: Number(port), host: '0.0.0.0', backlog: 4096 });
});

process.once('SIGTERM', () => {
  void sleep(drainMs).then(() => {
    for (const server of servers) server.close();
    // Answers that are under way.
    return sleep(100).then(() => process.exit(0));
  });
});

// A pod may be killed at any time; the next need not compile this again.
flushCompileCache();
