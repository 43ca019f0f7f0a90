import { type FieldError, fieldErrorTitle } from '../../../model/index.ts';

/** `spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535` */
export function formatFieldError({ field, type, value, detail }: FieldError): string {
  const found = value === undefined ? '' : `: ${printable(value)}`;
  return `${printableText(field)}: ${fieldErrorTitle(type)}${found}${detail === '' ? '' : `: ${detail}`}`;
}

const LONGEST = 200;

function printable(value: unknown): string {
  return printableText(JSON.stringify(value) ?? String(value));
}

/** Short and safe on a terminal: control and direction characters of hostile objects are spelled out. */
export function printableText(text: string): string {
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}... (${text.length} characters)` : text;
  return shown.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u${char.codePointAt(0)?.toString(16).padStart(4, '0')}`,
  );
}
