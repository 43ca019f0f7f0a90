import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FlowFilter } from '../../model/index.ts';
import { gather, gatherNumbers, gatherOneOf, moment, wholeNumber } from '../arguments.ts';
import type { CommandContext } from '../context.ts';
import { duration, escapeText, flowLine, type Output } from '../output/index.ts';
import type { ShownFlow } from '../repeated-drops.ts';

type Options = FlowFilter & {
  readonly follow: boolean;
  readonly last?: number;
  readonly first?: number;
  readonly since?: number;
  readonly until?: number;
  readonly each: boolean;
  readonly as?: string;
  readonly asGroup?: readonly string[];
};

const VERDICTS = ['forwarded', 'dropped'] as const;
const TYPES = ['open', 'close', 'renew', 'drop'] as const;
/** What a person wants to see without asking for a number. */
const DEFAULT_LAST = 20;
const MOST = 16_777_216;

export function register(program: Command, { out, connectAll, onInterrupt }: CommandContext): void {
  program
    .command('observe')
    .description(
      'who talked to whom, and what was dropped and why; options may be repeated and then mean "one of them"',
    )
    .option('-f, --follow', 'go on with what happens from now, until Ctrl-C', false)
    .option(
      '--last <n>',
      `begin with the last n flows (default: ${DEFAULT_LAST}, with --follow none)`,
      wholeNumber(0, MOST),
    )
    .addOption(
      new Option('--first <n>', 'the oldest n flows instead')
        .argParser(wholeNumber(0, MOST))
        .conflicts(['last', 'follow']),
    )
    .option('--since <time>', 'not older than 30s, 5m, 2h or 1d, or than a time like 2026-01-31T12:00:00Z', moment)
    .option('--until <time>', 'not younger', moment)
    .option('--each', 'each drop by itself, not those that repeat as one with a count', false)
    .option('--from-pod <namespace/pod>', 'sent by this pod', gather)
    .option('--to-pod <namespace/pod>', 'sent to this pod', gather)
    .option('--pod <namespace/pod>', 'either end is this pod', gather)
    .option('-n, --namespace <name>', 'either end is in this namespace', gather)
    .option('--from-label <key=value>', 'the sender has this label', gather)
    .option('--to-label <key=value>', 'the receiver has this label', gather)
    .option('--from-identity <id>', 'the sender has this identity', gatherNumbers(0, 0xffff_ffff))
    .option('--to-identity <id>', 'the receiver has this identity', gatherNumbers(0, 0xffff_ffff))
    .option('--verdict <verdict>', VERDICTS.join(' or '), gatherOneOf(VERDICTS))
    .option('--type <type>', TYPES.join(', '), gatherOneOf(TYPES))
    .option('--reason <name>', 'dropped for this reason, e.g. policy-ingress', gather)
    .option('--port <n>', 'either end has this port', gatherNumbers(0, 65_535))
    .option('--protocol <name>', 'TCP, UDP, ICMP, ICMPv6, SCTP, ARP, VLAN, IPv4, IPv6, or a number', gatherProtocols)
    .option('--as <user>', 'as this user may see them, e.g. system:serviceaccount:shop:viewer')
    .option('--as-group <group>', 'and as a member of this group', gather)
    .action(async ({ as: user, asGroup: groups = [], follow, last, first, since, until, each, ...wanted }: Options) => {
      await checkReasons(wanted.reason ?? []);
      const filter = { ...wanted, ...(await protocolNames(wanted.protocol)) };
      const agents = await connectAll();
      const signal = onInterrupt();
      const isBounded = [first, since, until].some((bound) => bound !== undefined);
      const most = last ?? (isBounded || follow ? undefined : DEFAULT_LAST);
      const as = user === undefined ? undefined : { user, groups: [...groups, ...accountGroups(user)] };
      const request = { filter, follow, last: most, first, since, until, as };
      // Nothing to see may be a slip of the pen, and whoever follows would wait for ever.
      if (follow && !out.json) {
        const begun = await agents.ask((client) =>
          hasAny(client.observe({ filter, follow: false, last: 1, as }, signal)),
        );
        if (!begun.some(({ answer }) => answer)) {
          await out.line(out.tone('dim', 'no flow so far matches; waiting for the first'));
        }
      }
      const show = async ({ node, message, count, first: begin }: ShownFlow): Promise<void> => {
        const repeats = count === undefined ? {} : { count, first: begin };
        if (out.json) {
          await out.jsonLine(message.kind === 'flow' ? { ...message.flow, ...repeats } : agents.told(node, message));
          return;
        }
        const where = agents.are === 'several' ? `${out.tone('dim', escapeText(node))} ` : '';
        const text =
          message.kind === 'flow'
            ? flowLine(out, message.flow) + repeatText(out, count, begin, message.flow.time)
            : out.tone('warn', LOST[message.place](message.count));
        await out.line(where + text);
      };
      const { shownFlows } = await import('../shown-flows.ts');
      let flows = 0;
      for await (const shown of shownFlows(agents.all, { ...request, each }, signal)) {
        if (shown.message.kind === 'flow') flows += 1;
        await show(shown);
      }
      if (flows === 0 && !follow && !out.json && last !== 0) await out.line('no flow matches');
    });
}

