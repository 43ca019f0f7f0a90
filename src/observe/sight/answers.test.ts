import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../base/testkit.ts';
import { ofNamespace } from './access.ts';
import { Answers } from './answers.ts';

const SHOPKEEPER = { name: 'shopkeeper', groups: [] };
const QUESTION = ofNamespace('watch', 'shop');

function asked() {
  const clock = new FakeClock(1_000_000);
  const says: (boolean | Error)[] = [];
  const answers = new Answers(async () => {
    const said = says.shift();
    if (said === undefined || said instanceof Error) throw said ?? new Error('asked once too often');
    return said;
  }, clock);
  return { clock, says, of: async (maxAgeMs: number) => await answers.of(SHOPKEEPER, QUESTION, maxAgeMs) };
}

describe('what was answered of somebody', () => {
  it('is good for as long as whoever asks takes it, and no longer', async () => {
    const { clock, says, of } = asked();
    says.push(true);
    expect(await of(2_000)).toBe(true);
    await clock.advance(1_999);
    expect(await of(2_000)).toBe(true);
    says.push(false);
    expect(await of(1_000), 'one who wants it newer').toBe(false);
    await clock.advance(2_000);
    says.push(true);
    expect(await of(2_000)).toBe(true);
  });

  it('is asked once by those who ask at a time', async () => {
    const { says, of } = asked();
    says.push(true);
    expect(await Promise.all([of(2_000), of(2_000)])).toEqual([true, true]);
  });

  it('is asked again at once when nobody answered', async () => {
    const { says, of } = asked();
    says.push(new Error('away'), true);
    await expect(of(2_000)).rejects.toThrow('away');
    expect(await of(2_000)).toBe(true);
  });
});
