/** Stands for images that say who answered, as traefik/whoami does: host name, addresses, and the request. */
import { createServer } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { port: { type: 'string' } }, strict: false });
const { WHOAMI_PORT_NUMBER = '80' } = process.env;

const server = createServer((request, response) => {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const lines = [
    `Hostname: ${hostname()}`,
    ...addresses.map(({ address }) => `IP: ${address}`),
    `RemoteAddr: ${request.socket.remoteAddress ?? ''}:${request.socket.remotePort ?? 0}`,
    `${request.method ?? ''} ${request.url ?? ''} HTTP/${request.httpVersion}`,
    ...Object.entries(request.headers).map(([name, value]) => `${name}: ${String(value)}`),
  ];
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.end(`${lines.join('\n')}\n`);
});
server.listen(Number(values['port'] ?? WHOAMI_PORT_NUMBER), '0.0.0.0');
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
