import type { Command } from 'commander';
import { type CommandContext, createContext } from './context.ts';
import { addAllVerbs, emptyProgram } from './program.ts';

/** With it commands can be looked at, and none be run. */
export function idleContext(): CommandContext {
  const nobody = (): never => {
    throw new Error('not called');
  };
  const roots = {
    agent: nobody,
    operator: nobody,
    relay: nobody,
    ui: nobody,
    cni: nobody,
    sandbox: nobody,
    attacks: nobody,
    demo: nobody,
  };
  return createContext({ globals: () => ({}), roots, version: '0', wholeProgram: nobody });
}

export async function everyCommand(): Promise<Command> {
  const program = emptyProgram();
  await addAllVerbs(program, idleContext());
  return program;
}
