import { openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { pino } from 'pino';
import type { Logger, LogLevel } from './log.ts';
import { LogStream } from './log-stream.ts';
import { terminalLine } from './terminal-log.ts';

const STDERR = 2;

/** JSON lines on `destination` (a path, default standard error; throws where it cannot be opened); lines for people where that is a terminal. */
export function createLogger(options: { level: LogLevel; destination?: string }): Logger {
  const { destination } = options;
  const fd = destination === undefined ? STDERR : openSync(destination, 'a');
  const isTerminal = destination === undefined && isatty(STDERR);
  return pino(
    {
      level: options.level,
      base: null,
      redact: { paths: ['token', '*.token', 'authorization', '*.authorization', '*.clientKey'], censor: '[redacted]' },
    },
    new LogStream({ fd, ...(isTerminal && { shown: terminalLine }) }),
  );
}
