import { z } from 'zod';
import { FrameProcess, type Seat } from './frame-process.ts';
import { patience } from './patience.ts';

const count = z.number().int().nonnegative();

const sendReport = z.object({
  /** Frames that the kernel took. */
  sent: count,
  failed: count,
  /** Name of the first error, e.g. `ENETDOWN`; empty: none. */
  firstError: z.string(),
  /** From the start of the tool to the first frame taken; -1: none was. */
  waitedMs: z.number(),
});
export type SendReport = z.output<typeof sendReport>;

const countReport = z.object({
  seen: count,
  /** Frames that the counter itself could not hold. */
  lost: count,
  matches: z.record(z.string(), count),
});
export type CountReport = z.output<typeof countReport>;

const connectionReport = z.object({
  local: z.string(),
  peer: z.string(),
  /** `connecting`, `open`, `closed`, `timeout`, or the name of an error. */
  state: z.string(),
  /** Bytes. */
  received: count,
  /** Bytes among them that only an attacker sends. */
  marked: count,
  messages: count,
  /** Bytes of ours that the peer has acknowledged. */
  acked: count,
  retransmits: count,
  /** Retransmissions that the peer says it had already (DSACK, RFC 2883): nothing was lost, the sender was impatient. */
  duplicates: count,
  /** Next sequence number to send, and next one expected. */
  sequence: count,
  acknowledgement: count,
});
export type ConnectionReport = z.output<typeof connectionReport>;

const serverReport = z.object({
  accepted: count,
  received: count,
  marked: count,
  connections: z.array(connectionReport),
});
export type ServerReport = z.output<typeof serverReport>;

export type Counter = FrameProcess<CountReport>;
export type Sender = FrameProcess<SendReport>;
export type Server = FrameProcess<ServerReport>;
export type Client = FrameProcess<ConnectionReport>;

export type SendOptions = {
  /** Default: the first that is not the loopback. */
  readonly device?: string;
  /** Times each frame is sent; 0: until stopped. Default 1. */
  readonly count?: number;
  /** Frames a second. Default 2,000. */
  readonly rate?: number;
  /** Wait for the device to be there and up. */
  readonly wait?: boolean;
  /** Do not wait for it to be up but set it up. */
  readonly up?: boolean;
  /** The end, whatever happens. Default 3,600. */
  readonly seconds?: number;
  /**
   * `START:OFFSET`: the checksum of what is from byte START on is not there yet; whoever sends the frame out is to write
   * it at START + OFFSET. `START:OFFSET:SIZE:TYPE`: and to cut it into segments (types of VIRTIO_NET_HDR_GSO_*).
   */
  readonly unfinished?: string;
};

export function option(name: string, value: string | number | boolean | undefined): string[] {
  if (value === undefined || value === false) return [];
  return value === true ? [`--${name}`] : [`--${name}`, String(value)];
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Starts sending frames; `report` and `stop` say how many the kernel took. */
export function startSend(where: string | Seat, frames: readonly Uint8Array[], options: SendOptions = {}): Sender {
  const args = Object.entries(options).flatMap(([name, value]) => option(name, value));
  return new FrameProcess(where, 'send', [...args, '--', ...frames.map(toHex)], sendReport);
}

/** Sends frames to the end. */
export async function sendFrames(
  where: string | Seat,
  frames: readonly Uint8Array[],
  options: SendOptions = {},
): Promise<SendReport> {
  return await startSend(where, frames, options).finished;
}

export type CountOptions = {
  readonly devices?: readonly string[];
  /** Count what the IP stack delivers to this host. */
  readonly local?: boolean;
  /** Wait for the devices to be there; then the counter is not ready when this returns. */
  readonly wait?: boolean;
  /** What to look for, by a name of letters, digits and `-`. */
  readonly patterns: Readonly<Record<string, Uint8Array>>;
  /** The end, whatever happens. Default 3,600. */
  readonly seconds?: number;
};

/** Starts a counter. Resolves when nothing is missed any more. */
export async function startCount(netns: string, options: CountOptions): Promise<Counter> {
  const args = [
    ...(options.devices ?? []).flatMap((device) => option('device', device)),
    ...option('local', options.local),
    ...option('wait', options.wait),
    ...option('seconds', options.seconds),
    ...Object.entries(options.patterns).flatMap(([name, bytes]) => option('match', `${name}=${toHex(bytes)}`)),
  ];
  const counter: Counter = new FrameProcess(netns, 'count', args, countReport);
  if (options.wait !== true) await counter.next();
  return counter;
}

/** Starts a TCP server that counts. With `push` it keeps sending to everybody who has ever connected. */
export async function startServe(
  netns: string,
  options: { port: number; push?: boolean; rate?: number; seconds?: number },
): Promise<Server> {
  const args = [
    ...option('port', options.port),
    ...option('push', options.push),
    ...option('rate', options.rate),
    ...option('seconds', options.seconds),
  ];
  const server: Server = new FrameProcess(netns, 'serve', args, serverReport);
  await server.next();
  return server;
}

export type ConnectOptions = {
  readonly to: string;
  readonly port: number;
  readonly sourcePort?: number;
  /** Messages of nine bytes a second. */
  readonly rate?: number;
  /** For the connection to come about, in ms, on an idle machine. Default 1,000. */
  readonly timeoutMs?: number;
  readonly seconds?: number;
};

function connectArgs(options: ConnectOptions): string[] {
  return [
    ...option('to', `${options.to}:${options.port}`),
    ...option('source-port', options.sourcePort),
    ...option('rate', options.rate),
    ...option('timeout', patience(options.timeoutMs ?? 1_000) / 1_000),
    ...option('seconds', options.seconds),
  ];
}

/** Opens a TCP connection and keeps sending numbered messages on it. */
export function startConnect(netns: string, options: ConnectOptions): Client {
  return new FrameProcess(netns, 'connect', connectArgs(options), connectionReport);
}

/** Whether a TCP connection comes about: `open`, or why not. */
export async function probe(netns: string, options: ConnectOptions): Promise<ConnectionReport> {
  const client: Client = new FrameProcess(netns, 'connect', [...connectArgs(options), '--probe'], connectionReport);
  return await client.finished;
}
