import { afterEach, expect, test } from 'vitest';
import { isMembraneError } from '../base/index.ts';
import { Counter, createRegistry } from '../base/metrics.ts';
import { type MetricsServer, type MetricsServerOptions, metricsServer } from './metrics-server.ts';

const registry = createRegistry();
new Counter({ name: 'membrane_test_things_total', help: 'Things.', registers: [registry] }).inc(3);
const running: MetricsServer[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function serve(options: MetricsServerOptions): Promise<string> {
  const server = metricsServer(registry, options);
  await server.start();
  running.push(server);
  const { host = '', port = 0 } = server.address() ?? {};
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isMembraneError(error) ? error.code : String(error)),
  );

test('serves metrics and nothing else', async () => {
  const url = await serve({ port: 0 });
  const good = await fetch(`${url}/metrics`);
  expect(good.headers.get('content-type')).toContain('text/plain');
  expect(await good.text()).toContain('membrane_test_things_total 3');
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
});

test.each(['0.0.0.0', '::', '192.0.2.1', 'localhost', '127.0.0.1.example.org'])('%s is refused', async (host) => {
  expect(await codeOf(serve({ host, port: 0 }))).toBe('E_API_METRICS_HOST');
});

test('other hosts on request', async () => {
  expect(await codeOf(serve({ host: '0.0.0.0', port: 0, allowNonLoopback: true }))).toBe('no error');
});

test('a port that is taken is named', async () => {
  const { port } = new URL(await serve({ port: 0 }));
  expect(await codeOf(serve({ port: Number(port) }))).toBe('E_API_METRICS_PORT');
});
