import { type Logger as PinoLogger, pino } from 'pino';

/** Logs are events: a static message, camelCase keys. Secrets never reach a log call; the redaction is the second line. */
export type Logger = Pick<PinoLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'child' | 'isLevelEnabled'>;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** JSON lines on `destination` (a path, default standard error). */
export function createLogger(options: { level: LogLevel; destination?: string }): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      redact: { paths: ['token', '*.token', 'authorization', '*.authorization', '*.clientKey'], censor: '[redacted]' },
    },
    pino.destination({ dest: options.destination ?? 2, sync: true }),
  );
}

/** For tests and for code whose caller did not ask for a log. */
export const silentLogger: Logger = pino({ level: 'silent' });
