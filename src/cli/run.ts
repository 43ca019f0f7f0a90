import { CommanderError } from 'commander';
import { packageVersion } from '../base/home.ts';
import { createContext } from './context.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import type { GlobalOptions } from './options.ts';
import { escapeText } from './output/index.ts';
import { addAllVerbs, addCalledVerb, emptyProgram } from './program.ts';
import type { Roots } from './roots.ts';

/** Runs one command line. Never throws; the result is `process.exitCode`. */
export async function run(argv: readonly string[], roots: Roots): Promise<void> {
  // `membrane ... | head` closes the pipe: that is an end, not a failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? EXIT.good : EXIT.failure),
  );
  // Whoever does not read what is wrong still gets the exit code that says it.
  process.stderr.on('error', () => undefined);
  const program = emptyProgram();
  const context = createContext({
    globals: () => program.opts<GlobalOptions>(),
    roots,
    version: packageVersion(),
    wholeProgram: async () => {
      const whole = emptyProgram();
      await addAllVerbs(whole, context);
      return whole;
    },
  });
  try {
    await addCalledVerb(program, context, argv.slice(2));
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = await report(error);
  }
}

async function report(error: unknown): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.good : EXIT.usage;
  const { isMembraneError, errorMessage } = await import('../base/index.ts');
  if (isMembraneError(error)) {
    process.stderr.write(`membrane: ${escapeText(error.message)} [${error.code}]\n  ${escapeText(error.remedy)}\n`);
    return exitCodeOf(error.code);
  }
  process.stderr.write(`membrane: ${escapeText(errorMessage(error))} [E_CLI_UNEXPECTED]\n`);
  process.stderr.write('  This is a fault of Membrane: please report it, with the command that you ran.\n');
  if (process.env.MEMBRANE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return EXIT.failure;
}
