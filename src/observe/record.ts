import { DROP_REASON, DROP_REASON_NAMES, EVENT_TYPE, EVENT_TYPE_NAMES, HOOK, HOOK_NAMES } from '../model/gen/enums.ts';
import type { DatapathEvent } from './decode.ts';

/** How a record of the datapath's ring is read (`EVENT_RECORD` of src/datapath has this shape). Multi-byte fields are little-endian but for ports. */
export type RecordLayout = {
  /** Bytes; a multiple of 8. */
  readonly size: number;
  readonly offsets: Readonly<Record<keyof DatapathEvent, number>>;
  /** RangeError: whoever wrote it knows more than this program. */
  readonly decode: (view: DataView, offset?: number) => DatapathEvent;
  readonly addr: (view: DataView, offset: number) => string;
};

const FROM_POD = HOOK['from-pod'];
const SOCKET = HOOK.socket;

/** ns of the boot clock. */
export function recordTime({ offsets }: RecordLayout, view: DataView, at: number): number {
  return (
    view.getUint32(at + offsets.timestamp + 4, true) * 0x1_0000_0000 + view.getUint32(at + offsets.timestamp, true)
  );
}

/** Whether this program has a name for all of its numbers. */
export function isKnown({ offsets }: RecordLayout, view: DataView, at: number): boolean {
  return (
    EVENT_TYPE_NAMES[view.getUint8(at + offsets.type)] !== undefined &&
    DROP_REASON_NAMES[view.getUint8(at + offsets.reason)] !== undefined &&
    HOOK_NAMES[view.getUint8(at + offsets.hook)] !== undefined
  );
}

/** Whether policy dropped it. */
export function isDenied({ offsets }: RecordLayout, view: DataView, at: number): boolean {
  const reason = view.getUint8(at + offsets.reason);
  return reason === DROP_REASON['policy-egress'] || reason === DROP_REASON['policy-ingress'];
}

/** What policy said of a connection; undefined: it was not asked. */
export function verdictOf(
  { offsets }: RecordLayout,
  view: DataView,
  at: number,
): 'allowed' | 'denied-ingress' | 'denied-egress' | undefined {
  const type = view.getUint8(at + offsets.type);
  if (type === EVENT_TYPE.open || type === EVENT_TYPE.renew) return 'allowed';
  if (type !== EVENT_TYPE.drop) return undefined;
  const reason = view.getUint8(at + offsets.reason);
  if (reason === DROP_REASON['policy-ingress']) return 'denied-ingress';
  return reason === DROP_REASON['policy-egress'] ? 'denied-egress' : undefined;
}

/** Who pays for it, as in the kernel (bpf/lib/events.h, refusal.h): who opened, or the pod that something from outside is for. */
export function recordAccount({ offsets }: RecordLayout, view: DataView, at: number): number {
  const hook = view.getUint8(at + offsets.hook);
  const source = view.getUint16(at + offsets.sourceEndpoint, true);
  // Of no pod and not of the node: nobody's, who must not push out what the node's own processes did.
  if (hook === SOCKET)
    return source === 0 && view.getUint32(at + offsets.sourceIdentity, true) === 0 ? 0 : source * 2 + 1;
  const sender = hook === FROM_POD ? source : 0;
  const receiver = view.getUint16(at + offsets.destinationEndpoint, true);
  const isReply = view.getUint8(at + offsets.isReply) !== 0;
  const opener = isReply ? receiver : sender;
  const other = isReply ? sender : receiver;
  return opener === 0 ? other * 2 : opener * 2 + 1;
}
