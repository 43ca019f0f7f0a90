/**
 * Tells whether the datapath can be loaded here. Run as a program it tries, and prints the feature that is missing; as a
 * module it runs that in a process of its own, because a kernel whose program loading hangs holds the process for good.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errorMessage } from '../src/base/index.ts';

const SELF = fileURLToPath(import.meta.url);
/** Far longer than it takes (a few ms), so that a busy machine is not taken for a broken one. */
const PATIENCE_MS = 30_000;

/** The missing feature, in words; undefined: the kernel tests can run. */
export async function missingKernelFeature(): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const child = spawn(process.execPath, [SELF], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  let said = '';
  const timer = setTimeout(() => {
    child.stdout.destroy();
    child.unref();
    resolve(`BPF program loading (it hangs: no answer within ${PATIENCE_MS / 1000} s; the machine needs a restart)`);
  }, PATIENCE_MS);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.on('error', (error) => resolve(errorMessage(error)));
  child.on('close', (code) => {
    clearTimeout(timer);
    resolve(code === 0 ? undefined : said.trim() || `a BPF datapath (the probe ended with ${code})`);
  });
  return await promise;
}

if (process.argv[1] === SELF) {
  try {
    const { ensureBpffs, requireFeatures } = await import('../src/datapath/index.ts');
    ensureBpffs();
    requireFeatures();
  } catch (error) {
    console.log(errorMessage(error));
    process.exitCode = 1;
  }
}
