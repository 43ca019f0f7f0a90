import { RESERVED_IDS } from '../../identity/index.ts';
import type { DropReason } from '../../model/index.ts';
import { type End, type TraceContext, thisNode } from './trace-ends.ts';

/** Why nothing passes between them whatever policies say: a device of this node is closed. */
export function notReady(from: End, to: End, { endpoints }: TraceContext): DropReason | undefined {
  const isClosed = ({ addr }: End): boolean => {
    const endpoint = addr === undefined ? undefined : endpoints.ofAddress(addr);
    return endpoint !== undefined && endpoint.state !== 'ready';
  };
  if (isClosed(from)) return 'not-ready';
  return isClosed(to) ? 'peer-not-ready' : undefined;
}

/**
 * Is a pod's packet carried to a pod of another node? Only to one that is known to be at an address of the overlay. What is
 * not a pod's goes by the routes of the node.
 */
export function hasRoute(from: End, to: End, context: TraceContext): boolean {
  if (from.identity.kind !== 'pod' || to.identity.kind !== 'pod') return true;
  const [here, there] = [nodeOf(from, context), nodeOf(to, context)];
  if (here === undefined || there === undefined || here === there) return true;
  const remote = here === context.nodeName ? to : from;
  if (context.native) return true;
  return context.overlay && remote.addr !== undefined && context.book.ownerOf(remote.addr)?.tunnel != null;
}

/** The node's own processes are `host` to its own pods only; to those of other nodes they are that node. */
export function asSeen(end: End, by: End, context: TraceContext): End {
  if (end.identity.id !== RESERVED_IDS.host || by.identity.kind !== 'pod') return end;
  const node = nodeOf(by, context);
  return node === undefined || node === context.nodeName ? end : { ...thisNode(context), name: end.name };
}

/** The node of a pod; undefined: nobody knows. */
function nodeOf({ addr }: End, { endpoints, nodeName, book, elsewhere }: TraceContext): string | undefined {
  if (addr === undefined) return undefined;
  if (endpoints.ofAddress(addr) !== undefined) return nodeName;
  const owner = book.ownerOf(addr)?.owner;
  return owner?.kind === 'pod' ? elsewhere.get(owner.key)?.node : undefined;
}
