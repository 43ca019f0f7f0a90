import { escapeText, safeJson } from '../cli/output/index.ts';
import { type AttackLine, plural } from './stage/index.ts';

export type Style = { readonly colour: boolean };

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
type Code = keyof typeof CODES;

/** Colours on a terminal only, and not where NO_COLOR says so (no-color.org). */
export function styleFor(stream: { isTTY?: boolean }, env: Readonly<Record<string, string | undefined>>): Style {
  return { colour: stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' };
}

function paint(style: Style, code: Code, text: string): string {
  return style.colour ? `\u001b[${CODES[code]}m${text}\u001b[0m` : text;
}

/** A title before the lines of one attack. */
export function renderTitle(number: number, title: string, style: Style): string {
  return `\n${paint(style, 'bold', `${number}. ${escapeText(title)}`)}\n`;
}

/** One line of the demonstration, as people read it. Ends with a newline. */
export function renderLine(line: AttackLine, style: Style): string {
  const mark = markOf(line, style);
  const rows = [
    ['tried', line.tried],
    ['expected', line.expected],
    ['seen', line.seen],
    ['decided by', line.decidedBy],
  ] as const;
  return [
    `  ${mark} ${paint(style, 'bold', escapeText(line.claim))} ${paint(style, 'dim', `[${line.id}]`)}`,
    ...rows.map(([name, text]) => `           ${paint(style, 'dim', name.padEnd(10))} ${escapeText(text)}`),
    '',
  ].join('\n');
}

/** What became of the claims of one attack. */
export function renderChapter(lines: readonly AttackLine[], style: Style): string {
  const held = lines.filter((line) => line.held).length;
  const untried = lines.filter((line) => line.untried).length;
  const code = held === lines.length ? 'green' : held + untried === lines.length ? 'yellow' : 'red';
  const left = untried === 0 ? '' : `, ${untried} could not be tried`;
  return `  ${paint(style, code, `held ${held}/${lines.length}${left}`)}\n`;
}

/** Of an attack that the sandbox is too small for. */
export function renderLeftOut(nodes: number, style: Style): string {
  return `  ${paint(style, 'dim', `left out: it takes ${nodes} nodes (--nodes ${nodes})`)}\n`;
}

/** All of one width. */
function markOf({ held, untried }: AttackLine, style: Style): string {
  if (held) return paint(style, 'green', 'held  ');
  return untried ? paint(style, 'yellow', 'unsure') : paint(style, 'red', 'BROKEN');
}

export function renderJson(line: AttackLine): string {
  return `${safeJson(line)}\n`;
}

export function renderSummary(lines: readonly AttackLine[], style: Style): string {
  const untried = lines.filter((line) => line.untried);
  const broken = lines.filter((line) => !line.held && !line.untried);
  const left =
    untried.length === 0 ? '' : `, ${untried.length} could not be tried: ${untried.map(({ id }) => id).join(', ')}`;
  const tried = plural(lines.length - untried.length, 'claim');
  if (broken.length === 0 && untried.length > 0)
    return `\n${paint(style, 'yellow', `${tried} tried, every one held${left}`)}\n`;
  if (broken.length === 0)
    return `\n${paint(style, 'green', `${plural(lines.length, 'claim')} tried, every one held`)}\n`;
  const ids = broken.map((line) => line.id).join(', ');
  return `\n${paint(style, 'red', `${tried} tried, ${broken.length} did NOT hold: ${ids}${left}`)}\n`;
}

/** A passing remark on a terminal, which the next thing written overwrites. */
export function renderProgress(text: string): string {
  return `${clearProgress()}         ${escapeText(text)}`;
}

/** Takes the last passing remark away. */
export function clearProgress(): string {
  return '\r\u001b[2K';
}
