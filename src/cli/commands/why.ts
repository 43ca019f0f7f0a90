import { type Command, Option } from 'commander';
import type { WhyView } from '../../api/index.ts';
import { portOrName, type Transport, transport } from '../arguments.ts';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit.ts';
import { escapeText, type Output, printTrace } from '../output/index.ts';

type WhyOptions = {
  readonly from?: string;
  readonly to?: string;
  readonly port?: number | string;
  readonly protocol: Transport;
};

export function register(program: Command, { out, connectAll, exit }: CommandContext): void {
  program
    .command('why')
    .description(
      'why a connection is dropped, which NetworkPolicy would let it pass, and what else that would open; what is printed is YAML that can be applied; exit 1 when it is denied',
    )
    .argument('[flow]', 'a line of `membrane observe -o json`; - reads it from standard input')
    .option('--from <peer>', 'instead of a flow: namespace/pod, node, IP address, identity:ID, host, world, ...')
    .option('--to <peer>', 'likewise, or service:namespace/name')
    .option('--port <n|name>', 'destination port, or its name at the pod or service', portOrName)
    .addOption(new Option('--protocol <name>', 'TCP, UDP, SCTP or ICMP').default('TCP').argParser(transport))
    .action(async (flow: string | undefined, options: WhyOptions) => {
      const { askedOf, flowOf } = await import('./why/asked.ts');
      const dropped = flow === undefined ? undefined : await flowOf(flow);
      const request = askedOf(dropped, options);
      const agents = await connectAll();
      const view = await (await agents.of([request.from, request.to])).why(request);
      exit(view.trace.verdict === 'allowed' ? EXIT.good : EXIT.no);
      if (out.json) return await out.value(view);
      if (dropped?.denial !== undefined) {
        const { denial } = dropped;
        const miss = denial.nearestMiss;
        await comment(out, `then: denied ${denial.direction}: ${denial.reason}`);
        if (miss !== undefined) await comment(out, `      nearest: ${miss.policy} ${miss.rule}, but ${miss.because}`);
        await comment(out, 'now:');
      }
      await printTrace(out, view.trace, '# ');
      await printChange(out, view);
    });
}

async function comment(out: Output, text: string): Promise<void> {
  await out.line(`# ${escapeText(text)}`);
}

async function printChange(out: Output, { change, noChange }: WhyView): Promise<void> {
  if (noChange !== undefined) return await comment(out, noChange);
  if (change === undefined) return;
  const { stringify } = await import('yaml');
  const { after, opens, closes, policies, more } = change;
  await comment(out, `${policies.length === 1 ? 'this policy' : 'these policies'} would let it pass`);
  for (const { direction, verdict, reason } of after) await comment(out, `with it: ${direction} ${verdict}: ${reason}`);
  if (opens.length === 0) await comment(out, 'and would open nothing else');
  for (const { from, to, packets } of opens) await comment(out, `opens also: ${from} -> ${to}: ${packets.join(', ')}`);
  for (const { from, to, packets } of closes) await comment(out, `ends: ${from} -> ${to}: ${packets.join(', ')}`);
  if (more > 0) await comment(out, `and ${more} more: -o json has 100 of each`);
  for (const policy of policies) await out.line(`---\n${stringify(policy).trimEnd()}`);
}
