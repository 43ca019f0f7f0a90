import { isatty } from 'node:tty';
import { type DestinationStream, pino } from 'pino';
import type { Logger, LogLevel } from './log.ts';
import { terminalLine } from './terminal-log.ts';

const STDERR = 2;

/** JSON lines on `destination` (a path, default standard error); lines for people where that is a terminal. */
export function createLogger(options: { level: LogLevel; destination?: string }): Logger {
  const stream = pino.destination({ dest: options.destination ?? STDERR, sync: true });
  const isTerminal = options.destination === undefined && isatty(STDERR);
  return pino(
    {
      level: options.level,
      base: null,
      redact: { paths: ['token', '*.token', 'authorization', '*.authorization', '*.clientKey'], censor: '[redacted]' },
    },
    isTerminal ? forPeople(stream) : stream,
  );
}

function forPeople(stream: DestinationStream): DestinationStream {
  return { write: (line) => stream.write(terminalLine(line)) };
}
