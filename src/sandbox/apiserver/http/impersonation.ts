import type { IncomingHttpHeaders } from 'node:http';
import { type ApiError, badRequest, forbidden } from '../status.ts';

/** Who everybody is to this server: there is one token, and whoever has it may do everything. */
const ADMIN = 'system:admin';

/**
 * The refusal of a request that is sent as somebody else (`kubectl --as`): there are no rights of others here, and an
 * answer would say of that user what only the holder of the token may do.
 */
export function refusedImpersonation(headers: IncomingHttpHeaders): ApiError | undefined {
  const asked = Object.keys(headers).filter((name) => name.startsWith('impersonate-'));
  if (asked.length === 0) return undefined;
  const user = headers['impersonate-user'];
  if (user === undefined) return badRequest(`requested ${asked.join(', ')} without impersonating a user`);
  const why = `User "${ADMIN}" cannot impersonate resource "users" in API group "" at the cluster scope`;
  return forbidden({ resource: 'users', group: '' }, String(user), why);
}
