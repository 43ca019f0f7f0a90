/** Kubernetes' own substitution: `$(NAME)`; `$$(NAME)` stays as `$(NAME)`; unknown names stay as they are. */
export function expand(text: string, ...scopes: readonly Readonly<Record<string, string>>[]): string {
  return text.replace(/\$\$|\$\(([^()]+)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    const scope = scopes.find((candidate) => Object.hasOwn(candidate, name));
    return scope?.[name] ?? whole;
  });
}