function repeatText(out: Output, count: number | undefined, first: number | undefined, time: number): string {
  if (count === undefined) return '';
  return out.tone('bold', ` x${count}`) + (first === undefined ? '' : ` in ${duration(Math.max(0, time - first))}`);
}

/** Groups that a service account is in by its name. */
function accountGroups(user: string): string[] {
  const [, namespace] = /^system:serviceaccount:([^:]+):[^:]+$/.exec(user) ?? [];
  return namespace === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

async function hasAny(messages: AsyncIterable<{ readonly kind: 'flow' | 'lost' }>): Promise<boolean> {
  let found = false;
  for await (const { kind } of messages) found ||= kind === 'flow';
  return found;
}

/** Of IP by its number; other than IP by an EtherType in hexadecimal. */
function gatherProtocols(text: string, before: string[] = []): string[] {
  if (!/^(tcp|udp|icmp|icmpv6|sctp|arp|vlan|ipv4|ipv6|[0-9]{1,3}|0x[0-9a-f]{1,4})$/i.test(text))
    throw new InvalidArgumentError('TCP, UDP, ICMP, ICMPv6, SCTP, ARP, VLAN, IPv4, IPv6, or a number is expected.');
  if (/^[0-9]+$/.test(text) && Number(text) > 0xff)
    throw new InvalidArgumentError('A number of IP is 0 to 255, an EtherType is written as 0x88cc.');
  return [...before, text];
}

const ETHERTYPES = new Map([
  [0x0800, 'IPv4'],
  [0x0806, 'ARP'],
  [0x8100, 'VLAN'],
  [0x86dd, 'IPv6'],
  [0x88a8, 'VLAN'],
]);

/** As flows name them. */
async function protocolNames(texts: readonly string[] | undefined): Promise<{ protocol?: readonly string[] }> {
  if (texts === undefined) return {};
  const { protocolName } = await import('../../net/index.ts');
  const protocol = texts.map((text) => {
    const number = Number(text);
    if (Number.isNaN(number)) return text;
    if (!/^0x/i.test(text)) return protocolName(number);
    return ETHERTYPES.get(number) ?? `0x${number.toString(16).padStart(4, '0')}`;
  });
  return { protocol };
}

/** A name that no flow has would show nothing, for ever. */
async function checkReasons(reasons: readonly string[]): Promise<void> {
  if (reasons.length === 0) return;
  const { DROP_REASON_TEXTS } = await import('../../model/index.ts');
  const unknown = reasons.find((reason) => !Object.hasOwn(DROP_REASON_TEXTS, reason));
  if (unknown === undefined) return;
  const { cliErrors } = await import('../errors.ts');
  throw cliErrors.make('E_CLI_USAGE', {
    detail: `--reason ${JSON.stringify(unknown)} is no drop reason`,
    remedy: `Reasons: ${Object.keys(DROP_REASON_TEXTS).join(', ')}.`,
  });
}

const LOST = {
  kernel: (count: number) => `... ${count} flows lost: the datapath was faster than the agent`,
  store: (count: number) => `... ${count} older flows are no longer kept`,
  reader: (count: number) => `... ${count} flows lost: this reader was too slow`,
} as const;
