import { type Addr, PROTOCOL_NUMBERS } from '../net/index.ts';
import type { SockOriginKey } from './gen/codecs.ts';
import type { MapSet } from './map-set.ts';
import { serviceMaps, sockOriginsMap } from './service-maps.ts';
import { type DiagProtocol, SockDiag } from './sock-diag.ts';

export type StaleSocketsOptions = {
  readonly maps: MapSet;
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
  const stale = new Map<string, SockOriginKey>();
  let kept = 0;
  for (const [key, { backend }] of await origins.entries()) {
    if (key.byFrontend !== 0 || backends.has(backend)) continue;
    if (key.protocol === PROTOCOL_NUMBERS.TCP && options.lives(key.addr)) kept += 1;
    else stale.set(nameOf(key), key);
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
          stale.has(nameOf({ ...socket, addr: socket.remote, port: socket.remotePort })),
        );
        await diag.destroy(sockets);
        ended += sockets.length;
      }
    } catch {
      failed.push(netns ?? 'own');
    }
  }
  // Where nobody could look, sockets may go on: what is known of them is needed to end them later.
  if (failed.length === 0) await origins.deleteMany(stale.values());
  return { ended, kept, failed };
}

const DIAG_PROTOCOLS: readonly DiagProtocol[] = [PROTOCOL_NUMBERS.TCP, PROTOCOL_NUMBERS.UDP];

function nameOf(key: Pick<SockOriginKey, 'cookie' | 'protocol' | 'addr' | 'port'>): string {
  return `${key.cookie} ${key.protocol} ${key.addr} ${key.port}`;
}
