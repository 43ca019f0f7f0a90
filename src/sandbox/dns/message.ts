import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, type Packet, TRUNCATED_RESPONSE } from 'dns-packet';
import type { Zone, ZoneRecord } from './zone.ts';

/** What a client without EDNS takes (RFC 1035), and what we send at most: it passes every path unfragmented. */
const PLAIN_LIMIT = 512;
const UDP_LIMIT = 1_232;
const TCP_LIMIT = 65_535;

const RCODE = { NOERROR: 0, FORMERR: 1, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
/** RFC 6891: the upper bits of BADVERS (16); the lower four are 0. */
const BAD_VERSION = 1;
const RESPONSE = 0x8000;
const RECURSION_DESIRED = 0x0100;
const OPCODE = 0x7800;
const HEADER_BYTES = 12;

type Opt = { readonly udpPayloadSize: number; readonly ednsVersion: number };
type Draft = {
  readonly rcode: number;
  readonly answers?: readonly ZoneRecord[];
  readonly authorities?: readonly ZoneRecord[];
  readonly additionals?: readonly ZoneRecord[];
};

/** The answer to one message; `undefined` for what must not be answered: no question, or an answer itself. */
export function answerTo(query: Buffer, zone: Zone, transport: 'udp' | 'tcp'): Buffer | undefined {
  if (query.length < HEADER_BYTES) return undefined;
  const flags = query.readUInt16BE(2);
  if ((flags & RESPONSE) !== 0) return undefined;
  if ((flags & OPCODE) !== 0) return headerOnly(query, RCODE.NOTIMP);
  let packet: Packet;
  try {
    packet = decode(query);
  } catch {
    return headerOnly(query, RCODE.FORMERR);
  }
  const [question, ...more] = packet.questions ?? [];
  if (question === undefined || more.length > 0) return headerOnly(query, RCODE.FORMERR);
  const opt = optOf(packet);
  const limit = transport === 'tcp' ? TCP_LIMIT : Math.max(PLAIN_LIMIT, Math.min(opt?.udpPayloadSize ?? 0, UDP_LIMIT));
  const draft = (): Draft => {
    if (question.class !== 'IN' && question.class !== 'ANY') return { rcode: RCODE.REFUSED };
    const { rcode, ...rest } = zone.answer(question.name, question.type);
    return { ...rest, rcode: RCODE[rcode] };
  };
  const isOld = opt !== undefined && opt.ednsVersion !== 0;
  return fitted(packet, isOld ? { rcode: RCODE.NOERROR } : draft(), { opt, limit, extended: isOld ? BAD_VERSION : 0 });
}

type Frame = { readonly opt: Opt | undefined; readonly limit: number; readonly extended: number };

/** Whole, or without what is only of use, or cut with the mark that says so. */
function fitted(query: Packet, draft: Draft, frame: Frame): Buffer {
  const whole = encoded(query, draft, frame, false);
  if (whole.length <= frame.limit) return whole;
  const { additionals: _, ...necessary } = draft;
  const bare = encoded(query, necessary, frame, false);
  if (bare.length <= frame.limit) return bare;
  const answers = [...(draft.answers ?? [])];
  while (answers.length > 0) {
    answers.length = Math.floor(answers.length * 0.9);
    const cut = encoded(query, { rcode: draft.rcode, answers }, frame, true);
    if (cut.length <= frame.limit) return cut;
  }
  return encoded(query, { rcode: draft.rcode }, frame, true);
}

function encoded(query: Packet, draft: Draft, { opt, extended }: Frame, isCut: boolean): Buffer {
  const asked = query.flags ?? 0;
  const ownOpt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: UDP_LIMIT,
    extendedRcode: extended,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } as unknown as Answer;
  return encode({
    id: query.id ?? 0,
    type: 'response',
    flags: draft.rcode | AUTHORITATIVE_ANSWER | (asked & RECURSION_DESIRED) | (isCut ? TRUNCATED_RESPONSE : 0),
    questions: query.questions ?? [],
    answers: [...(draft.answers ?? [])] as Answer[],
    authorities: [...(draft.authorities ?? [])] as Answer[],
    additionals: [...((draft.additionals ?? []) as Answer[]), ...(opt === undefined ? [] : [ownOpt])],
  });
}

function optOf({ additionals = [] }: Packet): Opt | undefined {
  const found = additionals.find(({ type }) => type === 'OPT');
  return found as Opt | undefined;
}

/** To what cannot be read beyond its header. */
function headerOnly(query: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(HEADER_BYTES);
  query.copy(answer, 0, 0, 2);
  answer.writeUInt16BE(RESPONSE | (query.readUInt16BE(2) & (OPCODE | RECURSION_DESIRED)) | rcode, 2);
  return answer;
}
