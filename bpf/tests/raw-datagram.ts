import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

/** What a process may do with a UDP socket, and Node.js' own does not let it. */
export type DatagramCall =
  | { readonly call: 'connect'; readonly host: string; readonly port: number }
  /** connect(2) with AF_UNSPEC. */
  | { readonly call: 'disconnect' }
  /** sendto(2), also of a connected socket; the answer is waited for. */
  | { readonly call: 'sendto'; readonly host: string; readonly port: number }
  | { readonly call: 'getpeername' };

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)');
const connect = libc.func('int connect(int, void *, unsigned int)');
const sendto = libc.func('long sendto(int, void *, unsigned long, int, void *, unsigned int)');
const recvfrom = libc.func('long recvfrom(int, void *, unsigned long, int, void *, void *)');
const getpeername = libc.func('int getpeername(int, void *, void *)');
const close = libc.func('int close(int)');

const AF_INET = 2;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const WAIT_MS = 1_000;

/** struct sockaddr_in */
function sockaddr(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  for (const [i, byte] of host.split('.').entries()) bytes[4 + i] = Number(byte);
  return bytes;
}

function textOf(bytes: Buffer): string {
  return `${[...bytes.subarray(4, 8)].join('.')}:${bytes.readUInt16BE(2)}`;
}

const kept = new Map<string, number>();

/**
 * Makes the calls on one socket, in order; under a name it stays open for the next. What each said: an answer as `who wrote
 * it, from where`, a peer, or an error.
 */
export async function datagramCalls(calls: readonly DatagramCall[], name?: string): Promise<string[]> {
  const fd = kept.get(name ?? '') ?? Number(socket(AF_INET, SOCK_DGRAM, 0));
  const said: string[] = [];
  for (const call of calls) said.push(await make(fd, call));
  if (name === undefined) close(fd);
  else kept.set(name, fd);
  return said;
}

async function make(fd: number, call: DatagramCall): Promise<string> {
  const result = (failed: boolean): string => (failed ? `errno ${koffi.errno()}` : '');
  switch (call.call) {
    case 'connect':
      return result(connect(fd, sockaddr(call.host, call.port), 16) < 0);
    case 'disconnect':
      return result(connect(fd, Buffer.alloc(16), 16) < 0);
    case 'sendto':
      if (sendto(fd, Buffer.from('?'), 1, 0, sockaddr(call.host, call.port), 16) < 0) return result(true);
      return await answer(fd);
    case 'getpeername': {
      const peer = Buffer.alloc(16);
      return getpeername(fd, peer, Buffer.from([16, 0, 0, 0])) < 0 ? result(true) : textOf(peer);
    }
  }
}

async function answer(fd: number): Promise<string> {
  const [bytes, from] = [Buffer.alloc(64), Buffer.alloc(16)];
  // Not blocking: whoever answers may be this very process.
  for (let waited = 0; waited < WAIT_MS; waited += 5) {
    const length = Number(recvfrom(fd, bytes, bytes.length, MSG_DONTWAIT, from, Buffer.from([16, 0, 0, 0])));
    if (length >= 0) return `${bytes.subarray(0, length).toString()}, from ${textOf(from)}`;
    await sleep(5);
  }
  return 'timeout';
}
