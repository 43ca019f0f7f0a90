import { closeSync, openSync } from 'node:fs';
import { isIPv4, Socket } from 'node:net';
import { bindAndListen, closeFd, inNetns, openSocket } from '../../datapath/index.ts';

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const BACKLOG = 511;

/**
 * A TCP socket of another network namespace: a socket stays in the namespace it was made in, so only making it happens
 * there, synchronously. Throws ErrnoError.
 */
function socketIn(netnsPath: string, prepare: (fd: number) => void = () => undefined): number {
  const target = openSync(netnsPath, 'r');
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    return inNetns(target, home, () => {
      const fd = openSocket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      try {
        prepare(fd);
        return fd;
      } catch (error) {
        closeFd(fd);
        throw error;
      }
    });
  } finally {
    closeSync(target);
    closeSync(home);
  }
}

/** struct sockaddr_in. */
export function sockaddr(ip: string, port: number): Uint8Array {
  if (!isIPv4(ip)) throw new TypeError(`not an IPv4 address: ${JSON.stringify(ip)}`);
  const bytes = new Uint8Array(16);
  bytes[0] = AF_INET;
  bytes.set([port >> 8, port & 0xff, ...ip.split('.').map(Number)], 2);
  return bytes;
}

/** A listening descriptor, for `server.listen({ fd })`. The server owns it then. Throws ErrnoError, e.g. EADDRINUSE. */
export function listenInNetns(netnsPath: string, ip: string, port: number): number {
  return socketIn(netnsPath, (fd) => bindAndListen(fd, sockaddr(ip, port), BACKLOG));
}

/** A socket that connects from another network namespace. Errors come as its `error` event. */
export function connectInNetns(
  netnsPath: string,
  ip: string,
  port: number,
  options: { readonly allowHalfOpen?: boolean } = {},
): Socket {
  const socket = new Socket({ ...options, fd: socketIn(netnsPath) });
  return socket.connect({ host: ip, port });
}
