import { run } from '../../../src/sandbox/machine/command.ts';
import { inNetnsArgv } from '../../../src/sandbox/machine/netns.ts';
import { NETLOAD } from '../wire/load.ts';

/** What netload measures against an address. `connect` takes how many, the others how long in seconds. */
export type ClientLoad = 'stream' | 'rr' | 'crr' | 'blast' | 'connect';
export type Destination = { readonly addr: string; readonly port: number };

/** Runs netload somewhere, to its end; the number that it prints. */
export type Client = (load: ClientLoad, amount: number, to: Destination) => Promise<number>;

/** More than any of them takes. */
const TIMEOUT_MS = 20_000;

export function netloadArgv(load: ClientLoad, amount: number, { addr, port }: Destination): string[] {
  return [NETLOAD, load, String(amount), addr, String(port)];
}

/** In a namespace, and in whatever cgroup the benchmark is. */
export function clientIn(netns: string): Client {
  return async (load, amount, to) =>
    Number(await run(inNetnsArgv(netns, netloadArgv(load, amount, to)), { timeoutMs: TIMEOUT_MS }));
}

/** As `argv` and `env` say for a command. */
export function clientBy(
  command: (argv: readonly string[]) => Promise<{ argv: readonly string[]; env: Readonly<Record<string, string>> }>,
): Client {
  return async (load, amount, to) => {
    const { argv, env } = await command(netloadArgv(load, amount, to));
    return Number(await run(argv, { env: { PATH: process.env['PATH'] ?? '', ...env }, timeoutMs: TIMEOUT_MS }));
  };
}
