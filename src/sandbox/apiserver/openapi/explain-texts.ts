import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { HOME } from '../../../base/home.ts';
import type { StructSchema } from '../schema/dsl.ts';

/** Of one type: its own under `''`, the rest by field. */
type TypeTexts = Readonly<Record<string, string>>;
/** By the type's name; `*` holds for the types that the same file names, that of the first file for all. */
type Area = Readonly<Record<string, TypeTexts>>;

const AREAS = ['common', 'pods', 'network', 'workloads', 'stored'];
/** Types of people's own tell of themselves. */
const OURS = 'io.k8s.';

let areas: readonly Area[] | undefined;

/** Read when somebody first asks. */
export function explainAreas(): readonly Area[] {
  areas ??= AREAS.map((area) => {
    const text = readFileSync(join(HOME, 'src/sandbox/apiserver/openapi/texts', `${area}.yaml`), 'utf8');
    return parse(text, { merge: true }) as Area;
  });
  return areas;
}

/** What `kubectl explain` says of a type, or of a field of it. */
export function explain(type: StructSchema, field = ''): string | undefined {
  if (!type.name.startsWith(OURS)) return undefined;
  const name = type.name.slice(type.name.lastIndexOf('.') + 1);
  const [common] = explainAreas();
  const area = explainAreas().find((one) => Object.hasOwn(one, name));
  return area?.[name]?.[field] ?? (field === '' ? undefined : (area?.['*']?.[field] ?? common?.['*']?.[field]));
}
