import type { ServiceAccountTokens, TokenBinding } from '../auth/service-account-tokens.ts';
import { type JsonObject, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import { timestamp } from '../object.ts';
import { decode } from '../schema/decode.ts';
import { tokenRequest } from '../schema/reviews.ts';
import { badRequest } from '../status.ts';
import type { ObjectKey } from '../store/options.ts';
import type { Exchange } from './exchange.ts';

const KINDS = ['Pod', 'Secret', 'Node'] as const;

/** `kubectl create token`, and what kubelets and programs ask for. */
export async function createToken(exchange: Exchange, tokens: ServiceAccountTokens, key: ObjectKey): Promise<void> {
  const { value } = await exchange.parsedBody();
  const { object } = decode(tokenRequest, value, { version: 'v1', kind: 'TokenRequest' });
  const spec = objectAt(object, 'spec');
  const name = stringAt(object, 'metadata', 'name') ?? '';
  if (name !== '' && name !== key.name) {
    throw badRequest(`name in URL does not match name in TokenRequest object: ${JSON.stringify(name.slice(0, 253))}`);
  }
  const bound = bindingOf(objectAt(spec, 'boundObjectRef'));
  const seconds = numberAt(spec, 'expirationSeconds');
  const issued = tokens.issue(key, {
    audiences: listAt(spec, 'audiences').map(String),
    ...(seconds === undefined ? {} : { expirationSeconds: seconds }),
    ...(bound === undefined ? {} : { bound }),
  });
  const { token, expirationTimestamp, audiences, expirationSeconds } = issued;
  exchange.json(201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: key.name, namespace: key.namespace ?? '', creationTimestamp: timestamp(Date.now()) },
    spec: { audiences: [...audiences], expirationSeconds, boundObjectRef: objectAt(spec, 'boundObjectRef') ?? null },
    status: { token, expirationTimestamp },
  });
}

function bindingOf(reference: JsonObject | undefined): TokenBinding | undefined {
  if (reference === undefined) return undefined;
  const kind = KINDS.find((known) => known === reference['kind']);
  if (kind === undefined) {
    throw badRequest(`cannot bind token to object of type ${JSON.stringify(stringAt(reference, 'kind') ?? '')}`);
  }
  return { kind, name: stringAt(reference, 'name') ?? '', uid: stringAt(reference, 'uid') ?? '' };
}
