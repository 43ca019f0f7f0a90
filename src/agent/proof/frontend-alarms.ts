import type { VerifyView } from '../../api/index.ts';
import { nameParts } from '../../base/index.ts';
import type { IdentityId } from '../../model/index.ts';
import { protocolName } from '../../net/index.ts';
import type { Proof } from '../../plane/index.ts';
import { type Peer, placeText } from '../../reach/index.ts';
import type { ExamplesOptions } from './counter-example.ts';
import { FrontendExamples } from './frontend-example.ts';

/** Of what is told: that many, and of so many of them a packet. */
const MOST = 100;
const MOST_PACKETS = 20;

type Told = {
  readonly endpointOf: ExamplesOptions['endpointOf'];
  readonly name: (peer: Peer) => string;
  /** Of pods, whose they are. */
  readonly tenantOf: ReadonlyMap<IdentityId, string>;
  /** Is it to be told, between these tenants? */
  readonly concerns: (a: string | undefined, b: string | undefined) => boolean;
};

/**
 * Where frontends of services lead otherwise than is meant. `from` is the service and whose that is, `to` the backend and
 * whose that is: who is told of his own sees nothing of another's.
 */
export async function frontendAlarms(
  { accounts, services }: Proof,
  options: Omit<ExamplesOptions, 'endpointOf'>,
  { endpointOf, name, tenantOf, concerns }: Told,
): Promise<VerifyView['differences']> {
  const found = services?.differences ?? [];
  if (found.length === 0) return [];
  const examples = new FrontendExamples({ ...options, endpointOf }, accounts);
  const alarms: VerifyView['differences'] = [];
  for (const difference of found.slice(0, MOST)) {
    const { effect, frontend, service, backend, pairs, rows, meant } = difference;
    const fromTenant = service && accounts.tenantOf(nameParts(service).namespace);
    const peer = backend && examples.peerAt(backend.addr);
    const toTenant = peer === undefined ? fromTenant : tenantOf.get(peer.identity);
    if (!concerns(fromTenant, toTenant)) continue;
    const packet = alarms.length < MOST_PACKETS ? await examples.of(difference) : undefined;
    alarms.push({
      layer: 'services',
      effect,
      from: `${service === undefined ? 'no service' : `service ${service}`} at ${placeText(frontend)}`,
      to: peer === undefined ? 'its backends' : name(peer),
      packets: `${protocolName(frontend.protocol)} ${frontend.port}`,
      pairs,
      rows: [...rows],
      meant: [...meant],
      ...(fromTenant !== undefined && { fromTenant }),
      ...(toTenant !== undefined && { toTenant }),
      ...(packet !== undefined && { packet }),
    });
  }
  return alarms;
}

/** How many more there are than are told. */
export function unlistedFrontends({ services }: Proof): number {
  return services === undefined ? 0 : Math.max(0, services.differences.length - MOST) + services.more;
}
