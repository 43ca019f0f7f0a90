import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { ServiceProtocol } from '../../model/index.ts';
import type { Addr } from '../../net/index.ts';

/** Which places processes of this network namespace listen at. */
export type BoundSockets = (protocol: ServiceProtocol, addr: Addr, port: number) => boolean;

/** proc(5), /proc/net/tcp: a listening socket; and of datagrams one that is bound and not connected. */
const LISTENS: Readonly<Record<string, string>> = { tcp: '0A', udp: '07' };
/** Bytes; some four hundred rows. */
const CHUNK = 65_536;
const ANY = /^0+$/;
const MAPPED = /^0{16}FFFF0000([0-9A-F]{8})$/;

/** As /proc says now. SCTP is not in it. */
export function boundSockets(read: (table: string) => string = readTable): BoundSockets {
  const places = new Set<string>();
  for (const protocol of ['tcp', 'udp']) {
    for (const table of [protocol, `${protocol}6`]) {
      for (const row of read(table).split('\n').slice(1)) {
        const [, local = '', , state] = row.trim().split(/\s+/);
        if (state !== LISTENS[protocol]) continue;
        const [hex = '', port = ''] = local.split(':');
        const addr = addrOf(hex);
        if (addr !== undefined) places.add(`${protocol} ${addr} ${Number.parseInt(port, 16)}`);
      }
    }
  }
  return (protocol, addr, port) => {
    const kind = protocol.toLowerCase();
    return places.has(`${kind} ${addr} ${port}`) || places.has(`${kind} any ${port}`);
  };
}

/** `any`, an IPv4 address, or undefined for one of IPv6. Words are in the machine's byte order: little endian. */
function addrOf(hex: string): string | undefined {
  if (ANY.test(hex)) return 'any';
  const word = hex.length === 8 ? hex : MAPPED.exec(hex)?.[1];
  if (word === undefined) return undefined;
  return [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16)).join('.');
}

function readTable(table: string): string {
  const path = `/proc/thread-self/net/${table}`;
  try {
    return table.startsWith('tcp') ? readListeners(path) : readFileSync(path, 'ascii');
  } catch {
    // A kernel without IPv6.
    return '';
  }
}

/** Who listens comes first (tcp_seek_last_pos in net/ipv4/tcp_ipv4.c): a busy node's connections are not read. */
function readListeners(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(CHUNK);
    let text = '';
    for (;;) {
      const size = readSync(fd, chunk);
      text += chunk.toString('ascii', 0, size);
      const [, , , state] = text
        .slice(text.lastIndexOf('\n', text.lastIndexOf('\n') - 1))
        .trim()
        .split(/\s+/);
      if (size === 0 || (state !== LISTENS['tcp'] && state !== 'st')) return text;
    }
  } finally {
    closeSync(fd);
  }
}
