import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../base/index.ts';
import { type FieldError, invalid } from '../../../model/index.ts';
import { type Json, type JsonObject, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import { type KubeObject, timestamp } from '../object.ts';
import { badRequest, conflict } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import type { ObjectKey } from '../store/options.ts';
import { invalidObject } from '../validate/invalid-object.ts';
import { TokenSigner } from './token-signer.ts';
import { AUTHENTICATED, serviceAccountGroups, serviceAccountName, type User } from './user.ts';

/** Who issues tokens, and for whom they are unless somebody asks for another audience. */
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';

const CLAIM = 'kubernetes.io';
const DEFAULT_SECONDS = 3_600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

/** The object that a token ends with. */
export type TokenBinding = {
  readonly kind: 'Pod' | 'Secret' | 'Node';
  readonly name: string;
  /** Empty: of whichever is there. */
  readonly uid?: string;
};

export type TokenRequest = {
  /** Default: the API server's. */
  readonly audiences?: readonly string[];
  /** 600 to 2^32. Default 3600. */
  readonly expirationSeconds?: number;
  readonly bound?: TokenBinding;
};

export type IssuedToken = {
  readonly token: string;
  readonly expirationTimestamp: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
};

/** What a good token says. */
export type VerifiedToken = { readonly user: User; readonly audiences: readonly string[] };

const RESOURCES = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' } as const;

/** Tokens of service accounts: made for who asks, and good as long as the account and what they are bound to are there. */
export class ServiceAccountTokens {
  readonly #store: ApiStore;
  readonly #clock: Clock;
  readonly #signer = new TokenSigner();

  constructor(store: ApiStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get keySet(): JsonObject {
    return this.#signer.keySet;
  }

  /** Throws ApiError: there is no such account, or the token cannot be as it is wanted. */
  issue(account: ObjectKey, request: TokenRequest = {}): IssuedToken {
    const { store } = { store: this.#store };
    const { object } = store.require(store.catalog.named('serviceaccounts'), account);
    const { expirationSeconds = DEFAULT_SECONDS, audiences: asked = [] } = request;
    const faults = durationFaults(expirationSeconds);
    if (faults.length > 0) throw invalidObject('TokenRequest', 'authentication.k8s.io', account.name, faults);
    const audiences = asked.length === 0 ? [ISSUER] : asked;
    const { namespace = '', name, uid = '' } = object.metadata;
    const iat = Math.floor(this.#clock.now() / 1_000);
    const exp = iat + expirationSeconds;
    const own = { namespace, serviceaccount: { name, uid }, ...this.#bound(object, request.bound) };
    const claims = { aud: [...audiences], exp, iat, iss: ISSUER, jti: randomUUID(), nbf: iat };
    const token = this.#signer.sign({ ...claims, [CLAIM]: own, sub: serviceAccountName(namespace, name) });
    return { token, expirationTimestamp: timestamp(exp * 1_000), audiences, expirationSeconds };
  }

  /** Whose token it is, if it is good for one of these audiences. */
  verify(token: string, audiences: readonly string[] = [ISSUER]): VerifiedToken | undefined {
    const claims = this.#signer.claims(token);
    if (claims === undefined) return undefined;
    const now = this.#clock.now() / 1_000;
    if ((numberAt(claims, 'exp') ?? 0) <= now || (numberAt(claims, 'nbf') ?? Number.POSITIVE_INFINITY) > now + 1) {
      return undefined;
    }
    const shared = audiences.filter((audience) => listAt(claims, 'aud').includes(audience));
    const user = this.#user(claims);
    return shared.length === 0 || user === undefined ? undefined : { user, audiences: shared };
  }

  #bound({ metadata }: KubeObject, binding: TokenBinding | undefined): JsonObject {
    if (binding === undefined) return {};
    const definition = this.#store.catalog.named(RESOURCES[binding.kind]);
    const { object } = this.#store.require(definition, { namespace: metadata.namespace, name: binding.name });
    const { name, uid = '' } = object.metadata;
    if (binding.uid !== undefined && binding.uid !== '' && binding.uid !== uid) {
      const why = `the UID in the bound object reference (${binding.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
      throw conflict(definition, name, why);
    }
    if (binding.kind !== 'Pod') return { [binding.kind.toLowerCase()]: { name, uid } };
    if (stringAt(object, 'spec', 'serviceAccountName') !== metadata.name) {
      throw badRequest(
        `cannot bind token for serviceaccount ${JSON.stringify(metadata.name)} to pod running with different serviceaccount name.`,
      );
    }
    const nodeName = stringAt(object, 'spec', 'nodeName') ?? '';
    const node = nodeName === '' ? undefined : this.#store.get('nodes', { name: nodeName });
    return {
      ...(node === undefined ? {} : { node: { name: nodeName, uid: node.metadata.uid ?? '' } }),
      pod: { name, uid },
    };
  }

  #user(claims: JsonObject): User | undefined {
    const own = objectAt(claims, CLAIM);
    const namespace = stringAt(own, 'namespace') ?? '';
    const name = stringAt(own, 'serviceaccount', 'name') ?? '';
    const uid = stringAt(own, 'serviceaccount', 'uid') ?? '';
    if (this.#store.get('serviceaccounts', { namespace, name })?.metadata.uid !== uid) return undefined;
    for (const kind of ['Pod', 'Secret'] as const) {
      const bound = objectAt(own, kind.toLowerCase());
      if (bound === undefined) continue;
      const there = this.#store.get(RESOURCES[kind], { namespace, name: stringAt(bound, 'name') ?? '' });
      if (there?.metadata.uid !== bound['uid']) return undefined;
    }
    const extra = { ...extraOf(own, 'pod'), ...extraOf(own, 'node') };
    return {
      name: serviceAccountName(namespace, name),
      uid,
      groups: [...serviceAccountGroups(namespace), AUTHENTICATED],
      extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${stringAt(claims, 'jti') ?? ''}`], ...extra },
    };
  }
}

function extraOf(own: Json | undefined, what: 'pod' | 'node'): Record<string, string[]> {
  const bound = objectAt(own, what);
  if (bound === undefined) return {};
  return {
    [`authentication.kubernetes.io/${what}-name`]: [stringAt(bound, 'name') ?? ''],
    [`authentication.kubernetes.io/${what}-uid`]: [stringAt(bound, 'uid') ?? ''],
  };
}

function durationFaults(seconds: number): FieldError[] {
  const field = 'spec.expirationSeconds';
  if (seconds < MIN_SECONDS) return [invalid(field, seconds, 'may not specify a duration less than 10 minutes')];
  if (seconds > MAX_SECONDS) return [invalid(field, seconds, 'may not specify a duration larger than 2^32 seconds')];
  return [];
}
