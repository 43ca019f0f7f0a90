import { describe, expect, it } from 'vitest';
import { Problems } from './problems.ts';

describe('Problems', () => {
  it('says a few of a kind, each once, and how many more there are', () => {
    const problems = new Problems();
    for (let i = 0; i < 8; i += 1) for (const reason of ['A', 'B']) problems.add(reason, `message ${i % 7}`);
    const list = problems.list();
    expect(list.filter(({ reason }) => reason === 'A').map(({ message }) => message)).toEqual([
      ...[0, 1, 2, 3, 4].map((i) => `message ${i}`),
      'and 2 more',
    ]);
    expect(list).toHaveLength(12);
  });

  it('lets through neither what steers a terminal nor what fills it', () => {
    const problems = new Problems();
    problems.add('A', `pod \u001b[31m\n\u202e${'x'.repeat(10_000)}`);
    const [{ message } = { message: '' }] = problems.list();
    expect(message).toHaveLength(500);
    expect(message).toMatch(/^pod \ufffd\[31m\ufffd\ufffdx+$/);
  });
});
