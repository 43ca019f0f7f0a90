import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { systemClock, type Turns } from '../../base/index.ts';
import { packetText } from '../packet-text.ts';
import type { VerifyView } from '../views/verify.ts';
import type { Caller } from './caller.ts';
import type { GetProofRequest, GetProofResponseSchema } from './gen/inventory/inventory_pb.js';
import { inStep } from './in-step.ts';
import { type ProofMessage, type ProofSight, seenProof } from './proof-sight.ts';
import type { HubbleSource, NodeProver } from './source.ts';
import { visibleNamespaces } from './viewer.ts';

/** Who is nobody in particular, among those who ask. */
export const nameOf = (caller: Caller): string => (caller.seesAll ? '' : caller.subject.name);

/**
 * What this node has proved of tenants whose stored flows the caller may see, all of them: a tenant of which he may not see a
 * namespace is not his. PermissionDenied where none is; Unimplemented where nothing is proved.
 */
export async function proofOf(
  source: HubbleSource,
  { between }: Pick<GetProofRequest, 'between'>,
  caller: Caller,
  turns: Turns,
): Promise<MessageInitShape<typeof GetProofResponseSchema>> {
  const { prover, node } = source;
  if (prover === undefined) throw new ConnectError('nothing is proved here', Code.Unimplemented);
  const sight = await proofSight(source, prover, caller);
  if (between === undefined) return { nodes: [{ name: node, ...lastProof(prover, sight) }] };
  const { from, to } = between;
  requireOwn(sight, from, to);
  const reach = async () => await prover.reach(from, to);
  const view = await turns.take(nameOf(caller), async () =>
    sight === undefined ? await reach() : await inStep(systemClock, async () => await withoutDetail(reach)),
  );
  // What he may was asked before it was thought about.
  const now = await proofSight(source, prover, caller);
  if ((now === undefined) !== (sight === undefined)) throw notHis();
  requireOwn(now, from, to);
  return { nodes: [{ name: node, isWhole: sight === undefined, good: isGood(view), reach: reachMessage(view) }] };
}

/** An error of what concerns the whole cluster would say of others what there is. */
export async function withoutDetail<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ConnectError('nothing can be said of it now', Code.FailedPrecondition, undefined, undefined, cause);
  }
}

async function proofSight(source: HubbleSource, prover: NodeProver, caller: Caller): Promise<ProofSight> {
  const visible = await visibleNamespaces(source, caller);
  if (visible === undefined) return undefined;
  const own = Array.from(prover.tenants()).filter(
    // One that has no namespaces is nobody's to see.
    ([, namespaces]) => namespaces.length > 0 && namespaces.every((namespace) => visible.has(namespace)),
  );
  if (own.length === 0) throw notHis();
  return new Set(own.map(([name]) => name));
}

function requireOwn(sight: ProofSight, ...names: readonly string[]): void {
  if (sight !== undefined && !names.every((name) => sight.has(name))) throw notHis();
}

const notHis = (): ConnectError =>
  new ConnectError('this is for who may list flows.membrane.io in all namespaces of a tenant', Code.PermissionDenied);

function lastProof(prover: NodeProver, sight: ProofSight): ProofMessage {
  const last = prover.last();
  const isWhole = sight === undefined;
  if (last.view === undefined) return { isWhole, silent: isWhole ? last.silent : 'nothing is proved there now' };
  // Whose a namespace was when it was proved may be another's now.
  if (!isWhole && !last.isOfNow) return { isWhole, silent: 'nothing is proved there since tenants have changed' };
  return seenProof(last.view, sight);
}

const isGood = ({ differences, more }: VerifyView): boolean => differences.length === 0 && more === 0;

function reachMessage({ asked }: VerifyView): NonNullable<ProofMessage['reach']> {
  const { pairs = 0, reached = [], more = 0 } = asked ?? {};
  return {
    pairs,
    more,
    reached: reached.map(({ packet, ...rest }) => ({
      ...rest,
      packet: packet === undefined ? '' : packetText(packet),
    })),
  };
}
