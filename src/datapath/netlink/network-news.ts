import { bindSocket, hasErrno, kernelError, OwnedFd, openSocket, receiveFrom } from '../kernel/index.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
/** Groups that are listened to, as bits (RTMGRP_LINK and RTMGRP_IPV4_IFADDR of include/uapi/linux/rtnetlink.h). */
const LINKS_AND_ADDRESSES = 0x1 | 0x10;
/** Of a message only that it came counts: the kernel cuts the rest off. */
const BUFFER = 64;
/** Should the kernel ever say nothing of something. */
const DOUBT_MS = 300_000;

/**
 * Says whether devices or IPv4 addresses of this process's network namespace may have changed. The kernel tells of each,
 * and when it could not: listening costs one system call a look, while a list costs a message for each device.
 */
export class NetworkNews implements Disposable {
  readonly #fd: OwnedFd<'socket'>;
  readonly #buffer = new Uint8Array(new ArrayBuffer(BUFFER));
  #believedUntil = Number.NEGATIVE_INFINITY;

  private constructor(fd: OwnedFd<'socket'>) {
    this.#fd = fd;
  }

  /** Throws E_DATAPATH_NETLINK. */
  static open(): NetworkNews {
    const sockaddr = new DataView(new ArrayBuffer(12));
    sockaddr.setUint16(0, AF_NETLINK, true);
    sockaddr.setUint32(8, LINKS_AND_ADDRESSES, true);
    const fd = new OwnedFd('socket', openSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    try {
      bindSocket(fd.number, new Uint8Array(sockaddr.buffer));
      return new NetworkNews(fd);
    } catch (error) {
      fd.close();
      throw kernelError('E_DATAPATH_NETLINK', 'listen to changes of devices', error);
    }
  }

  /** True when something may have changed since the last time that it was true; who looks then, has to look afterwards. */
  take(now: number = performance.now()): boolean {
    const isNew = this.#drain() || now >= this.#believedUntil;
    if (isNew) this.#believedUntil = now + DOUBT_MS;
    return isNew;
  }

  #drain(): boolean {
    for (let isNew = false; ; isNew = true) {
      try {
        if (receiveFrom(this.#fd.number, this.#buffer) === undefined) return isNew;
      } catch (error) {
        // There was more than the socket had room for: that is news, too.
        if (!hasErrno(error, 'ENOBUFS')) throw kernelError('E_DATAPATH_NETLINK', 'hear of changes of devices', error);
      }
    }
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
