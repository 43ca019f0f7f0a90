/** A table of Markdown; cells are plain text. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), `|${'---|'.repeat(header.length)}`, ...rows.map((cells) => line(cells.map(escaped)))].join(
    '\n',
  );
}

/** A literal, for a cell that has no other text. */
export function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}
