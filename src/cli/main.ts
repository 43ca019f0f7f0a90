/**
 * Entry of `./membrane`: starts what was built of these sources, while it is of these, and otherwise the sources themselves.
 * Alike but for a third of a second of processor time that an agent's 900 files take.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { builtProgram } from './built-program.ts';
import { leaveUndiciOut } from './lean-http.ts';

leaveUndiciOut();

// The launcher's cache is in use by now; pods and tools that we start must not write into it.
delete process.env.NODE_COMPILE_CACHE;

const built = builtProgram(resolve(import.meta.dirname, '../..'));
if (built === undefined) await import('./start.ts');
else await import(pathToFileURL(built).href);
