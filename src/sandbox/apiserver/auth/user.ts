/** Who sends a request, as policies of access name him. */
export type User = {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
};

export const AUTHENTICATED = 'system:authenticated';
/** May do everything, whatever the rules say. */
export const MASTERS = 'system:masters';

/** The holder of the sandbox's own token. */
export const ADMIN: User = { name: 'system:admin', groups: [MASTERS, AUTHENTICATED] };

/** Who shows nothing. */
export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const SERVICE_ACCOUNT = 'system:serviceaccount:';

export function serviceAccountName(namespace: string, name: string): string {
  return `${SERVICE_ACCOUNT}${namespace}:${name}`;
}

export function serviceAccountGroups(namespace: string): string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

/** The service account that a user's name stands for. */
export function parseServiceAccount(user: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!user.startsWith(SERVICE_ACCOUNT)) return undefined;
  const [namespace = '', name = '', ...more] = user.slice(SERVICE_ACCOUNT.length).split(':');
  return namespace === '' || name === '' || more.length > 0 ? undefined : { namespace, name };
}
