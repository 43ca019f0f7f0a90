import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { systemClock, type Turns } from '../../base/index.ts';
import { type WhyView, whyRequestSchema } from '../views/why.ts';
import type { Caller } from './caller.ts';
import type { GetRemedyRequest, GetRemedyResponseSchema } from './gen/inventory/inventory_pb.js';
import { inStep } from './in-step.ts';
import { nameOf, withoutDetail } from './proof.ts';
import type { HubbleSource } from './source.ts';
import { visibleNamespaces } from './viewer.ts';

type Message = MessageInitShape<typeof GetRemedyResponseSchema>;

/**
 * What would let a connection pass, as `membrane why` has it. Who does not see the flows of all namespaces is told of two pods by their
 * names, of namespaces whose stored flows he may see, and of no other that a policy would open or close. Whether an address or a
 * Service is somebody's is not his to ask. PermissionDenied, Unimplemented.
 */
export async function remedyOf(
  source: HubbleSource,
  { from, to, protocol, port }: Pick<GetRemedyRequest, 'from' | 'to' | 'protocol' | 'port'>,
  caller: Caller,
  turns: Turns,
): Promise<Message> {
  const { prover } = source;
  if (prover === undefined) throw new ConnectError('nothing is judged here', Code.Unimplemented);
  const request = whyRequestSchema.safeParse({ from, to, protocol, ...(port === undefined ? {} : { port }) });
  if (!request.success) throw new ConnectError('no connection is meant', Code.InvalidArgument);
  const visible = await visibleNamespaces(source, caller);
  if (visible === undefined) {
    const view = await turns.take(nameOf(caller), async () => await prover.why(request.data, undefined));
    if ((await visibleNamespaces(source, caller)) !== undefined) throw notHis();
    return remedyMessage(view, true);
  }
  requirePods(visible, from, to);
  const sees = (namespace: string): boolean => visible.has(namespace);
  const work = async () => await withoutDetail(async () => await prover.why(request.data, sees));
  const view = await turns.take(nameOf(caller), async () => await inStep(systemClock, work));
  // What he may was asked before it was thought about.
  const now = await visibleNamespaces(source, caller);
  if (now !== undefined && ![...visible].every((namespace) => now.has(namespace))) throw notHis();
  return remedyMessage(view, false);
}

/** `namespace/pod`, and nothing that would be looked up to know whose it is. */
function requirePods(visible: ReadonlySet<string>, ...ends: readonly string[]): void {
  for (const end of ends) {
    const [namespace = '', pod = '', ...rest] = end.split('/');
    if (rest.length > 0 || pod === '' || !visible.has(namespace)) throw notHis();
  }
}

const notHis = (): ConnectError =>
  new ConnectError(
    'this is for who may list flows.membrane.io in the namespaces of both pods, or in all',
    Code.PermissionDenied,
  );

function remedyMessage({ trace, change, noChange }: WhyView, isWhole: boolean): Message {
  return {
    verdict: trace.verdict,
    steps: trace.steps.map(stepOf),
    noChange: noChange ?? '',
    ...(change === undefined
      ? {}
      : {
          change: {
            ...change,
            isWhole,
            policies: change.policies.map((policy) => JSON.stringify(policy)),
            after: change.after.map(stepOf),
          },
        }),
  };
}

const stepOf = ({ direction, verdict, reason }: WhyView['trace']['steps'][number]) => ({ direction, verdict, reason });
