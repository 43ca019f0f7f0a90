import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { create, fromBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Lifecycle, silentLogger, systemClock } from '../../base/index.ts';
import { TestCertificates } from '../../base/testkit.ts';
import { HIDDEN_PEER } from '../../model/index.ts';
import { AgentNotices, Rights, type Subject } from '../../observe/index.ts';
import { TestHub } from '../../observe/testkit.ts';
import { EVERYTHING } from './caller.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema, Observer } from './gen/observer/observer_pb.js';
import { NodeState } from './gen/relay/relay_pb.js';
import { HubbleServer } from './hubble-server.ts';
import { nodeTeller } from './node-teller.ts';
import { NodeLinks } from './relay/node-links.ts';
import { RelayCounts } from './relay/relay-counts.ts';
import { relayTeller } from './relay/relay-teller.ts';

describe('the observer API with TLS', () => {
  let certificates: TestCertificates;
  let server: HubbleServer;
  let hub: TestHub;
  const asked: Subject[] = [];
  const lifecycle = new Lifecycle({ log: silentLogger });
  const file = (name: string) => certificates.file(name);
  const sign = (name: string, by: string, dns: string) =>
    certificates.sign(name, {
      by,
      alternatives: `DNS:${dns}`,
      subject: `/CN=${dns}`,
      usage: name === 'server' ? 'serverAuth' : 'clientAuth',
    });

  const secrets = (name: string) => ({
    cert: readFileSync(file(`${name}.crt`)),
    key: readFileSync(file(`${name}.key`)),
    ca: readFileSync(file('ca.crt')),
  });

  const status = async (options: Readonly<Record<string, unknown>>) =>
    await createClient(
      Observer,
      createGrpcTransport({
        baseUrl: `https://127.0.0.1:${server.port}`,
        nodeOptions: { servername: 'node-1.test', ...options },
      }),
    ).serverStatus({});

  beforeAll(async () => {
    certificates = new TestCertificates();
    certificates.authority('ca', 'others', 'users');
    sign('user', 'users', 'alice');
    sign('server', 'ca', 'node-1.test');
    sign('client', 'ca', 'client.test');
    sign('stranger', 'others', 'client.test');
    hub = new TestHub();
    hub.publish({});
    server = new HubbleServer({
      teller: async () =>
        nodeTeller({
          hub,
          notices: new AgentNotices(),
          rights: new Rights({
            ask: async (subject) => asked.push(subject) < 0,
            tenantOf: () => undefined,
            peers: () => HIDDEN_PEER,
            namespaces: () => ['a'],
            clock: systemClock,
          }),
          cluster: 'test',
          node: 'node-1',
          version: '1.2.3',
          peers: () => [{ name: 'node-1', address: `127.0.0.1:${server.port}` }],
          onPeers: () => undefined,
          serverName: 'node-1.test',
        }),
      socketPath: file('hubble.sock'),
      tcp: {
        host: '127.0.0.1',
        port: 0,
        tls: {
          certFile: file('server.crt'),
          keyFile: file('server.key'),
          relayCaFile: file('ca.crt'),
          clientCaFile: file('users.crt'),
        },
      },
      log: silentLogger,
    });
    await lifecycle.start(server);
  });
  afterAll(async () => {
    await lifecycle.stop();
    certificates[Symbol.dispose]();
  });

  it('shows all to a relay, to users what they may see, and nothing to anybody else', async () => {
    expect(await status(secrets('client'))).toMatchObject({ version: '1.2.3', seenFlows: 1n });
    const { ca } = secrets('client');
    expect(await status({ ...secrets('user'), ca })).toMatchObject({ version: '1.2.3', seenFlows: 0n });
    expect(asked).toContainEqual({ name: 'alice', groups: ['system:authenticated'] });
    await expect(status({ ca })).rejects.toMatchObject({ code: Code.Unauthenticated });
    await expect(status({ ...secrets('stranger'), ca })).rejects.toMatchObject({ code: Code.Unauthenticated });
    // What a node shows as a server does not make a relay of it.
    await expect(status({ ...secrets('server'), ca })).rejects.toMatchObject({ code: Code.Unauthenticated });
    await expect(status({ ...secrets('client'), servername: 'node-2.test' })).rejects.toThrow();
  });

  it('is asked so by a relay, which knows the node by its certificate', async () => {
    const links = new NodeLinks({
      peerService: file('hubble.sock'),
      secrets: () => secrets('client'),
      clock: systemClock,
      log: silentLogger,
    });
    const life = new Lifecycle({ log: silentLogger });
    await life.start(links);
    await expect
      .poll(() => links.all.map(({ name, isConnected }) => [name, isConnected]))
      .toEqual([['test/node-1', true]]);
    await life.stop();
  });

  it('believes no certificate that has expired since, on the connection that it opened', async () => {
    const [relay, user] = ['client', 'user'].map((who) => {
      const nodeOptions = { servername: 'node-1.test', ...secrets(who), ca: readFileSync(file('ca.crt')) };
      return createClient(Observer, createGrpcTransport({ baseUrl: `https://127.0.0.1:${server.port}`, nodeOptions }));
    });
    await Promise.all([relay?.serverStatus({}), user?.serverStatus({})]);
    const reading = (async () => {
      for await (const _ of relay?.getFlows({ follow: true }) ?? []);
    })().catch((error: unknown) => ConnectError.from(error).code);
    await expect.poll(() => hub.stats().readers).toBe(1);
    const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3 * 86_400_000);
    try {
      const expired = { code: Code.Unauthenticated, rawMessage: 'the certificate has expired' };
      await expect(relay?.serverStatus({})).rejects.toMatchObject(expired);
      await expect(user?.serverStatus({})).rejects.toMatchObject(expired);
      expect(await reading).toBe(Code.Unauthenticated);
    } finally {
      now.mockRestore();
    }
  });

  it('is believed by no relay on a connection that it opened before the certificate expired', async () => {
    const told: AbortSignal[] = [];
    const open: HubbleServer = new HubbleServer({
      teller: async () =>
        nodeTeller({
          hub,
          notices: new AgentNotices(),
          cluster: 'test',
          node: 'node-1',
          version: '1',
          peers: () => [{ name: 'node-1', address: `127.0.0.1:${open.port}` }],
          onPeers: (_, signal) => void told.push(signal),
          serverName: 'node-1.test',
        }),
      socketPath: undefined,
      // Whoever reaches it sees all: what expires is the certificate of the node alone.
      tcp: {
        host: '127.0.0.1',
        port: 0,
        isOpen: true,
        tls: { certFile: file('server.crt'), keyFile: file('server.key') },
      },
      log: silentLogger,
    });
    const life = new Lifecycle({ log: silentLogger });
    await life.start(open);
    const links = new NodeLinks({
      peerService: `127.0.0.1:${open.port}`,
      serverName: 'node-1.test',
      secrets: () => secrets('client'),
      clock: systemClock,
      log: silentLogger,
    });
    await life.start(links);
    await expect.poll(() => links.all.map(({ isConnected }) => isConnected)).toEqual([true]);
    const counts = new RelayCounts();
    const stop = new AbortController();
    const request = create(GetFlowsRequestSchema, { follow: true });
    const flows = relayTeller(links, { version: '1', counts }).flows(request, EVERYTHING, stop.signal);
    const news: string[] = [];
    const reading = (async () => {
      for await (const group of flows)
        for (const { responseTypes } of group.map((bytes) => fromBinary(GetFlowsResponseSchema, bytes)))
          if (responseTypes.case === 'nodeStatus')
            news.push(`${NodeState[responseTypes.value.stateChange]} ${responseTypes.value.message}`);
    })();
    await expect.poll(() => hub.stats().readers).toBe(1);
    const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3 * 86_400_000);
    try {
      await links.look(stop.signal);
      expect(links.all.map(({ isConnected }) => isConnected)).toEqual([false]);
      await expect.poll(() => hub.stats().readers).toBe(0);
      await expect
        .poll(() => news.some((one) => /^NODE_ERROR .*certificate of the node has expired/.test(one)))
        .toBe(true);
      expect(counts.failures).toEqual({ lie: 0, broken: 1 });
      // Nor is it believed which nodes there are.
      await expect.poll(() => told[0]?.aborted).toBe(true);
    } finally {
      now.mockRestore();
    }
    stop.abort();
    await reading;
    await life.stop();
  });

  it('asks for a certificate only where one can hold: Hubble’s own client ends if it is asked and has none', async () => {
    const asks = async (port: number | undefined): Promise<boolean> => {
      const client = ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2', '-msg'];
      const { stdout } = await promisify(execFile)('sh', ['-c', `openssl ${client.join(' ')} < /dev/null 2>&1; true`]);
      expect(stdout).toContain('ServerHelloDone');
      return stdout.includes('CertificateRequest');
    };
    const alone = new HubbleServer({
      teller: async () => await Promise.reject(new Error('nobody may ask')),
      socketPath: undefined,
      tcp: { host: '127.0.0.1', port: 0, tls: { certFile: file('server.crt'), keyFile: file('server.key') } },
      log: silentLogger,
    });
    const life = new Lifecycle({ log: silentLogger });
    await life.start(alone);
    expect([await asks(server.port), await asks(alone.port)]).toEqual([true, false]);
    await life.stop();
  });

  it('refuses files that do not belong together', async () => {
    const broken = new HubbleServer({
      teller: async () => await Promise.reject(new Error('nobody may ask')),
      socketPath: undefined,
      tcp: {
        host: '127.0.0.1',
        port: 0,
        tls: { certFile: file('server.crt'), keyFile: file('client.key'), clientCaFile: file('ca.crt') },
      },
      log: silentLogger,
    });
    await expect(broken.start(lifecycle)).rejects.toMatchObject({ code: 'E_HUBBLE_TLS' });
  });
});
