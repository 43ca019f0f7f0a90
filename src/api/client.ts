import { namespacedName } from '../base/index.ts';
import { apiErrors } from './errors.ts';
import { PLACES, SCHEMAS_ID } from './gen/places.ts';
import type { Call, Place } from './route.ts';
import type { RouteName, Routes } from './routes.ts';
import { type Check, type Send, Transport, type TransportOptions } from './transport.ts';
import type { PolicyFilter, PolicyView } from './views/policy.ts';

type Calls = { readonly [Name in keyof Routes]: Call<Routes[Name]> };

/** The admin API of one agent, typed. Throws MembraneError: E_API_UNREACHABLE, E_API_RESPONSE, or the agent's own. */
export type ApiClient = Calls & {
  /** Without a namespace a cluster-wide one. E_API_NOT_FOUND; E_API_AMBIGUOUS when several kinds have one of the name. */
  readonly policy: (ref: PolicyFilter & { readonly name: string }) => Promise<PolicyView>;
};

export function apiClient(options: TransportOptions): ApiClient {
  const transport = new Transport(options);
  const names = Object.keys(PLACES) as RouteName[];
  const calls = Object.fromEntries(names.map((name) => [name, callOf(transport, name)]));
  // Each call is its route's, as `Call` says.
  const typed = calls as unknown as Calls;
  return { ...typed, policy: async (ref) => await onePolicy(typed, ref) };
}

function callOf(transport: Transport, name: RouteName): (...args: readonly unknown[]) => unknown {
  const place: Place = PLACES[name];
  const answer = checkOf(name);
  return (...args) => {
    const signal = args.find((arg) => arg instanceof AbortSignal);
    const send = sendOf(
      place,
      args.find((arg) => arg !== signal),
    );
    if (place.kind !== 'stream') return transport.json(send, answer);
    return transport.lines(signal === undefined ? send : { ...send, signal }, answer);
  };
}

/** Of an agent that has the same schemas nothing is checked; for another's answer they are loaded. */
function checkOf(name: RouteName): (schemas: string | undefined) => Promise<Check> {
  return async (schemas) => {
    if (schemas === SCHEMAS_ID) return (value) => value;
    const { checked } = await import('./checked.ts');
    return (value) => checked(value, name);
  };
}

function sendOf({ method, path }: Place, params: unknown): Send {
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
