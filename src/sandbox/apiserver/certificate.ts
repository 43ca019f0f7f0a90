import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { apiServerErrors } from './errors.ts';

const run = promisify(execFile);

/** All PEM. The authority signed only this one certificate; its key is thrown away. */
export type Certificate = { readonly ca: string; readonly cert: string; readonly key: string };

const VALID_DAYS = '365';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A configuration of our own: the machine's may add extensions twice or not at all. */
function configOf(subjects: string): string {
  return `
[req]
distinguished_name = name
prompt = no
[name]
CN = membrane-sandbox
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${subjects}
`;
}

/** Makes an authority and a server certificate for these names and addresses, with the `openssl` program. */
export async function makeCertificate(names: readonly string[]): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'membrane-cert-'));
  const file = (name: string): string => join(folder, name);
  try {
    const subjects = names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',');
    await writeFile(file('config'), configOf(subjects));
    const common = ['-config', file('config')];
    await run('openssl', [
      'req',
      '-x509',
      ...common,
      ...NEW_KEY,
      '-keyout',
      file('ca.key'),
      '-out',
      file('ca.pem'),
      '-days',
      VALID_DAYS,
      '-subj',
      '/CN=membrane-sandbox-ca',
      '-extensions',
      'authority',
    ]);
    await run('openssl', [
      'req',
      '-new',
      ...common,
      ...NEW_KEY,
      '-keyout',
      file('server.key'),
      '-out',
      file('server.csr'),
      '-subj',
      '/CN=membrane-sandbox',
    ]);
    await run('openssl', [
      'x509',
      '-req',
      '-in',
      file('server.csr'),
      '-CA',
      file('ca.pem'),
      '-CAkey',
      file('ca.key'),
      '-set_serial',
      '2',
      '-days',
      VALID_DAYS,
      '-extfile',
      file('config'),
      '-extensions',
      'server',
      '-out',
      file('server.pem'),
    ]);
    const [ca, cert, key] = await Promise.all(
      ['ca.pem', 'server.pem', 'server.key'].map((name) => readFile(file(name), 'utf8')),
    );
    return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
  } catch (cause) {
    throw apiServerErrors.make('E_API_CERTIFICATE', { detail: names.join(', '), cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
