import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { datapathErrors } from '../errors.ts';
import { ErrnoError, inNetns, kernelError, OwnedFd, openSocket, receiveFrom, sendAsync } from '../kernel/index.ts';
import {
  encodeMessages,
  type Message,
  NLM,
  NLMSG_DONE,
  NLMSG_ERROR,
  parseMessages,
  type Reply,
} from './netlink-message.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;

/** A change and, for the error message, what it is meant to do. */
export type Change = Message & {
  readonly what: string /** Errors that mean that nothing is left to do. */;
  readonly ignore?: readonly string[];
};

/** A netlink socket in one network namespace, of the route family unless said otherwise. Requests of one socket run one after the other. */
export class NetlinkSocket implements Disposable {
  readonly #fd: OwnedFd<'socket'>;
  readonly #buffer = new Uint8Array(new ArrayBuffer(1 << 18));
  #sequence = 1;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(fd: number) {
    this.#fd = new OwnedFd('socket', fd);
  }

  /** In the namespace that the file names (a bind mount or /proc/PID/ns/net); undefined: this process's. Throws E_DATAPATH_NETNS. */
  static open(netns?: string, protocol = NETLINK_ROUTE): NetlinkSocket {
    const make = (): number => openSocket(AF_NETLINK, SOCK_RAW, protocol);
    if (netns === undefined) return new NetlinkSocket(make());
    return withNetns(netns, (target, home) => new NetlinkSocket(inNetns(target, home, make)));
  }

  /** All in one system call; the kernel goes on behind an error. Throws E_DATAPATH_NETLINK for the first that failed. */
  async change(...changes: readonly Change[]): Promise<void> {
    const replies = await this.#exchange(
      changes.map((change) => ({ ...change, flags: change.flags | NLM.ack })),
      (seen) => seen.filter((reply) => reply.type === NLMSG_ERROR).length === changes.length,
    );
    for (const [index, change] of changes.entries()) {
      const errno = errorOf(replies.find((r) => r.type === NLMSG_ERROR && r.sequence === replies.first + index));
      if (errno === 0) continue;
      const cause = new ErrnoError(change.what, errno);
      if (change.ignore?.includes(cause.code) !== true) throw kernelError('E_DATAPATH_NETLINK', change.what, cause);
    }
  }

  /** The answer to one request; undefined when there is no such object. Throws E_DATAPATH_NETLINK. */
  async get(message: Message, what: string): Promise<Reply | undefined> {
    const [reply] = await this.#exchange([message], (seen) => seen.length > 0);
    const errno = errorOf(reply);
    if (errno === 0) return reply;
    const cause = new ErrnoError(what, errno);
    if (cause.code === 'ENODEV' || cause.code === 'ENOENT') return undefined;
    throw kernelError('E_DATAPATH_NETLINK', what, cause);
  }

  /**
   * Every object of a kind, whole or not at all: a list that changed while it was made is asked for again, since whoever
   * is missing in it would be taken for gone. Throws E_DATAPATH_NETLINK.
   */
  async dump(type: number, payload: Uint8Array): Promise<Reply[]> {
    return await completeDump(async () => await this.#exchange([{ type, flags: NLM.dump, payload }], hasEnded));
  }

  async #exchange(
    messages: readonly Message[],
    complete: (replies: readonly Reply[]) => boolean,
  ): Promise<Reply[] & { readonly first: number }> {
    const turn = this.#last.then(async () => {
      const first = this.#sequence;
      this.#sequence += messages.length;
      const replies: Reply[] = [];
      // The kernel works inside send; all answers but the rest of a dump are there when it returns.
      await sendAsync(this.#fd.number, encodeMessages(messages, first));
      while (!complete(replies)) {
        const length = receiveFrom(this.#fd.number, this.#buffer);
        if (length === undefined) throw new ErrnoError('recv', constants.errno.EAGAIN);
        replies.push(...parseMessages(this.#buffer.subarray(0, length)).filter((reply) => reply.sequence >= first));
      }
      return Object.assign(replies, { first });
    });
    this.#last = turn.catch(() => undefined);
    return await turn;
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const endsDump = (reply: Reply): boolean => reply.type === NLMSG_DONE || reply.type === NLMSG_ERROR;
const hasEnded = (seen: readonly Reply[]): boolean => seen.some(endsDump);

/** How often a list is asked for before the agent says that it could not be had. */
const DUMP_ATTEMPTS = 16;

/** Asks until a dump was not interrupted. Throws E_DATAPATH_NETLINK after the last attempt. */
export async function completeDump(attempt: () => Promise<readonly Reply[]>): Promise<Reply[]> {
  for (let attempts = 0; attempts < DUMP_ATTEMPTS; attempts += 1) {
    const replies = await attempt();
    const errno = errorOf(replies.find((reply) => reply.type === NLMSG_ERROR));
    if (errno !== 0) throw kernelError('E_DATAPATH_NETLINK', 'dump', new ErrnoError('dump', errno));
    if (!replies.some(({ isInterrupted }) => isInterrupted)) return replies.filter((reply) => !endsDump(reply));
  }
  const detail = `a list was changed ${DUMP_ATTEMPTS} times while it was read`;
  throw datapathErrors.make('E_DATAPATH_NETLINK', { detail });
}

function errorOf(reply: Reply | undefined): number {
  if (reply?.type !== NLMSG_ERROR) return 0;
  return -new DataView(reply.payload.buffer, reply.payload.byteOffset).getInt32(0, true);
}

/** Opens the namespace file and this thread's own, for one use. Throws E_DATAPATH_NETNS. */
export function withNetns<T>(path: string, action: (target: number, home: number) => T): T {
  const descriptors: number[] = [];
  try {
    // Not /proc/self: that is the main thread's, whichever thread asks.
    for (const file of [path, '/proc/thread-self/ns/net']) descriptors.push(openSync(file, 'r'));
    const [target = -1, home = -1] = descriptors;
    return action(target, home);
  } catch (cause) {
    throw datapathErrors.make('E_DATAPATH_NETNS', { detail: path, cause });
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}
