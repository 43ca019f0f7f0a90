import { namespacedName } from '../base/index.ts';
import { apiErrors } from './errors.ts';
import type { Call, Route } from './route.ts';
import { ROUTES, type Routes } from './routes.ts';
import { type Send, Transport, type TransportOptions } from './transport.ts';
import type { PolicyFilter, PolicyView } from './views/policy.ts';

type Calls = { readonly [Name in keyof Routes]: Call<Routes[Name]> };

/** The admin API of one agent, typed. Throws MembraneError: E_API_UNREACHABLE, E_API_RESPONSE, or the agent's own. */
export type ApiClient = Calls & {
  /** Without a namespace a cluster-wide one. E_API_NOT_FOUND; E_API_AMBIGUOUS when several kinds have one of the name. */
  readonly policy: (ref: PolicyFilter & { readonly name: string }) => Promise<PolicyView>;
};

export function apiClient(options: TransportOptions): ApiClient {
  const transport = new Transport(options);
  const calls = Object.fromEntries(Object.entries(ROUTES).map(([name, route]) => [name, callOf(transport, route)]));
  // Each call is its route's, as `Call` says.
  const typed = calls as unknown as Calls;
  return { ...typed, policy: async (ref) => await onePolicy(typed, ref) };
}

function callOf(transport: Transport, route: Route): (...args: readonly unknown[]) => unknown {
  return (...args) => {
    const [params, ending] = route.params === undefined ? [undefined, args[0]] : args;
    const send = sendOf(route, params);
    if (route.kind !== 'stream') return transport.json(send, route.answer);
    return transport.lines(ending instanceof AbortSignal ? { ...send, signal: ending } : send, route.answer);
  };
}

function sendOf({ method, path }: Route, params: unknown): Send {
  const fields = Object.entries(params ?? {}).filter(([, value]) => value !== undefined);
  if (method === 'POST') return { method, path, body: Object.fromEntries(fields) };
  const query = new URLSearchParams(fields.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return { method, path: query === '' ? path : `${path}?${query}` };
}

async function onePolicy(calls: Calls, ref: PolicyFilter & { readonly name: string }): Promise<PolicyView> {
  const [policy, ...others] = await calls.policies({ namespace: '', ...ref });
  const detail = `${ref.kind ?? 'policy'} ${namespacedName({ namespace: ref.namespace ?? '', name: ref.name })}`;
  if (policy === undefined) throw apiErrors.make('E_API_NOT_FOUND', { detail });
  if (others.length === 0) return policy;
  const kinds = [policy, ...others].map((found) => found.kind).join(', ');
  throw apiErrors.make('E_API_AMBIGUOUS', { detail: `${detail}: ${kinds}` });
}
