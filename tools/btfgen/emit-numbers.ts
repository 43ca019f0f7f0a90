import type { Layout } from './layout.ts';
import { GENERATED } from './names.ts';

/** The numbers that C and TypeScript share and that are no enum's. */
export function emitNumbers(layout: Layout): string {
  const lines = [...layout.numbers].map(([name, value]) => `export const ${name} = ${literal(value)};`);
  return `${GENERATED}\n${lines.join('\n')}\n`;
}

function literal(value: bigint): string {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? `${value}n` : `${value}`;
}
