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

/** `rows`: those that were asked for. `none`: what a person reads when none is left. */
export function inNamespaces<T extends { readonly namespace?: string | undefined }>(
  rows: readonly T[],
  { namespace, allNamespaces }: NamespaceOptions,
  none: string,
): { readonly rows: T[]; readonly none: string } {
  if (namespace === undefined || allNamespaces === true) return { rows: [...rows], none };
  const left = rows.filter((row) => row.namespace !== undefined && namespace.includes(row.namespace));
  return { rows: left, none: rows.length === 0 ? none : `Nothing in namespace ${namespace.join(' or ')}.` };
}
