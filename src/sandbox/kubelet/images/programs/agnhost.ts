/**
 * Stands for Kubernetes' own test image, agnhost: the verbs `netexec`, `serve-hostname`, `connect` and `pause`, as far as
 * tests of networks use them. Any other verb is refused.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';

const [verb = 'pause', ...rest] = process.argv.slice(2);
const { values, positionals } = parseArgs({
  args: rest,
  strict: false,
  allowPositionals: true,
  options: Object.fromEntries(
    ['http-port', 'udp-port', 'port', 'timeout', 'protocol'].map((name) => [name, { type: 'string' as const }]),
  ),
});
const text = (name: string, otherwise: string): string => String(values[name] ?? otherwise);

/** Ends with the codes and words that the tests look for. */
function fail(word: string): never {
  console.error(word);
  process.exit(1);
}

function answer(path: URL, client: string): string {
  switch (path.pathname) {
    case '/hostname':
    case '/hostName':
      return hostname();
    case '/clientip':
      return client;
    case '/echo':
      return path.searchParams.get('msg') ?? '';
    case '/healthz':
      return 'ok';
    case '/':
      return `NOW: ${new Date().toISOString()}`;
    default:
      return '';
  }
}

function netexec(): void {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const { remoteAddress = '', remotePort = 0 } = request.socket;
    if (url.pathname === '/exit') {
      response.end();
      process.exit(Number(url.searchParams.get('code') ?? 0));
    }
    response.end(answer(url, `${remoteAddress.replace('::ffff:', '')}:${remotePort}`));
  });
  server.listen(Number(text('http-port', '8080')), '0.0.0.0');
  const socket = createSocket('udp4');
  socket.on('message', (message, { address, port }) => {
    const [word = '', ...said] = message.toString().trim().split(' ');
    const known: Record<string, string> = {
      hostname: hostname(),
      clientip: `${address}:${port}`,
      echo: said.join(' '),
    };
    socket.send(known[word.toLowerCase()] ?? '', port, address);
  });
  socket.bind(Number(text('udp-port', '8081')));
}

function serveHostname(): void {
  createServer((_, response) => response.end(hostname())).listen(Number(text('port', '9376')), '0.0.0.0');
}

function tryConnect(): void {
  const [target = ''] = positionals;
  const colon = target.lastIndexOf(':');
  if (text('protocol', 'tcp').toLowerCase() !== 'tcp') fail('OTHER: only TCP is tried here');
  const limit = /^(\d+)(ms|s)$/.exec(text('timeout', '0s'));
  const ms = Number(limit?.[1] ?? 0) * (limit?.[2] === 's' ? 1_000 : 1);
  const socket = connect({ host: target.slice(0, colon), port: Number(target.slice(colon + 1)) });
  if (ms > 0) setTimeout(() => fail('TIMEOUT'), ms);
  socket.on('connect', () => process.exit(0));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const words: Record<string, string> = { ECONNREFUSED: 'REFUSED', ENOTFOUND: 'DNS', ETIMEDOUT: 'TIMEOUT' };
    fail(words[error.code ?? ''] ?? `OTHER: ${error.message}`);
  });
}

const VERBS: Readonly<Record<string, () => void>> = {
  netexec,
  'serve-hostname': serveHostname,
  connect: tryConnect,
  pause: () => setInterval(() => undefined, 2 ** 30),
};

const run = VERBS[verb];
if (run === undefined) fail(`the sandbox's agnhost has no "${verb}", only ${Object.keys(VERBS).join(', ')}`);
if (verb !== 'connect') for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
run();
