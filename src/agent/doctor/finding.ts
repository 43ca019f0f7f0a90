import type { Finding } from '../../api/index.ts';

/** What a list says by name; the rest is a number, however many there are. */
const MAX_NAMED = 10;

export function fine(check: string, evidence: string): Finding {
  return { severity: 'ok', check, evidence };
}

/** `a, b and 3 more`. */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMED).join(', ');
  return names.length > MAX_NAMED ? `${shown} and ${names.length - MAX_NAMED} more` : shown;
}
