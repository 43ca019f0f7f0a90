import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { isObject, type Json, type JsonObject } from '../json.ts';

/** Longer than any token of ours: what an attacker sends is not even decoded. */
const MAX_TOKEN = 8_192;
const DSA_ENCODING = 'ieee-p1363';

/** Signs and checks JSON web tokens (RFC 7519, ES256) with a key that lives as long as the server. */
export class TokenSigner {
  readonly #key: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;

  constructor() {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = privateKey;
    this.#publicKey = createPublicKey(privateKey);
    const der = this.#publicKey.export({ type: 'spki', format: 'der' });
    this.#keyId = createHash('sha256').update(der).digest('base64url');
  }

  /** The public half as a set of JSON web keys (RFC 7517). */
  get keySet(): JsonObject {
    const jwk = this.#publicKey.export({ format: 'jwk' }) as JsonObject;
    return { keys: [{ use: 'sig', alg: 'ES256', kid: this.#keyId, ...jwk }] };
  }

  sign(claims: JsonObject): string {
    const head = `${encoded({ alg: 'ES256', kid: this.#keyId })}.${encoded(claims)}`;
    const signature = sign('sha256', Buffer.from(head), { key: this.#key, dsaEncoding: DSA_ENCODING });
    return `${head}.${signature.toString('base64url')}`;
  }

  /** The claims of a token that this key signed. The header chooses nothing: there is one key and one algorithm. */
  claims(token: string): JsonObject | undefined {
    const [header = '', body = '', signature = '', ...more] = token.slice(0, MAX_TOKEN).split('.');
    if (more.length > 0 || body === '' || token.length > MAX_TOKEN) return undefined;
    const key = { key: this.#publicKey, dsaEncoding: DSA_ENCODING } as const;
    if (!verify('sha256', Buffer.from(`${header}.${body}`), key, Buffer.from(signature, 'base64url'))) return undefined;
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Json;
    return isObject(claims) ? claims : undefined;
  }
}

function encoded(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
