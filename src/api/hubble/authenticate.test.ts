import type { IncomingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import type { Subject } from '../../observe/index.ts';
import { authenticate, type Entrance } from './authenticate.ts';

const PORT: Entrance = { kind: 'port', relayCa: () => undefined };
const bearer = (token: string): IncomingHttpHeaders => ({ authorization: `Bearer ${token}` });
const by = (headers: IncomingHttpHeaders, socket: Socket = new Socket()) => ({ headers, socket });

/** A connection that has shown a certificate of this subject, which TLS has accepted. */
function shown(subject: Partial<PeerCertificate['subject']>): Socket {
  const certificate = { subject, valid_to: 'Jan  1 00:00:00 2200 GMT', fingerprint256: 'AA' };
  return Object.create(TLSSocket.prototype, {
    authorized: { value: true },
    getPeerCertificate: { value: () => certificate },
  }) as Socket;
}

describe('who sends a request', () => {
  it('is nobody by a token where nobody knows tokens, whatever else would let him in', async () => {
    for (const entrance of [PORT, { kind: 'trusted' } as const]) {
      for (const headers of [bearer('x'), { authorization: `Basic ${btoa(':x')}` }]) {
        const asked = authenticate(by(headers), entrance, undefined);
        await expect(asked).rejects.toMatchObject({ code: Code.Unauthenticated });
      }
    }
  });

  it('is no more who he was when his token is of another of his name', async () => {
    let subject: Subject | undefined = { name: 'shop', uid: 'first', groups: [] };
    const caller = await authenticate(by(bearer('x')), PORT, async () => subject);
    expect(await caller.stillHolds?.()).toBe(true);
    for (const other of [
      { name: 'shop', uid: 'second', groups: [] },
      { name: 'bank', uid: 'first', groups: [] },
      undefined,
    ]) {
      subject = other;
      expect(await caller.stillHolds?.()).toBe(false);
    }
  });

  it('is whom his certificate names, in the groups that it names, and nobody by one that names nobody', async () => {
    const caller = await authenticate(by({}, shown({ CN: 'anna', O: 'shop' })), PORT, undefined);
    expect(caller).toMatchObject({
      seesAll: false,
      subject: { name: 'anna', groups: ['shop', 'system:authenticated'] },
    });
    for (const subject of [{}, { CN: '' }, { O: 'system:masters' }]) {
      const asked = authenticate(by({}, shown(subject)), PORT, undefined);
      await expect(asked).rejects.toMatchObject({ code: Code.Unauthenticated });
    }
  });
});
