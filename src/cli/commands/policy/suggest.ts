import type { Command } from 'commander';
import type { SuggestView } from '../../../api/index.ts';
import { moment } from '../../arguments.ts';
import type { CommandContext } from '../../context.ts';
import { escapeText } from '../../output/index.ts';

type SuggestOptions = { readonly namespace: string; readonly since?: number; readonly partial: boolean };

export function registerSuggest(policy: Command, { out, connectAll }: CommandContext): void {
  policy
    .command('suggest')
    .description(
      'the least NetworkPolicies that let pass what was seen of a namespace, as YAML that can be applied; nothing is written',
    )
    .requiredOption('-n, --namespace <name>', 'of this namespace')
    .option('--since <time>', 'not older than 30s, 5m, 2h or 1d, or than a time (default: 1h)', moment)
    .option('--partial', 'take what was seen for all that there is, though some is known to be missing', false)
    .action(async ({ namespace, since = moment('1h'), partial }: SuggestOptions) => {
      const agents = await connectAll();
      const told = await agents.ask(async (client) => await client.talks({ namespace, since }));
      const [first] = agents.all;
      if (first === undefined) return;
      const seen = told.map(({ answer }) => answer);
      const view = await first.client.suggest({ namespace, since, seen, partial });
      if (out.json) return await out.value(view);
      for (const line of await linesOf(view, namespace)) await out.line(line);
    });
}

async function linesOf({ suggestions, left, replay, closed }: SuggestView, namespace: string): Promise<string[]> {
  const { Document, isMap, isSeq } = await import('yaml');
  const lines = [
    `# ${escapeText(namespace)}: ${suggestions.length} policies; of ${replay.seen} kinds of connections that were seen ${replay.allowed} go on`,
    `# ${closed} pairs that were not seen to talk could not any more`,
    ...left.map((text) => `# left as it is: ${escapeText(text)}`),
  ];
  for (const { policy, evidence } of suggestions) {
    const document = new Document(policy);
    const rules = document.getIn(['spec', 'ingress']) ?? document.getIn(['spec', 'egress']);
    for (const [index, texts] of evidence.entries()) {
      const rule = isSeq(rules) ? rules.items[index] : undefined;
      if (isMap(rule)) rule.commentBefore = texts.map((text) => ` ${escapeText(text)}`).join('\n');
    }
    lines.push('---', document.toString().trimEnd());
  }
  return lines;
}
