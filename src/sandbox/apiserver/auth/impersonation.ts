import type { IncomingHttpHeaders } from 'node:http';
import { badRequest } from '../status.ts';
import type { Attributes } from './attributes.ts';
import { AUTHENTICATED, parseServiceAccount, serviceAccountGroups, type User } from './user.ts';

const EXTRA = 'impersonate-extra-';

/** As whom a request wants to be seen (`kubectl --as`), and what its sender must be allowed for that. */
export type Impersonation = { readonly user: User; readonly needs: readonly Attributes[] };

/** `undefined`: as nobody else. Throws when something is asked of a user who is not named. */
export function impersonationOf(headers: IncomingHttpHeaders): Impersonation | undefined {
  const asked = Object.keys(headers).filter((name) => name.startsWith('impersonate-'));
  if (asked.length === 0) return undefined;
  const name = values(headers['impersonate-user'])[0] ?? '';
  if (name === '') throw badRequest(`requested ${asked.join(', ')} without impersonating a user`);
  const account = parseServiceAccount(name);
  const given = values(headers['impersonate-group']);
  const [uid] = values(headers['impersonate-uid']);
  const extra = Object.fromEntries(
    asked
      .filter((header) => header.startsWith(EXTRA))
      .map((header) => [decoded(header.slice(EXTRA.length)), values(headers[header])]),
  );
  const implied = account === undefined || given.length > 0 ? [] : serviceAccountGroups(account.namespace);
  const groups = [...new Set([...given, ...implied, ...(name === 'system:anonymous' ? [] : [AUTHENTICATED])])];
  const needs = [
    account === undefined
      ? need('', 'users', name)
      : { ...need('', 'serviceaccounts', account.name), namespace: account.namespace },
    ...given.map((group) => need('', 'groups', group)),
    ...(uid === undefined ? [] : [need('authentication.k8s.io', 'uids', uid)]),
    ...Object.entries(extra).flatMap(([key, all]) =>
      all.map((value) => ({ ...need('authentication.k8s.io', 'userextras', value), subresource: key })),
    ),
  ];
  return { user: { name, groups, ...(uid === undefined ? {} : { uid }), extra }, needs };
}

function need(group: string, resource: string, name: string): Attributes & { readonly resource: string } {
  return { verb: 'impersonate', group, version: 'v1', resource, subresource: '', namespace: '', name };
}

/** Node joins repeated headers that it does not know by a comma. */
function values(header: string | string[] | undefined): string[] {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  return text
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
