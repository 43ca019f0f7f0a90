import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CNI_LIMITS, CNI_TAKEN, CniFrameReader, encodeAnswer } from './cni-protocol.ts';
import { decodeAnswer, encodeFrame } from './testkit.ts';

const text = fc.string({ maxLength: 40 }).map((s) => s.replaceAll('\0', ''));
const frames = fc.record({
  env: fc
    .array(
      fc.tuple(
        text.filter((k) => k !== '' && !k.includes('=')),
        text,
      ),
      { maxLength: 8 },
    )
    .map((e) => new Map(e)),
  stdin: text,
});

const taken = (answer: Parameters<typeof encodeAnswer>[0]): Buffer =>
  Buffer.concat([Buffer.from(CNI_TAKEN), encodeAnswer(answer)]);

describe('CniFrameReader', () => {
  it('reads what encodeFrame wrote, however it is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (frame, cuts) => {
        const bytes = encodeFrame(frame);
        const reader = new CniFrameReader();
        let got: unknown;
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          expect(got).toBeUndefined();
          const size = cuts[i % cuts.length] ?? 1;
          got = reader.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(got).toEqual(frame);
      }),
    );
  });

  it.each([
    ['no header', 'x'.repeat(65)],
    ['another protocol', 'GET / HTTP/1.1\n'],
    ['a negative size', 'MBRCNI/1 -1 0\n'],
    ['too much environment', `MBRCNI/1 ${CNI_LIMITS.envBytes + 1} 0\n`],
    ['too much configuration', `MBRCNI/1 0 ${CNI_LIMITS.stdinBytes + 1}\n`],
    ['a trailing byte', 'MBRCNI/1 0 1\n{}'],
    ['environment without NUL', 'MBRCNI/1 3 0\nA=B'],
    ['a variable without a name', 'MBRCNI/1 3 0\n=B\0'],
  ])('refuses %s', (_, bytes) => {
    expect(() => new CniFrameReader().push(Buffer.from(bytes))).toThrow(
      expect.objectContaining({ code: 'E_CNI_FRAME' }),
    );
  });

  it('carries answers', () => {
    expect(decodeAnswer(taken({ exitCode: 1, stdout: '{"a":"\\n"}\n' }))).toEqual({
      exitCode: 1,
      stdout: '{"a":"\\n"}\n',
    });
  });
});
