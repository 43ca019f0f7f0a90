import { type Addr, PROTOCOL_NUMBERS } from '../../net/index.ts';
import type { MapSet } from '../maps/index.ts';
import { serviceMaps, sockOriginsMap } from '../maps/index.ts';
import { type DiagProtocol, SockDiag } from '../netlink/index.ts';
import type { SocketRows } from './socket-rows.ts';

export type StaleSocketsOptions = {
  readonly maps: MapSet;
  readonly rows: Pick<SocketRows, 'forget'>;
  /** Files of the pods' network namespaces; this process's own is looked into as well. */
  readonly namespaces: readonly string[];
  /** Whether somebody still has this address. A TCP connection to a pod that is merely not ready goes on. */
  readonly lives: (addr: Addr) => boolean;
};

export type StaleSocketsResult = {
  /** Sockets that were ended. */
  readonly ended: number;
  /** TCP sockets, open or not, to backends that left and whose pods still live. */
  readonly kept: number;
  /** Namespaces that could not be looked into: their pod is going, and its sockets with it. */
  readonly failed: readonly string[];
};

/**
 * Ends the sockets that were turned to a backend which is no longer there: their peers would never answer. A connected
 * UDP socket cannot be turned again, since the kernel asks nobody when it sends; its owner opens another. What is
 * remembered of sockets that were ended is forgotten.
 */
export async function endStaleSockets(options: StaleSocketsOptions): Promise<StaleSocketsResult> {
  const origins = sockOriginsMap(options.maps);
  const backends = new Set((await serviceMaps(options.maps).backends.entries()).map(([id]) => id));
  const stale = new Map<string, { readonly cookie: bigint; readonly protocol: DiagProtocol }>();
  let kept = 0;
  for (const [cookie, { connected, protocol: number }] of await origins.entries()) {
    const { backend, backendIpv4: addr, backendPort: port } = connected;
    const protocol = DIAG_PROTOCOLS.find((known) => known === number);
    if (port === 0 || addr === null || protocol === undefined || backends.has(backend)) continue;
    if (protocol === PROTOCOL_NUMBERS.TCP && options.lives(addr)) kept += 1;
    else stale.set(nameOf(cookie, addr, port), { cookie, protocol });
  }
  const failed: string[] = [];
  let ended = 0;
  if (stale.size === 0) return { ended, kept, failed };
  const protocols = new Set(stale.values().map(({ protocol }) => protocol));
  for (const netns of [undefined, ...options.namespaces]) {
    try {
      using diag = SockDiag.open(netns);
      for (const protocol of DIAG_PROTOCOLS.filter((known) => protocols.has(known))) {
        const sockets = (await diag.list(protocol)).filter((socket) =>
          stale.has(nameOf(socket.cookie, socket.remote, socket.remotePort)),
        );
        await diag.destroy(sockets);
        ended += sockets.length;
      }
    } catch {
      failed.push(netns ?? 'own');
    }
  }
  // Where nobody could look, sockets may go on: what is known of them is needed to end them later.
  if (failed.length === 0) for (const { cookie } of stale.values()) options.rows.forget(cookie);
  return { ended, kept, failed };
}

const DIAG_PROTOCOLS: readonly DiagProtocol[] = [PROTOCOL_NUMBERS.TCP, PROTOCOL_NUMBERS.UDP];

/** A socket may have gone elsewhere since it was turned. */
function nameOf(cookie: bigint, addr: Addr, port: number): string {
  return `${cookie} ${addr} ${port}`;
}
