/**
 * The pieces as one flat string, for text that is kept by the ten thousand: what a template or `+` builds is a tree of
 * its pieces, which stay in memory with it, three times the size.
 */
export function flatText(...pieces: readonly (string | number)[]): string {
  return pieces.join('');
}
