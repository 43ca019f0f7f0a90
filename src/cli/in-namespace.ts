import type { Command } from 'commander';
import { gather } from './arguments.ts';

/** What a list of namespaced things may be cut to; options that are absent cut nothing. */
export type NamespaceOptions = { readonly namespace?: readonly string[]; readonly allNamespaces?: boolean };

/** Puts `-n` and, as kubectl's users type it, `-A` on a verb that lists what is in namespaces. */
export function withNamespaces(command: Command): Command {
  return command
    .option('-n, --namespace <name>', 'only of this namespace; may be repeated', gather)
    .option('-A, --all-namespaces', 'of all namespaces (the default)');
}

/** Does what is in `own` belong to what was asked for? */
export function isAskedFor(
  { namespace, allNamespaces }: NamespaceOptions,
  own: readonly (string | undefined)[],
): boolean {
  if (namespace === undefined || allNamespaces === true) return true;
  return own.some((one) => one !== undefined && namespace.includes(one));
}

/** What a person reads when nothing of `count` things is left; `none`: when there are none at all. */
export function nothingLeft({ namespace, allNamespaces }: NamespaceOptions, count: number, none: string): string {
  if (namespace === undefined || allNamespaces === true || count === 0) return none;
  return `Nothing in namespace ${namespace.join(' or ')}.`;
}

/** `rows`: those that were asked for. `none`: what a person reads when none is left. */
export function inNamespaces<T extends { readonly namespace?: string | undefined }>(
  rows: readonly T[],
  options: NamespaceOptions,
  none: string,
): { readonly rows: T[]; readonly none: string } {
  const left = rows.filter((row) => isAskedFor(options, [row.namespace]));
  return { rows: left, none: nothingLeft(options, rows.length, none) };
}
