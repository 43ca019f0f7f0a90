/**
 * Entry of `./membrane`: starts what was built of these sources, while it is of these, and otherwise the sources themselves.
 * Alike but for half a second of processor time that an agent's 900 files take, and what code that is kept saves.
 */
import { basename, dirname, join, resolve } from 'node:path';
import { builtProgram } from './built-program.ts';
import { BuiltScripts } from './built-scripts.ts';
import { CodeCache } from './code-cache.ts';
import { leaveUndiciOut } from './lean-http.ts';
import type * as Program from './start.ts';

leaveUndiciOut();

// The launcher's cache is in use by now; pods and tools that we start must not write into it.
delete process.env.NODE_COMPILE_CACHE;

const HOME = resolve(import.meta.dirname, '../..');
const built = builtProgram(HOME);
if (built === undefined) {
  const { start } = await import('./start.ts');
  await start();
} else {
  // Each verb runs functions of its own.
  const [, , verb = ''] = process.argv;
  const cache = new CodeCache(join(HOME, 'build/cache/program', /^[a-z]+$/.test(verb) ? verb : 'other'));
  cache.open();
  const scripts = new BuiltScripts(dirname(built), cache);
  const { start } = scripts.load(basename(built)) as typeof Program;
  await start(() => scripts.keep());
}
