import type { Output } from './output/index.ts';
import type { ConfigKey } from './roots.ts';

/** Every key of a configuration, with its default. */
export async function printConfigKeys(out: Output, keys: readonly ConfigKey[]): Promise<void> {
  await (out.json ? out.value(keys) : out.line(keys.map(described).join('\n')));
}

function described({ name, values, default: value, description }: ConfigKey): string {
  return `${name}: ${value ?? ''}\n    ${values}\n    ${description}`;
}
