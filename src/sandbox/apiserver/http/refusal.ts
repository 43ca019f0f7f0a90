import { errorMessage, isMembraneError, type Logger } from '../../../base/index.ts';
import { ApiError, badRequest, internalError } from '../status.ts';

/**
 * Anything that was thrown while a request was answered, as what its sender is told: a refusal as it is, what another part of
 * the sandbox knows (no such pod is running) as a bad request, and of all else only that it is in the log.
 */
export function asApiError(error: unknown, log: Logger): ApiError {
  if (error instanceof ApiError) return error;
  if (isMembraneError(error)) return badRequest(error.message);
  log.error({ error: errorMessage(error) }, 'request failed');
  return internalError('see the log of the sandbox');
}
