/** Far more than a cluster has nodes and namespaces that things run in. */
const MAX = 16_384;
const known = new Map<string, string>();

/** The same string for the same text: objects by the ten thousand name few namespaces and nodes, each with a copy of its own. */
export function repeatedText(text: string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  if (known.size >= MAX) known.clear();
  known.set(text, text);
  return text;
}
