import { apiErrors } from './errors.ts';
import type { Route } from './route.ts';
import { ROUTES, type RouteName } from './routes.ts';

/** An agent's answer as this version knows it, without what it does not know. E_API_RESPONSE for one that it cannot read. */
export function checked(value: unknown, name: RouteName): unknown {
  const { path, answer }: Route = ROUTES[name];
  const parsed = answer.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw apiErrors.make('E_API_RESPONSE', { detail: `${path}: ${issue?.path.join('.')}: ${issue?.message}` });
}
