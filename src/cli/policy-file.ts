import { readFile } from 'node:fs/promises';
import { errorMessage } from '../base/index.ts';
import { cliErrors } from './errors.ts';

/** The policies of a YAML file, `List`s opened, as the API server would be sent them; other objects are not for us. E_CLI_FILE. */
export async function readPolicies(path: string): Promise<unknown[]> {
  const { parseAllDocuments } = await import('yaml');
  const refuse = (detail: string, cause?: unknown) =>
    cliErrors.make('E_CLI_FILE', { detail: `${path}: ${detail}`, cause });
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw refuse(errorMessage(cause), cause);
  });
  const objects: object[] = [];
  const take = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) throw refuse('a document is not an object');
    if ('items' in value && Array.isArray(value.items)) for (const item of value.items) take(item);
    else objects.push(value);
  };
  for (const document of parseAllDocuments(text, { uniqueKeys: true })) {
    if (!('errors' in document)) continue;
    const [error] = document.errors;
    if (error !== undefined) throw refuse(error.message.split('\n')[0] ?? 'not YAML');
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value !== null && value !== undefined) take(value);
  }
  const policies = objects.filter((object) => 'kind' in object && String(object.kind).endsWith('Policy'));
  if (policies.length === 0) throw refuse('holds no policy');
  return policies;
}
