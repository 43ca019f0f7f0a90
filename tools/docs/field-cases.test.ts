import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const [, section = ''] = readFileSync(new URL('docs/TESTING.md', ROOT), 'utf8').split('\n## Cases from the field\n');

/** What is told, the file, and words of the title of a test there. */
const cases = section
  .split('\n')
  .filter((line) => /^\|.*`.*\.(?:test|scenes)\.ts`/.test(line))
  .map((line) => {
    const [, what = '', file = '', title = ''] = line.split('|').map((cell) => cell.trim());
    return [what, file.replaceAll('`', ''), title] as const;
  });

describe('each case from the field', () => {
  test('stands in the table', () => expect(cases.length).toBeGreaterThan(30));

  test.each(cases)('%s is a test: %s', (_what, file, title) => {
    expect(existsSync(new URL(file, ROOT))).toBe(true);
    expect(readFileSync(new URL(file, ROOT), 'utf8')).toContain(title);
  });
});
