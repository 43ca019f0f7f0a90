import { readFileSync } from 'node:fs';
import type { LinkSecrets } from './node-link.ts';

/** Paths of PEM files: what nodes are shown, and of whom their certificates must be. */
type SecretFiles = {
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly caFile?: string | undefined;
};

/** As the files are now: they are replaced while they hold. undefined: nodes are asked without. Throws when one cannot be read. */
export function linkSecrets({ certFile, keyFile, caFile }: SecretFiles): LinkSecrets | undefined {
  if (certFile === undefined || keyFile === undefined || caFile === undefined) return undefined;
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), ca: readFileSync(caFile) };
}
