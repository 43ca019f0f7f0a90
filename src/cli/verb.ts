import type { Command } from 'commander';
import type { CommandContext } from './context.ts';

/** What a file of `commands` exports: it puts the verb that the file is named after under the program. */
export type Verb = {
  readonly register: (program: Command, context: CommandContext) => void;
};
