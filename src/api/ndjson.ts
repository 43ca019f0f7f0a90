/** What a stream says when it must stay silent for longer, so that both ends notice a dead peer. */
export type Heartbeat = { readonly everyMs: number; readonly line: unknown };

export type NdjsonOptions = {
  /** Aborted when the reader goes away; ends the source. */
  readonly controller: AbortController;
  readonly heartbeat?: Heartbeat;
  /** The last line when the source fails. */
  readonly onError: (error: unknown) => unknown;
};

/**
 * Groups of values as JSON lines. Pulls a group only when the reader has taken the one before, so a slow reader holds the
 * source back and nothing piles up here.
 */
export function ndjsonStream(
  groups: AsyncIterable<readonly unknown[]>,
  options: NdjsonOptions,
): ReadableStream<Uint8Array> {
  const { controller: abort, heartbeat } = options;
  const iterator = groups[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<readonly unknown[]>> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        try {
          pending ??= iterator.next();
          const result = heartbeat === undefined ? await pending : await orSilence(pending, heartbeat.everyMs);
          if (result === 'silence') {
            stream.enqueue(lines([heartbeat?.line]));
            return;
          }
          pending = undefined;
          if (result.done) stream.close();
          else stream.enqueue(lines(result.value));
        } catch (error) {
          // What ended because nobody reads is no failure.
          if (abort.signal.aborted) return;
          stream.enqueue(lines([options.onError(error)]));
          stream.close();
        }
      },
      async cancel() {
        abort.abort(new Error('the reader went away'));
        await pending?.catch(() => undefined);
        await iterator.return?.();
      },
    },
    { highWaterMark: 1 },
  );
}

const encoder = new TextEncoder();

function lines(values: readonly unknown[]): Uint8Array {
  return encoder.encode(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
}

async function orSilence<T>(promise: Promise<T>, ms: number): Promise<T | 'silence'> {
  const { promise: silence, resolve } = Promise.withResolvers<'silence'>();
  const timer = setTimeout(() => resolve('silence'), ms);
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
