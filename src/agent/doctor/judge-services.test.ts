import { describe, expect, it } from 'vitest';
import { judgeServices } from './judge-services.ts';

describe('judgeServices', () => {
  it('names those that got less than they want, and what would help', () => {
    const [finding, ...more] = judgeServices(new Map([['a/web', 'service a/web: the Service needs 9 rows']]));
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ severity: 'warning', check: 'services' });
    expect(finding?.evidence).toContain('the Service needs 9 rows');
    expect(finding?.remedy).toContain('namespaceServiceShare');
  });

  it.each([undefined, new Map<string, string>()])('is content with %s', (refused) => {
    expect(judgeServices(refused).map(({ severity }) => severity)).toEqual(['ok']);
  });
});
