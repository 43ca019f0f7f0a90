import { errorMessage } from '../../../base/index.ts';

/** Why LogRecords did not go where they should, and whether the same are to be sent again, at the earliest after so many ms. */
export class CollectorError extends Error {
  readonly again: boolean;
  readonly afterMs: number;

  constructor(message: string, { again, afterMs = 0 }: { readonly again: boolean; readonly afterMs?: number }) {
    super(message);
    this.again = again;
    this.afterMs = afterMs;
  }
}

/** What a send answers, or why there is no answer; what nobody foresaw is tried again. */
export async function answering<T>(
  send: () => Promise<T>,
): Promise<T | { readonly failed: string; readonly again: boolean; readonly afterMs: number }> {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof CollectorError)) return { failed: errorMessage(error), again: true, afterMs: 0 };
    const { message: failed, again, afterMs } = error;
    return { failed, again, afterMs };
  }
}
