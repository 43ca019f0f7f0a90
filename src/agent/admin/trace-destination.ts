import type { TraceRequest, TraceView } from '../../api/index.ts';
import { RESERVED_IDS } from '../../identity/index.ts';
import { DROP_REASON_TEXTS, type DropReason, type Frontend, frontendKey, type IdentityId } from '../../model/index.ts';
import { type Addr, parseAddr } from '../../net/index.ts';

/** Where a connection to this place really goes. */
export type Destination = {
  readonly addr: Addr;
  readonly port: number;
  /** Of the service that it goes through. */
  readonly service: string;
};

/** The backend that stands for all of a service's, undefined where no service serves the place; or why it is refused. */
export function backendOf(
  addr: Addr,
  { port = 0, protocol }: Pick<TraceRequest, 'port' | 'protocol'>,
  serviceAt: (place: string) => Frontend | undefined,
): Destination | DropReason | undefined {
  const frontend = protocol === 'ICMP' ? undefined : serviceAt(frontendKey({ addr, port, protocol }));
  if (frontend === undefined) return undefined;
  const [backend] = frontend.backends;
  return backend === undefined
    ? 'no-backend'
    : { addr: parseAddr(backend.addr), port: backend.port, service: frontend.service };
}

/** Why nothing is sent there, whatever policy says: the address is the cluster's, and nobody has it. */
export function nobodyAt(id: IdentityId): DropReason | undefined {
  if (id === RESERVED_IDS['service-range']) return 'service-unknown';
  return id === RESERVED_IDS['pod-range'] ? 'no-endpoint' : undefined;
}

/** Why nobody is believed who comes from there. */
export function pretender(id: IdentityId): DropReason | undefined {
  if (id === RESERVED_IDS['service-range']) return 'spoofed-ip';
  return id === RESERVED_IDS['pod-range'] ? 'unencapsulated' : undefined;
}

export function dropStep(direction: 'ingress' | 'egress', drop: DropReason): TraceView['steps'][number] {
  const reason = `dropped as ${drop}: ${DROP_REASON_TEXTS[drop].text}`;
  return { direction, verdict: 'denied', enforced: false, drop, reason };
}
