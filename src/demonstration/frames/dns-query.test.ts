import { describe, expect, it } from 'vitest';
import { dnsAnswer, dnsQuery } from './dns-query.ts';

const query = dnsQuery(0x1234, 'shop.test');
const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 9];

function answerTo(asked: Uint8Array, tail: readonly number[] = record): Uint8Array {
  const answer = Uint8Array.from([...asked, ...tail]);
  answer[2] = 0x81;
  answer[3] = 0x80;
  answer[7] = 1;
  return answer;
}

describe('a DNS query', () => {
  it('is what RFC 1035 says', () => {
    expect(Buffer.from(query).toString('hex')).toBe('1234010000010000000000000473686f7004746573740000010001');
  });

  it('finds the address in its answer', () => {
    expect(dnsAnswer(query, answerTo(query))).toBe('203.0.113.9');
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['itself', query],
    ['the answer to another query', answerTo(dnsQuery(0x4321, 'shop.test'))],
    ['the answer about another name', answerTo(dnsQuery(0x1234, 'shoq.test'))],
    ['another record', answerTo(query, record.with(3, 16))],
    ['text', Uint8Array.from(Buffer.from('captured 10.244.1.2:40000'))],
  ])('takes no address from %s', (_what, answer) => {
    expect(dnsAnswer(query, answer)).toBeUndefined();
  });
});
