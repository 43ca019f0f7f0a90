/** What comes of it, or `late` when nothing has after so long. */
export async function orAfter<T>(next: Promise<T>, ms: number): Promise<T | 'late'> {
  const { promise, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(resolve, ms, 'late');
  try {
    return await Promise.race([next, promise]);
  } finally {
    clearTimeout(timer);
  }
}
