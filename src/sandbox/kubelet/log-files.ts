import { createReadStream } from 'node:fs';
import { open, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from '../client/index.ts';

/** A container's log is emptied when it is larger: /run is memory. */
const MAX_BYTES = 8 << 20;
const FOLLOW_MS = 100;
const TAIL_BLOCK = 64 << 10;

/** Folder of a pod's logs: `<node>/logs/<namespace>_<name>_<uid>`. */
export function podLogDir(nodeDir: string, pod: Pod): string {
  const { namespace, name, uid } = pod.metadata;
  return join(nodeDir, 'logs', `${namespace}_${name}_${uid}`);
}

export function containerLogName(container: string): string {
  return `${container}.log`;
}

/** Offset of the last `lines` lines of a file; 0 when it has no more. */
export async function tailOffset(path: string, lines: number): Promise<number> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const block = Buffer.alloc(TAIL_BLOCK);
    let found = 0;
    for (let end = size; end > 0; end -= Math.min(TAIL_BLOCK, end)) {
      const start = Math.max(0, end - TAIL_BLOCK);
      await file.read(block, 0, end - start, start);
      for (let i = end - start - 1; i >= 0; i -= 1) {
        // A newline at the very end closes the last line and begins none.
        if (block[i] !== 0x0a || start + i === size - 1) continue;
        found += 1;
        if (found === lines) return start + i + 1;
      }
    }
    return 0;
  } finally {
    await file.close();
  }
}

/** A log from an offset on; with `follow` until the signal is aborted. Nothing when there is no such file yet. */
export async function* readLog(
  path: string,
  options: { tailLines: number | undefined; follow: boolean; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  if (options.tailLines !== undefined) {
    if (options.tailLines === 0) offset = (await stat(path).catch(() => undefined))?.size ?? 0;
    else offset = await tailOffset(path, options.tailLines).catch(() => 0);
  }
  do {
    const size = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (size < offset) offset = 0;
    if (size > offset) {
      for await (const chunk of createReadStream(path, { start: offset, end: size - 1 })) {
        offset += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
    }
    if (options.follow) await sleep(FOLLOW_MS, undefined, { signal: options.signal }).catch(() => undefined);
  } while (options.follow && !options.signal.aborted);
}

/** Empties logs that have grown too large; their writers append, so they go on at the start. */
export async function limitLogs(dir: string, maxBytes: number = MAX_BYTES): Promise<void> {
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const size = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (size > maxBytes) await truncate(path).catch(() => undefined);
  }
}
