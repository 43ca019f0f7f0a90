/** What the client of a kind that nobody acts on is told with each write. `why`: what does not happen. */
export function noEffect(kind: string, why: string): () => string[] {
  const article = /^[AEIOU]/.test(kind) ? 'an' : 'a';
  return () => [`the sandbox only stores ${article} ${kind}: ${why}`];
}
