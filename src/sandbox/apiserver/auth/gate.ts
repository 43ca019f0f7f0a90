import type { IncomingMessage } from 'node:http';
import { parseRequestInfo, pathSteps } from '../http/request-info.ts';
import { ApiError, qualifiedResource, unauthorized } from '../status.ts';
import type { AdminToken } from './admin-token.ts';
import { type Attributes, attributesOf } from './attributes.ts';
import type { Authorizer } from './authorizer.ts';
import { impersonationOf } from './impersonation.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { ADMIN, type User } from './user.ts';

export type GateOptions = {
  readonly admin: AdminToken;
  readonly tokens: ServiceAccountTokens;
  readonly authorizer: Authorizer;
};

/** Lets a request in: who sends it, as whom, and whether he may. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Throws ApiError: 401, 403. */
  admit(request: IncomingMessage): User {
    const sender = this.#sender(request.headers.authorization);
    const impersonation = impersonationOf(request.headers);
    for (const need of impersonation?.needs ?? []) this.#require(sender, need);
    const user = impersonation?.user ?? sender;
    const url = new URL(request.url ?? '/', 'http://sandbox');
    const info = parseRequestInfo(pathSteps(url.pathname));
    this.#require(user, attributesOf(request.method ?? 'GET', url.pathname, url.searchParams, info));
    return user;
  }

  #sender(authorization: string | undefined): User {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '';
    if (this.#options.admin.is(token)) return ADMIN;
    const verified = this.#options.tokens.verify(token);
    if (verified === undefined) throw unauthorized();
    return verified.user;
  }

  #require(user: User, asked: Attributes): void {
    if (!this.#options.authorizer.decide(user, asked).allowed) throw notAllowed(user, asked);
  }
}

/** In the words of Kubernetes. */
function notAllowed(user: User, asked: Attributes): ApiError {
  const who = `User ${JSON.stringify(user.name)} cannot ${asked.verb}`;
  if (asked.path !== undefined) {
    return new ApiError(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(asked.path)}`, {});
  }
  const { group, resource, subresource, namespace, name } = asked;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const place = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const object = `${qualifiedResource({ resource, group })}${name === '' ? '' : ` ${JSON.stringify(name)}`}`;
  const message = `${object} is forbidden: ${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${place}`;
  return new ApiError(403, 'Forbidden', message, { name, ...(group === '' ? {} : { group }), kind: resource });
}
