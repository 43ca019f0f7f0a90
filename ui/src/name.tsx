import { escapeText } from '../../src/base/escape.ts';

/** What somebody in the cluster chose: text and nothing else, and what would hide or turn it is written out. */
export function Name({ text, title }: { readonly text: string; readonly title?: string | undefined }) {
  return <bdi title={title === undefined ? undefined : escapeText(title)}>{escapeText(text)}</bdi>;
}

/** For attributes. */
export const plain = escapeText;
