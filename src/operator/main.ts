import type { Settings } from '../base/configuration.ts';
import { runProgram } from '../base/program.ts';
import { configKeys, readConfig } from './config.ts';
import { startOperator } from './modules.ts';

export { configKeys };

/** Its exit code, see `runProgram`. */
export async function runOperator({ settings }: { readonly settings: Settings }): Promise<number> {
  return await runProgram({ name: 'operator', readConfig: () => readConfig(settings), start: startOperator });
}
