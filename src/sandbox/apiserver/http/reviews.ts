import type { AdminToken } from '../auth/admin-token.ts';
import type { Attributes } from '../auth/attributes.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import { asJson } from '../auth/rules.ts';
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import { ADMIN, type User } from '../auth/user.ts';
import { type Json, type JsonObject, listAt, objectAt, stringAt } from '../json.ts';
import { decode } from '../schema/decode.ts';
import type { StructSchema } from '../schema/dsl.ts';
import {
  localSubjectAccessReview,
  selfSubjectAccessReview,
  selfSubjectReview,
  selfSubjectRulesReview,
  subjectAccessReview,
  tokenReview,
} from '../schema/reviews.ts';
import { badRequest } from '../status.ts';

const AUTHORIZATION = 'authorization.k8s.io/v1';
const AUTHENTICATION = 'authentication.k8s.io/v1';

export type ReviewContext = {
  readonly authorizer: Authorizer;
  readonly tokens: ServiceAccountTokens;
  readonly admin: AdminToken;
};

/** Answers questions about who somebody is and what he may do. `namespace`: of a review that has one. */
export class Reviews {
  readonly #context: ReviewContext;

  constructor(context: ReviewContext) {
    this.#context = context;
  }

  /** `undefined`: there is no such review. */
  answer(groupVersion: string, resource: string, body: Json, user: User, namespace?: string): JsonObject | undefined {
    switch (`${groupVersion}/${resource}`) {
      case `${AUTHORIZATION}/selfsubjectaccessreviews`:
        return this.#access(selfSubjectAccessReview, 'SelfSubjectAccessReview', body, () => user);
      case `${AUTHORIZATION}/subjectaccessreviews`:
        return this.#access(subjectAccessReview, 'SubjectAccessReview', body, subjectOf);
      case `${AUTHORIZATION}/localsubjectaccessreviews`: {
        if ((stringAt(body, 'spec', 'resourceAttributes', 'namespace') ?? '') !== namespace) {
          throw badRequest('spec.resourceAttributes.namespace must match metadata.namespace');
        }
        return this.#access(localSubjectAccessReview, 'LocalSubjectAccessReview', body, subjectOf);
      }
      case `${AUTHORIZATION}/selfsubjectrulesreviews`:
        return this.#rules(body, user);
      case `${AUTHENTICATION}/selfsubjectreviews`: {
        decode(selfSubjectReview, body, { version: AUTHENTICATION, kind: 'SelfSubjectReview' });
        return typed(AUTHENTICATION, 'SelfSubjectReview', { status: { userInfo: userInfo(user) } });
      }
      case `${AUTHENTICATION}/tokenreviews`:
        return this.#token(body);
      default:
        return undefined;
    }
  }

  #access(schema: StructSchema, kind: string, body: Json, who: (spec: JsonObject) => User): JsonObject {
    const { object } = decode(schema, body, { version: AUTHORIZATION, kind });
    const spec = objectAt(object, 'spec') ?? {};
    const { allowed, reason } = this.#context.authorizer.decide(who(spec), askedIn(spec));
    return typed(AUTHORIZATION, kind, { spec, status: { allowed, ...(reason === '' ? {} : { reason }) } });
  }

  #rules(body: Json, user: User): JsonObject {
    const kind = 'SelfSubjectRulesReview';
    const { object } = decode(selfSubjectRulesReview, body, { version: AUTHORIZATION, kind });
    const namespace = stringAt(object, 'spec', 'namespace') ?? '';
    if (namespace === '') throw badRequest('no namespace on request');
    const rules = this.#context.authorizer.rulesOf(user, namespace);
    return typed(AUTHORIZATION, kind, {
      spec: {},
      status: {
        resourceRules: rules.filter(({ nonResourceURLs }) => nonResourceURLs.length === 0).map(asJson),
        nonResourceRules: rules.filter(({ nonResourceURLs }) => nonResourceURLs.length > 0).map(asJson),
        incomplete: false,
      },
    });
  }

  #token(body: Json): JsonObject {
    const { object } = decode(tokenReview, body, { version: AUTHENTICATION, kind: 'TokenReview' });
    const spec = objectAt(object, 'spec') ?? {};
    const token = stringAt(spec, 'token') ?? '';
    const asked = listAt(spec, 'audiences').map(String);
    const verified = this.#context.admin.is(token)
      ? { user: ADMIN, audiences: asked }
      : this.#context.tokens.verify(token, asked.length === 0 ? undefined : asked);
    const status: JsonObject =
      verified === undefined
        ? { user: {}, error: '[invalid bearer token, service account token is not valid]' }
        : { authenticated: true, user: userInfo(verified.user), audiences: [...verified.audiences] };
    return typed(AUTHENTICATION, 'TokenReview', { spec, status });
  }
}

function typed(apiVersion: string, kind: string, rest: JsonObject): JsonObject {
  return { kind, apiVersion, metadata: { creationTimestamp: null }, ...rest };
}

function subjectOf(spec: JsonObject): User {
  const name = stringAt(spec, 'user') ?? '';
  const groups = listAt(spec, 'groups').map(String);
  if (name === '' && groups.length === 0) throw badRequest('at least one of user or group must be specified');
  return { name, groups };
}

function askedIn(spec: JsonObject): Attributes {
  const resource = objectAt(spec, 'resourceAttributes');
  const path = objectAt(spec, 'nonResourceAttributes');
  if ((resource === undefined) === (path === undefined)) {
    throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
  const text = (key: string): string => stringAt(resource ?? path, key) ?? '';
  if (path !== undefined) return { verb: text('verb'), path: text('path') };
  return {
    verb: text('verb'),
    group: text('group'),
    version: text('version'),
    resource: text('resource'),
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  };
}

function userInfo({ name, uid, groups, extra = {} }: User): JsonObject {
  const more = Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(Object.keys(more).length === 0 ? {} : { extra: more }),
  };
}
