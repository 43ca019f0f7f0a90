import { readYamlFile } from '../base/yaml.ts';
import { manifestObjects } from '../model/manifest.ts';
import { cliErrors } from './errors.ts';

/** The policies of a YAML file as the API server would be sent them; other objects are not for us. E_CLI_FILE. */
export async function readPolicies(path: string): Promise<unknown[]> {
  const refuse = (detail: string, cause?: unknown) =>
    cliErrors.make('E_CLI_FILE', { detail: `${path}: ${detail}`, cause });
  const objects = manifestObjects(await readYamlFile(path, refuse), refuse);
  const policies = objects.filter(({ kind }) => typeof kind === 'string' && kind.endsWith('Policy'));
  if (policies.length === 0) throw refuse('holds no policy');
  return policies;
}
