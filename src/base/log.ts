import type { Logger as PinoLogger } from 'pino';

/** Logs are events: a static message, camelCase keys. Secrets never reach a log call; the redaction is the second line. */
export type Logger = Pick<PinoLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'isLevelEnabled'> & {
  readonly child: (fields: Readonly<Record<string, unknown>>) => Logger;
};

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const nothing = (): void => undefined;

/** For tests and for code whose caller did not ask for a log. */
export const silentLogger: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
  isLevelEnabled: () => false,
};
