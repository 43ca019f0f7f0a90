import { type FileHandle, open, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from '../client/index.ts';
import { LogLines, type LogSelection } from './logs/log-lines.ts';

/** A container's log is emptied when it is larger: /run is memory. */
const MAX_BYTES = 8 << 20;
const FOLLOW_MS = 100;
const TAIL_BLOCK = 64 << 10;
const READ_BLOCK = 64 << 10;

/** Folder of a pod's logs: `<node>/logs/<namespace>_<name>_<uid>`. */
export function podLogDir(nodeDir: string, pod: Pod): string {
  const { namespace, name, uid } = pod.metadata;
  return join(nodeDir, 'logs', `${namespace}_${name}_${uid}`);
}

/** `previous`: of the run before the present one. */
export function containerLogName(container: string, previous = false): string {
  return `${container}${previous ? '.previous' : ''}.log`;
}

/** Offset of the last `lines` lines of a file; 0 when it has no more. */
async function tailOffset(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  if (lines === 0) return size;
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
}

/** What is wanted of a log; with `follow` until it is over or the signal is aborted. Nothing when there is no such file. */
export async function* readLog(
  path: string,
  options: LogSelection & {
    readonly tailLines: number | undefined;
    readonly follow: boolean;
    /** Whether nothing will be written any more. */
    readonly isOver: () => boolean;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<Uint8Array> {
  // The file and not its name, which the next run takes over.
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return;
  try {
    let offset = options.tailLines === undefined ? 0 : await tailOffset(file, options.tailLines);
    const lines = new LogLines(options);
    for (let isLast = false; !isLast && !options.signal.aborted; ) {
      // Asked before the rest is read: what is over by then is all there.
      isLast = !options.follow || options.isOver();
      const { size } = await file.stat();
      if (size < offset) offset = 0;
      while (offset < size) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(READ_BLOCK, size - offset)), {
          position: offset,
        });
        if (bytesRead === 0) break;
        offset += bytesRead;
        const wanted = lines.read(buffer.subarray(0, bytesRead));
        if (wanted.length > 0) yield wanted;
      }
      if (!isLast) await sleep(FOLLOW_MS, undefined, { signal: options.signal }).catch(() => undefined);
    }
  } finally {
    await file.close();
  }
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
