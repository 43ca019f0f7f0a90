import { type Addr, PROTOCOL_NUMBERS } from '../../net/index.ts';
import { readAddr } from '../kernel/index.ts';
import { type Change, NetlinkSocket } from './netlink.ts';

/** include/uapi/linux/{sock_diag,inet_diag}.h */
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const FAMILIES = [2, 10] as const;
const ID_SIZE = 48;
/** In struct inet_diag_msg; the id's own fields follow from here. */
const ID_AT = 4;
const ALL_STATES = 0xffff_ffff;
/** enum in include/net/tcp_states.h */
const LISTEN_STATE = 1 << 10;
/** Sockets that are ended by one message: the answers must fit into the receive buffer, 208 KiB by default. */
const LOT = 64;

export type DiagProtocol = typeof PROTOCOL_NUMBERS.TCP | typeof PROTOCOL_NUMBERS.UDP;

/** A socket of TCP or UDP and whom it is connected to. */
export type InetSocket = {
  /** As bpf_get_socket_cookie has it. */
  readonly cookie: bigint;
  readonly protocol: DiagProtocol;
  /** `0.0.0.0` or `::` when it is bound to no address. */
  readonly local: Addr;
  readonly localPort: number;
  /** IPv4 also where an IPv6 socket uses it. `0.0.0.0` or `::` when it is not connected. */
  readonly remote: Addr;
  readonly remotePort: number;
  readonly family: number;
  /** struct inet_diag_sockid */
  readonly id: Uint8Array;
};

/** The sockets of one network namespace: lists them, and ends them as their owner would see a broken connection. */
export class SockDiag implements Disposable {
  readonly #netlink: NetlinkSocket;

  private constructor(netlink: NetlinkSocket) {
    this.#netlink = netlink;
  }

  /** Of the namespace that the file names; undefined: this process's. Throws E_DATAPATH_NETNS. */
  static open(netns?: string): SockDiag {
    return new SockDiag(NetlinkSocket.open(netns, NETLINK_SOCK_DIAG));
  }

  /** Throws E_DATAPATH_NETLINK. */
  async list(protocol: DiagProtocol): Promise<InetSocket[]> {
    return await this.#dump(protocol, ALL_STATES);
  }

  /** TCP sockets that wait for connections. Throws E_DATAPATH_NETLINK. */
  async listening(): Promise<InetSocket[]> {
    return await this.#dump(PROTOCOL_NUMBERS.TCP, LISTEN_STATE);
  }

  async #dump(protocol: DiagProtocol, states: number): Promise<InetSocket[]> {
    const found: InetSocket[] = [];
    for (const family of FAMILIES) {
      const replies = await this.#netlink.dump(SOCK_DIAG_BY_FAMILY, request(family, protocol, { states }));
      for (const { payload } of replies) found.push(socketOf(payload, protocol));
    }
    return found;
  }

  /** Its owner gets ECONNABORTED. One that is gone already is no error. Throws E_DATAPATH_NETLINK. */
  async destroy(sockets: readonly InetSocket[]): Promise<void> {
    const changes = sockets.map((socket): Change => {
      const { family, protocol, id, cookie } = socket;
      return {
        type: SOCK_DESTROY,
        flags: 0,
        payload: request(family, protocol, { id }),
        what: `end socket ${cookie}`,
        ignore: ['ENOENT', 'ESTALE'],
      };
    });
    for (let at = 0; at < changes.length; at += LOT) await this.#netlink.change(...changes.slice(at, at + LOT));
  }

  close(): void {
    this.#netlink.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** struct inet_diag_req_v2 */
function request(
  family: number,
  protocol: number,
  { states = ALL_STATES, id }: { readonly states?: number; readonly id?: Uint8Array },
): Uint8Array {
  const bytes = new Uint8Array(8 + ID_SIZE);
  bytes[0] = family;
  bytes[1] = protocol;
  new DataView(bytes.buffer).setUint32(4, states, true);
  if (id !== undefined) bytes.set(id, 8);
  return bytes;
}

/** struct inet_diag_msg */
function socketOf(message: Uint8Array, protocol: DiagProtocol): InetSocket {
  const id = message.slice(ID_AT, ID_AT + ID_SIZE);
  const view = new DataView(id.buffer);
  const family = message[0] ?? 0;
  return {
    cookie: view.getBigUint64(40, true),
    protocol,
    local: family === 2 ? mapped(id.subarray(4, 8)) : readAddr(view, 4),
    localPort: view.getUint16(0),
    remote: family === 2 ? mapped(id.subarray(20, 24)) : readAddr(view, 20),
    remotePort: view.getUint16(2),
    family,
    id,
  };
}

function mapped(v4: Uint8Array): Addr {
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0xff], 10);
  bytes.set(v4, 12);
  return readAddr(new DataView(bytes.buffer), 0);
}
