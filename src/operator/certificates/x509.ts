import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { bits, type Der, explicit, implicit, octets, oid, sequence, set, text, time, truth, unsigned } from './der.ts';

/** PEM. */
export type KeyPair = { readonly cert: string; readonly key: string };

export type Wish = {
  readonly commonName: string;
  /** Names of a server. None: an authority. */
  readonly dns: readonly string[];
  /** What it may be shown as. */
  readonly usages: readonly ('server' | 'client')[];
  /** ms since the epoch. */
  readonly from: number;
  readonly until: number;
};

const USAGES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const KEY_USAGE = { sign: bits(Buffer.from([0x80]), 7), certify: bits(Buffer.from([0x04]), 2) };

/** An authority with a key of its own (P-256), or a certificate that `issuer` signs (RFC 5280). */
export function makeCertificate(wish: Wish, issuer?: KeyPair): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const issuing = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const issuerName = issuer === undefined ? wish.commonName : commonNameOf(issuer);
  const body = sequence(
    explicit(0, unsigned(Buffer.from([2]))),
    unsigned(serialNumber()),
    ECDSA_SHA256,
    nameOf(issuerName),
    sequence(time(wish.from), time(wish.until)),
    nameOf(wish.commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions(wish, publicKey, issuer === undefined ? publicKey : createPublicKey(issuing)))),
  );
  const signature = sign('sha256', body, { key: issuing, dsaEncoding: 'der' });
  const cert = sequence(body, ECDSA_SHA256, bits(signature));
  return { cert: pem('CERTIFICATE', cert), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** Whether both can be read, and belong together. */
export function isPair({ cert, key }: { readonly cert: string; readonly key?: string }): boolean {
  try {
    const read = new X509Certificate(cert);
    return key === undefined || read.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function extensions({ dns, usages }: Wish, own: KeyObject, issuing: KeyObject): Der[] {
  const isAuthority = usages.length === 0;
  return [
    extension('2.5.29.19', isAuthority ? sequence(truth()) : sequence(), true),
    extension('2.5.29.15', isAuthority ? KEY_USAGE.certify : KEY_USAGE.sign, true),
    extension('2.5.29.14', octets(keyId(own))),
    extension('2.5.29.35', sequence(implicit(0, keyId(issuing)))),
    ...(isAuthority ? [] : [extension('2.5.29.37', sequence(...usages.map((usage) => oid(USAGES[usage]))))]),
    ...(dns.length === 0
      ? []
      : [extension('2.5.29.17', sequence(...dns.map((name) => implicit(2, Buffer.from(name)))))]),
  ];
}

const extension = (id: string, value: Der, isCritical = false): Der =>
  sequence(oid(id), ...(isCritical ? [truth()] : []), octets(value));

const nameOf = (commonName: string): Der => sequence(set(sequence(oid('2.5.4.3'), text(commonName))));

const commonNameOf = ({ cert }: KeyPair): string => /CN=(.*)/.exec(new X509Certificate(cert).subject)?.[1] ?? '';

function keyId(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}

/** Positive, of 19 bytes, the first of which is not 0. */
function serialNumber(): Buffer {
  const serial = randomBytes(19);
  serial[0] = 1 + ((serial[0] ?? 0) % 0x7f);
  return serial;
}

function pem(label: string, der: Der): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
