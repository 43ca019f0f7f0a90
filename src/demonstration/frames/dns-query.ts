import { type Addr, parseAddr } from '../../net/index.ts';

/** A query for the address of a name, as a stub resolver writes it (RFC 1035, 4.1). */
export function dnsQuery(id: number, name: string): Uint8Array {
  const labels = name.split('.').map((label) => [label.length, ...Buffer.from(label)]);
  return Uint8Array.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels.flat(), 0, 0, 1, 0, 1]);
}

/** The address in the answer to this very query, when it has one and no more; undefined for anything else. */
export function dnsAnswer(query: Uint8Array, answer: Uint8Array): Addr | undefined {
  const bytes = Buffer.from(answer);
  const question = Buffer.from(query).subarray(12);
  const record = bytes.subarray(12 + question.length);
  const isAnswer = bytes.length === query.length + 16 && ((bytes[2] ?? 0) & 0x80) !== 0 && bytes.readUInt16BE(6) === 1;
  if (!isAnswer || bytes.readUInt16BE(0) !== Buffer.from(query).readUInt16BE(0)) return undefined;
  if (!bytes.subarray(12, 12 + question.length).equals(question)) return undefined;
  // A pointer to the name of the question, type A, class IN, any lifetime, four bytes.
  const isA = record.readUInt16BE(2) === 1 && record.readUInt16BE(4) === 1 && record.readUInt16BE(10) === 4;
  return isA ? parseAddr([...record.subarray(12, 16)].join('.')) : undefined;
}
