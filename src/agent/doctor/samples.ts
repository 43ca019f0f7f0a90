import type { Finding } from '../../api/index.ts';

/** `severity check: evidence` of what is not fine; throws for one that does not say what to do. */
export function bad(findings: readonly Finding[]): string[] {
  const found = findings.filter(({ severity }) => severity !== 'ok');
  const dumb = found.find(({ remedy }) => remedy === undefined);
  if (dumb !== undefined) throw new Error(`no remedy for ${dumb.evidence}`);
  return found.map(({ severity, check, evidence }) => `${severity} ${check}: ${evidence}`);
}
