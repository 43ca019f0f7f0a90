import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const VALID = ['-days', '2'];

export type TestCertificate = {
  /** The authority that signs it. */
  readonly by: string;
  /** `DNS:node-1.test`, `IP:127.0.0.1`, with commas between. */
  readonly alternatives: string;
  /** `/CN=` and the file's name, unless it is said. */
  readonly subject?: string;
  /** For everything, unless it is said. */
  readonly usage?: 'serverAuth' | 'clientAuth';
};

/** Authorities and what they sign, made by openssl: `<name>.crt` and `<name>.key` in a folder of their own. */
export class TestCertificates implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'membrane-certificates-'));

  file(name: string): string {
    return join(this.folder, name);
  }

  authority(...names: readonly string[]): void {
    for (const name of names) {
      const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
      this.#openssl('req', '-x509', ...NEW_KEY, ...VALID, '-subj', `/CN=${name}`, ...files);
    }
  }

  /** In place of the one that was signed under this name before. */
  sign(name: string, { by, alternatives, subject = `/CN=${name}`, usage }: TestCertificate): void {
    const uses = usage === undefined ? '' : `\nextendedKeyUsage=${usage}`;
    writeFileSync(this.file(`${name}.ext`), `subjectAltName=${alternatives}${uses}`);
    this.#openssl('req', ...NEW_KEY, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const signed = ['-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial', ...VALID];
    this.#openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-extfile', `${name}.ext`, '-out', `${name}.crt`);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'pipe' });
  }
}
