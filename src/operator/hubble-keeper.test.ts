import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import type { SecretData, SecretRecord } from '../kube/index.ts';
import { HubbleKeeper, NODE_NAME } from './hubble-keeper.ts';

const DAY_MS = 86_400_000;

class Secrets {
  readonly all = new Map<string, SecretRecord>();

  of(name: string) {
    return {
      get: async () => this.all.get(name),
      put: async (data: SecretData, _type: string, found: SecretRecord | undefined) => {
        if (this.all.get(name)?.resourceVersion !== found?.resourceVersion) return false;
        const resourceVersion = String(Number(found?.resourceVersion ?? 0) + 1);
        this.all.set(name, { data, resourceVersion, object: {} });
        return true;
      },
    };
  }

  data(name: string): SecretData {
    return this.all.get(name)?.data ?? {};
  }
}

function keeperOf(secrets: Secrets, clock: FakeClock): HubbleKeeper {
  return new HubbleKeeper({
    authority: secrets.of('authority'),
    nodes: secrets.of('nodes'),
    relay: secrets.of('relay'),
    relayNamespace: 'kube-system',
    intervalMs: 1_000,
    clock,
    log: silentLogger,
  });
}

const certificatesIn = (pem = '') =>
  (pem.match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g) ?? []).map((one) => new X509Certificate(one));

/** Whether who believes `bundle` believes this leaf at that time. */
function believes(bundle: string | undefined, leaf: string | undefined, now: number): boolean {
  const [cert] = certificatesIn(leaf);
  const holds = (one: X509Certificate) => Date.parse(one.validFrom) <= now && now < Date.parse(one.validTo);
  return (
    cert !== undefined &&
    holds(cert) &&
    certificatesIn(bundle).some((ca) => holds(ca) && cert.checkIssued(ca) && cert.verify(ca.publicKey))
  );
}

describe('certificates between relay and nodes', () => {
  it('are believed in a handshake by name and use, by both sides', async () => {
    const secrets = new Secrets();
    await keeperOf(secrets, new FakeClock(Date.now())).round(() => undefined);
    const [nodes, relay] = [secrets.data('nodes'), secrets.data('relay')];
    const own = (data: SecretData) => ({ cert: data['tls.crt'], key: data['tls.key'], ca: data['ca.crt'] });
    const server = tls.createServer({ ...own(nodes), requestCert: true, rejectUnauthorized: true });
    server.on('tlsClientError', () => undefined);
    server.on('secureConnection', (socket) => socket.end(String(socket.authorized)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const said = async (data: SecretData, servername: string): Promise<string> => {
      const socket = tls.connect({ port, host: '127.0.0.1', servername, ...own(data) });
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    };
    expect(await said(relay, NODE_NAME)).toBe('true');
    await expect(said(relay, 'another.node')).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    // A node shows itself as a server only: with its key nobody asks others as a relay.
    expect(await said(nodes, NODE_NAME).catch(() => 'refused')).not.toBe('true');
    server.close();
  });

  it('hold for seven years, also while Secrets come half a day late', async () => {
    const secrets = new Secrets();
    const begin = Date.UTC(2026, 0, 1);
    const clock = new FakeClock(begin);
    const keeper = keeperOf(secrets, clock);
    let late: { readonly nodes: SecretData; readonly relay: SecretData } | undefined;
    const authorities = new Set<string>();
    // Half days after a change, weeks where nothing changes.
    let halves = 0;
    while (clock.now() < begin + 7 * 365 * DAY_MS) {
      const before = secrets.all.get('authority');
      // As often as one likes: an operator looks every minute.
      for (let round = 0; round < 3; round += 1) await keeper.round(() => undefined);
      const now = { nodes: secrets.data('nodes'), relay: secrets.data('relay') };
      if (secrets.all.get('authority') !== before) halves = 6;
      else if (now.nodes !== late?.nodes) halves = Math.max(halves, 1);
      authorities.add(secrets.data('authority')['ca.crt'] ?? '');
      const old = late ?? now;
      const at = clock.now();
      const sides = [now, old].flatMap((node) => [now, old].map((relay) => [node.nodes, relay.relay] as const));
      for (const [node, relay] of sides) {
        const isBelieved = {
          relay: believes(node['ca.crt'], relay['tls.crt'], at),
          node: believes(relay['ca.crt'], node['tls.crt'], at),
        };
        expect({ at: new Date(at), isBelieved }).toEqual({ at: new Date(at), isBelieved: { relay: true, node: true } });
      }
      late = now;
      await clock.advance(halves > 0 ? DAY_MS / 2 : 14 * DAY_MS);
      halves = Math.max(0, halves - 1);
    }
    expect(authorities.size).toBeGreaterThan(2);
  });

  it('are made anew where what is kept cannot be read, and left alone where another was faster', async () => {
    const secrets = new Secrets();
    const clock = new FakeClock(Date.now());
    const keeper = keeperOf(secrets, clock);
    await keeper.round(() => undefined);
    const before = new Map(secrets.all);
    await keeper.round(() => undefined);
    expect(new Map(secrets.all)).toEqual(before);
    const record = secrets.all.get('nodes');
    secrets.all.set('nodes', { data: { ...record?.data, 'tls.key': 'nonsense' }, resourceVersion: '7', object: {} });
    await keeper.round(() => undefined);
    expect(secrets.data('nodes')['tls.key']).toContain('PRIVATE KEY');
    secrets.all.set('authority', { data: { 'ca.crt': 'x', 'ca.key': 'y' }, resourceVersion: '9', object: {} });
    await keeper.round(() => undefined);
    expect(believes(secrets.data('nodes')['ca.crt'], secrets.data('relay')['tls.crt'], clock.now())).toBe(true);
    await expect(
      keeper.round(() => {
        throw new Error('another leads');
      }),
    ).resolves.toBeUndefined();
    secrets.all.clear();
    await expect(
      keeper.round(() => {
        throw new Error('another leads');
      }),
    ).rejects.toThrow('another leads');
    expect(secrets.all.size).toBe(0);
  });
});
