import { execFileSync } from 'node:child_process';

/** Runs one program to its end and gives what it prints; what it says on standard error is seen. */
export function run(file: string, ...args: string[]): string {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 });
}
