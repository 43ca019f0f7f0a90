import type { PageMessage } from '../../src/ui/messages.ts';
import type { Address } from './address.ts';

export type Ending = { readonly code: string; readonly message: string; readonly remedy: string };

const AGAIN_MS = [500, 1_000, 2_000, 5_000];
/** The server says `alive` every 15 s. */
const SILENCE_MS = 40_000;

export type StreamEvents = {
  readonly begin: () => void;
  readonly messages: (messages: readonly PageMessage[]) => void;
  /** It is tried again, but for what is refused. */
  readonly broken: (why: Ending) => void;
};

/** What the server tells of what is looked at, until the signal; live streams that break are asked for again. */
export async function follow(
  { query, mutes, windowS, until }: Address,
  { begin, messages, broken }: StreamEvents,
  signal: AbortSignal,
): Promise<void> {
  const params = new URLSearchParams({ q: query, window: String(windowS) });
  for (const text of mutes) params.append('mute', text);
  if (until !== undefined) params.set('until', String(until));
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const response = await fetch(`/api/view?${params.toString()}`, { signal });
      if (!response.ok) {
        broken(await refusalOf(response));
        if (response.status < 500) return;
      } else {
        begin();
        let last: Ending | undefined;
        for await (const told of linesOf(response, signal)) {
          failures = 0;
          messages(told);
          if (told.some(({ kind }) => kind === 'end')) return;
          const failed = told.find((message) => message.kind === 'error');
          if (failed !== undefined) last = failed.error;
        }
        if (!signal.aborted) broken(last ?? GONE);
      }
    } catch {
      if (!signal.aborted) broken(GONE);
    }
    await pause(AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)] ?? 0, signal);
  }
}

const GONE: Ending = {
  code: 'E_UI_GONE',
  message: 'the server of this page does not answer',
  remedy: 'It is asked again by itself; `membrane ui` starts it.',
};

/** What is before the server, or too long an address, is not answered in its words. */
async function refusalOf(response: Response): Promise<Ending> {
  try {
    return ((await response.json()) as { error: Ending }).error;
  } catch {
    return {
      code: 'E_UI_GONE',
      message: `what is asked for is refused (HTTP ${response.status})`,
      remedy: response.status === 431 ? 'Take away mutes, or parts of the filter.' : GONE.remedy,
    };
  }
}

async function* linesOf(response: Response, signal: AbortSignal): AsyncGenerator<readonly PageMessage[]> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await orSilence(reader.read(), signal);
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) yield lines.map((line) => JSON.parse(line) as PageMessage);
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

async function orSilence<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const silence = Promise.withResolvers<never>();
  const timer = setTimeout(() => silence.reject(new Error('silence')), SILENCE_MS);
  const end = (): void => silence.reject(new Error('ended'));
  signal.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([promise, silence.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
