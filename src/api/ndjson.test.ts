import { expect, test } from 'vitest';
import { ndjsonStream } from './ndjson.ts';

const onError = (error: unknown) => ({ error: String(error) });

async function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

test('a value a line, whatever is in it', async () => {
  async function* groups() {
    yield [{ a: 'x\ny' }, 2];
    yield [];
    yield ['\u2028'];
  }
  const lines = await text(ndjsonStream(groups(), { controller: new AbortController(), onError }));
  expect(
    lines
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([{ a: 'x\ny' }, 2, '\u2028']);
});

test('a sign of life while nothing happens, and no value is lost by it', async () => {
  const alive = Promise.withResolvers<void>();
  async function* groups() {
    yield [1];
    await alive.promise;
    yield [2];
  }
  const heartbeat = { everyMs: 1, line: 'alive' };
  const stream = ndjsonStream(groups(), { controller: new AbortController(), onError, heartbeat });
  let lines = '';
  for await (const chunk of stream) {
    lines += Buffer.from(chunk).toString();
    if (lines.includes('alive')) alive.resolve();
  }
  expect(lines).toMatch(/^1\n("alive"\n)+2\n$/);
});

test('a reader that leaves while the source is silent ends the source', async () => {
  const controller = new AbortController();
  let ended = false;
  const failures: unknown[] = [];
  const silent = Promise.withResolvers<void>();
  async function* groups() {
    try {
      yield [1];
      silent.resolve();
      await new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
    } finally {
      ended = true;
    }
  }
  const note = (error: unknown) => failures.push(error);
  const reader = ndjsonStream(groups(), { controller, onError: note }).getReader();
  await reader.read();
  await silent.promise;
  await reader.cancel();
  expect(ended).toBe(true);
  // Which is no failure of the source, also when all that was waiting has gone on.
  await new Promise(setImmediate);
  expect(failures).toEqual([]);
});

test('an error is the last line', async () => {
  async function* groups() {
    yield [1];
    throw new Error('broke');
  }
  const lines = await text(ndjsonStream(groups(), { controller: new AbortController(), onError }));
  expect(lines).toBe('1\n{"error":"Error: broke"}\n');
});
