const pending = new Set<() => Promise<void>>();

/** Has `action` run when the benchmark is interrupted; not any more once the result is disposed. */
export function onInterrupt(action: () => Promise<void>): Disposable {
  pending.add(action);
  return { [Symbol.dispose]: () => pending.delete(action) };
}

/** Ctrl-C leaves nothing behind: what came last goes first. */
export function handleInterrupts(): void {
  const stop = async (code: number): Promise<void> => {
    for (const action of [...pending].toReversed()) await action().catch(() => undefined);
    process.exit(code);
  };
  process.once('SIGINT', () => void stop(130));
  process.once('SIGTERM', () => void stop(143));
}
