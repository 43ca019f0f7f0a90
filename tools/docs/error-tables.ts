import { globSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ErrorSpec } from '../../src/base/index.ts';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

export type ErrorSection = { readonly folder: string; readonly specs: Readonly<Record<string, ErrorSpec>> };

/** The error table of every folder of src that has one. */
export async function errorSections(): Promise<ErrorSection[]> {
  const sections: ErrorSection[] = [];
  for (const file of globSync('**/errors.ts', { cwd: SRC }).toSorted()) {
    const module = (await import(pathToFileURL(`${SRC}/${file}`).href)) as Record<string, unknown>;
    for (const table of Object.values(module).filter(isTable)) {
      sections.push({ folder: file.slice(0, -'/errors.ts'.length), specs: table.specs });
    }
  }
  return sections;
}

function isTable(value: unknown): value is { specs: Record<string, ErrorSpec> } {
  return typeof value === 'object' && value !== null && 'specs' in value && 'make' in value;
}
