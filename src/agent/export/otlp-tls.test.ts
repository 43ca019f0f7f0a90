import { cpSync, readFileSync, rmSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Lifecycle, silentLogger, systemClock } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import { TestCertificates } from '../../base/testkit.ts';
import { TestHub } from '../../observe/testkit.ts';
import { parseConfig } from '../node/config.ts';
import { openExport } from './open-export.ts';
import { GrpcCollector, HttpCollector } from './testkit.ts';

const certificates = new TestCertificates();
const file = (name: string) => certificates.file(name);
const sign = (name: string, usage: 'serverAuth' | 'clientAuth') =>
  certificates.sign(name, { by: 'ca', alternatives: 'IP:127.0.0.1', usage });

beforeAll(() => {
  certificates.authority('ca', 'other');
  sign('server', 'serverAuth');
  sign('client', 'clientAuth');
});
afterAll(() => certificates[Symbol.dispose]());

it.each(['http/protobuf', 'grpc'])(
  'shows a certificate and asks for one by %s, as the files are now',
  async (protocol) => {
    const tls = {
      key: readFileSync(file('server.key')),
      cert: readFileSync(file('server.crt')),
      ca: readFileSync(file('ca.crt')),
      requestCert: true,
      rejectUnauthorized: true,
    };
    await using collector = await (protocol === 'grpc' ? new GrpcCollector(tls) : new HttpCollector(tls)).listen();
    const hub = new TestHub();
    const lifecycle = new Lifecycle({ log: silentLogger });
    const shown = { caFile: file('now-ca.crt'), certFile: file('now.crt'), keyFile: file('now.key') };
    const otlp = { endpoint: `https://127.0.0.1:${collector.port}`, protocol, timeoutSeconds: 5, ...shown };
    const config = parseConfig({ nodeName: 'node-1', otlp });
    const clock = { ...systemClock, sleep: async () => await turn() };
    const { services, standing } = await openExport(
      { config, registry: createRegistry(), log: silentLogger, clock },
      hub,
    );
    const becomes = async (pattern: RegExp): Promise<void> =>
      await vi.waitFor(() => expect(standing().problems.join()).toMatch(pattern), { timeout: 60_000, interval: 10 });
    try {
      await lifecycle.start(...services);
      await vi.waitFor(() => expect(hub.stats().readers).toBe(1), { timeout: 60_000 });
      hub.publish({});
      await becomes(/cannot be read: ENOENT/);
      cpSync(file('client.crt'), file('now.crt'));
      cpSync(file('client.key'), file('now.key'));
      cpSync(file('other.crt'), file('now-ca.crt'));
      await becomes(/certificate/);
      cpSync(file('ca.crt'), file('now-ca.crt'));
      await becomes(/^$/);
      expect(collector.flows).toHaveLength(1);
      expect(standing().fine).toContain('1 flows sent');
    } finally {
      await lifecycle.stop();
      for (const path of Object.values(shown)) rmSync(path, { force: true });
    }
  },
);
