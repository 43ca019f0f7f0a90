import { z } from 'zod';
import { LOG_LEVELS, type LogLevel } from './log.ts';

/** Keys that the configurations of programs share. */

export const absolutePath = z.string().regex(/^\//, 'must be an absolute path');

export function logSection(level: LogLevel) {
  return z
    .strictObject({
      level: z.enum(LOG_LEVELS).default(level).describe('The least that is logged.'),
      file: absolutePath.optional().describe('Where to; default: standard error.'),
    })
    .prefault({});
}

/** By what a server is known. */
export const serverCertificateKeys = {
  certFile: absolutePath.optional().describe("The server's certificate, PEM; looked at again when it changes."),
  keyFile: absolutePath.optional().describe('Its key.'),
};
