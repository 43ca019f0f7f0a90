import { inNetns, OwnedFd, openSocket, socketOption64 } from '../kernel/index.ts';
import { withNetns } from './netlink.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
/** include/uapi/asm-generic/socket.h */
const SO_NETNS_COOKIE = 71;

/**
 * The kernel's number of a network namespace, never used again while the machine runs. Of the namespace that the file
 * names; undefined: this process's. Throws E_DATAPATH_NETNS.
 */
export function netnsCookie(netns?: string): bigint {
  const read = (): bigint => {
    using socket = new OwnedFd('socket', openSocket(AF_INET, SOCK_DGRAM, 0));
    return socketOption64(socket.number, SOL_SOCKET, SO_NETNS_COOKIE);
  };
  return netns === undefined ? read() : withNetns(netns, (target, home) => inNetns(target, home, read));
}
