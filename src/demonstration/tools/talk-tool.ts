import { z } from 'zod';
import { FrameProcess, type Seat } from './frame-process.ts';
import { option, toHex } from './frame-tool.ts';
import { patience } from './patience.ts';

const count = z.number().int().nonnegative();
const bytes = z.hex().transform((text) => Uint8Array.from(Buffer.from(text, 'hex')));

const seenReport = z.object({
  connections: count,
  datagrams: count,
  bytes: count,
  /** `address:port`, the newest sixteen. */
  peers: z.array(z.string()),
});
export type SeenReport = z.output<typeof seenReport>;
export type Answerer = FrameProcess<SeenReport>;

export type Protocol = 'TCP' | 'UDP';
export const BOTH: readonly Protocol[] = ['TCP', 'UDP'];

/** Starts a server for TCP and UDP that says `text` and who asked, or with `resolves` answers DNS queries with an address. */
export async function startAnswer(
  where: string | Seat,
  options: { at: string; port: number; text?: string; resolves?: Uint8Array },
): Promise<Answerer> {
  const { at, port, text = 'hello', resolves } = options;
  const args = [
    ...option('at', `${at}:${port}`),
    ...option('data', toHex(resolves ?? Buffer.from(text))),
    ...option('dns', resolves !== undefined),
  ];
  const answerer: Answerer = new FrameProcess(where, 'answer', args, seenReport);
  await answerer.next();
  return answerer;
}

const askReport = z.object({
  /** `answered`, `silent`, or the name of an error. */
  state: z.string(),
  answer: bytes,
  /** Whom the socket says that it talks to. */
  peer: z.string(),
  local: z.string(),
  /** From the question to the end of the answer, or to when it was given up. */
  tookMs: z.number(),
});

export type Question = {
  readonly to: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** Default: a line of text. */
  readonly data?: Uint8Array;
  /** On an idle machine. Default 400. */
  readonly timeoutMs?: number;
  /** Through an IPv6 socket that talks IPv4, as many runtimes do it; `ask` only. */
  readonly mapped?: boolean;
};

export type Told = {
  readonly state: string;
  readonly answer: Uint8Array;
  readonly text: string;
  readonly peer: string;
  readonly local: string;
  readonly tookMs: number;
};

/** For who is to be answered: an answer comes at once, and the machine may be busier than it says. In ms. */
export const ANSWERED_MS = 10_000;

const QUESTION = Uint8Array.from(Buffer.from('who is there?\n'));

function questionArgs(question: Question): string[] {
  return [
    ...option('to', `${question.to}:${question.port}`),
    ...option('udp', question.protocol === 'UDP'),
    ...option('data', toHex(question.data ?? QUESTION)),
    ...option('mapped', question.mapped),
    ...option('timeout', patience(question.timeoutMs ?? 400) / 1_000),
  ];
}

function textOf(answer: Uint8Array): string {
  return Buffer.from(answer).toString('latin1').trim();
}

/** Asks through the kernel's sockets. `device`: SO_BINDTODEVICE; `from`: an address of its own. */
export async function ask(
  where: string | Seat,
  question: Question & { readonly from?: string; readonly device?: string },
): Promise<Told> {
  const args = [...questionArgs(question), ...option('from', question.from), ...option('device', question.device)];
  const report = await new FrameProcess(where, 'ask', args, askReport).finished;
  return { ...report, text: textOf(report.answer) };
}

/** `answered x 3, silent`: what became of several questions. */
export function statesText(told: readonly Pick<Told, 'state'>[]): string {
  const counts = Map.groupBy(told, ({ state }) => state);
  return Array.from(counts, ([state, all]) => (all.length === 1 ? state : `${state} x ${all.length}`)).join(', ');
}

const exchangeReport = z.object({
  /** `answered`, `open` (a connection and no answer), `refused` or `silent`. */
  state: z.string(),
  /** Sent. */
  frames: count,
  answer: bytes,
  /** Effective ones of the process (CapEff, capabilities(7)). */
  capabilities: z.string(),
});
export type Exchanged = Omit<z.output<typeof exchangeReport>, 'answer'> & { readonly text: string };

/** Holds a conversation in frames of its own making. */
export async function exchange(
  where: string | Seat,
  question: Question & { readonly from: string; readonly device: string; readonly ether: string },
): Promise<Exchanged> {
  const { from, device, ether } = question;
  const args = [
    ...questionArgs(question),
    ...option('from', from),
    ...option('device', device),
    ...option('ether', ether),
  ];
  const { answer, ...report } = await new FrameProcess(where, 'exchange', args, exchangeReport).finished;
  return { ...report, text: textOf(answer) };
}
