import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type NamespacedName, silentLogger } from '../../base/index.ts';
import type { Frontend, ServiceSpec } from '../../model/index.ts';
import { parseAddr } from '../../net/index.ts';
import type { WrittenService } from '../../plane/index.ts';
import { sampleFrontend, sampleName, sampleService } from '../../service/samples.ts';
import { Table } from '../../table/index.ts';
import { ServiceHealth } from './service-health.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const row = (healthCheckNodePort: number, more: Partial<ServiceSpec> = {}): ServiceSpec =>
  sampleService({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort, ...more });

function frontend(...states: ('ready' | 'draining')[]): Frontend {
  const backends = states.map((state, i) => ({
    addr: parseAddr(`10.244.1.${i + 1}`),
    port: 80,
    protocol: 'TCP' as const,
    state,
    pod: '' as const,
    local: true,
  }));
  return sampleFrontend(backends, { kind: 'NodePort', addr: parseAddr('::'), port: 30_080, externalLocal: true });
}

async function ask(port: number): Promise<[number, unknown] | string> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
    return [answer.status, await answer.json()];
  } catch {
    return 'refused';
  }
}

async function scene() {
  const services = new Table<ServiceSpec, NamespacedName>(() => sampleName('a/web'));
  const written = new Table<WrittenService, NamespacedName>(({ service }) => service);
  const health = new ServiceHealth({ services, written, log: silentLogger });
  await health.start();
  return {
    health,
    write: (spec: ServiceSpec, frontends: readonly Frontend[]) => {
      services.set(spec);
      written.set({ service: sampleName('a/web'), frontends });
    },
    drop: () => {
      services.delete(sampleName('a/web'));
      written.delete(sampleName('a/web'));
    },
  };
}

describe('ServiceHealth', () => {
  it('says whether this node has anybody, while the service wants it said', async () => {
    const { health, write, drop } = await scene();
    const port = await freePort();
    try {
      const service = { namespace: 'a', name: 'web' };
      write(row(port), [frontend('ready', 'ready')]);
      await expect.poll(() => ask(port)).toEqual([200, { service, localEndpoints: 2, serviceProxyHealthy: true }]);
      write(row(port), [frontend('draining')]);
      expect(await ask(port)).toEqual([503, { service, localEndpoints: 0, serviceProxyHealthy: true }]);
      write(row(port, { externalTrafficPolicy: 'Cluster' }), [frontend('ready')]);
      await expect.poll(() => ask(port)).toBe('refused');
      write(row(port), [frontend('ready')]);
      await expect.poll(() => ask(port)).toMatchObject([200, {}]);
      drop();
      await expect.poll(() => ask(port)).toBe('refused');
    } finally {
      await health.stop();
    }
  });

  it('says when somebody else has the port', async () => {
    const other = createServer().listen(0);
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { health, write } = await scene();
    try {
      write(row(port), [frontend('ready')]);
      await expect.poll(() => health.problemOf(sampleName('a/web'))).toContain('EADDRINUSE');
    } finally {
      await health.stop();
      other.close();
    }
  });

  it('answers a load balancer beside connections that say nothing', async () => {
    const port = await freePort();
    const { health, write } = await scene();
    write(row(port), [frontend('ready')]);
    await expect.poll(async () => (await fetch(`http://127.0.0.1:${port}`).catch(() => undefined))?.status).toBe(200);
    const idle = Array.from({ length: 100 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(200);
    for (const socket of idle) socket.destroy();
    await health.stop();
  });
});
