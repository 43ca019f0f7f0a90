import { readYamlFile } from '../base/yaml.ts';
import { manifestObjects } from '../model/manifest.ts';
import { cliErrors } from './errors.ts';

/** The policies of a YAML file as the API server would be sent them; other objects are not for us. E_CLI_FILE. */
export async function readPolicies(path: string): Promise<unknown[]> {
  return await read(path);
}

/** They decide, too, who reaches whom: who left them out would answer another question than was asked. */
const DECIDING = ['Namespace', 'Pod', 'Tenant'];

/** Likewise, where nothing else may change what becomes of flows. E_CLI_FILE. */
export async function readChange(path: string): Promise<unknown[]> {
  return await read(path, DECIDING);
}

async function read(path: string, refused: readonly string[] = []): Promise<unknown[]> {
  const refuse = (detail: string, cause?: unknown) =>
    cliErrors.make('E_CLI_FILE', { detail: `${path}: ${detail}`, cause });
  const objects = manifestObjects(await readYamlFile(path, refuse), refuse);
  const other = refused.find((name) => objects.some(({ kind }) => kind === name));
  if (other !== undefined) throw refuse(`only policies can be judged, and it holds a ${other}`);
  const policies = objects.filter(({ kind }) => typeof kind === 'string' && kind.endsWith('Policy'));
  if (policies.length === 0) throw refuse('holds no policy');
  return policies;
}
