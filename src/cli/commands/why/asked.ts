import { z } from 'zod';
import type { WhyRequest } from '../../../api/index.ts';
import { errorMessage, namespacedName } from '../../../base/index.ts';
import { cliErrors } from '../../errors.ts';

const endSchema = z.object({
  addr: z.string(),
  port: z.number().optional(),
  namespace: z.string().optional(),
  pod: z.string().optional(),
});

/** What is needed of a line of `membrane observe -o json`. */
const flowSchema = z.object({
  source: endSchema,
  destination: endSchema,
  protocol: z.string(),
  isReply: z.boolean(),
  denial: z
    .object({
      direction: z.string(),
      reason: z.string(),
      nearestMiss: z.object({ policy: z.string(), rule: z.string(), because: z.string() }).optional(),
    })
    .optional(),
});
export type AskedFlow = z.output<typeof flowSchema>;

/** E_CLI_USAGE */
export async function flowOf(text: string): Promise<AskedFlow> {
  const line = text === '-' ? await firstLine() : text;
  try {
    return flowSchema.parse(JSON.parse(line));
  } catch (cause) {
    const detail = `this is no flow: ${errorMessage(cause).split('\n')[0]}`;
    throw cliErrors.make('E_CLI_USAGE', { detail, remedy: 'Give a line of `membrane observe -o json`.', cause });
  }
}

async function firstLine(): Promise<string> {
  const { createInterface } = await import('node:readline');
  for await (const line of createInterface({ input: process.stdin })) if (line.trim() !== '') return line;
  return '';
}

/** Whoever opened asks, also of what came back. E_CLI_USAGE */
export function askedOf(
  flow: AskedFlow | undefined,
  { from, to, port, protocol }: Partial<WhyRequest> & Pick<WhyRequest, 'protocol'>,
): WhyRequest {
  if (flow !== undefined) {
    if (from !== undefined || to !== undefined) throw usage('a flow says itself from whom to whom');
    const [opener, other] = flow.isReply ? [flow.destination, flow.source] : [flow.source, flow.destination];
    const known = (['TCP', 'UDP', 'SCTP', 'ICMP'] as const).find((name) => name === flow.protocol);
    if (known === undefined) throw usage(`no policy lets ${flow.protocol} pass`);
    return {
      from: nameOf(opener),
      to: nameOf(other),
      protocol: known,
      ...(other.port === undefined ? {} : { port: other.port }),
    };
  }
  if (from === undefined || to === undefined) throw usage('a flow is missing, or --from and --to');
  if (port === undefined && protocol !== 'ICMP') throw usage(`--port is missing: ${protocol} has ports`);
  return { from, to, protocol, ...(port === undefined ? {} : { port }) };
}

const usage = (detail: string): Error => cliErrors.make('E_CLI_USAGE', { detail });

function nameOf({ addr, namespace, pod }: AskedFlow['source']): string {
  return namespace === undefined || pod === undefined ? addr : namespacedName({ namespace, name: pod });
}
