import type { Flow, FlowHook } from '../../model/index.ts';
import { dropNumber } from './drop-number.ts';
import { TraceObservationPoint } from './gen/flow/flow_pb.js';

/** Types of events: numbers of Cilium's monitor. */
const TYPES = { drop: 1, trace: 4, policyVerdict: 5 } as const;

/** Where it was seen, and its number as the sub-type of a trace. */
const POINTS: Readonly<Record<FlowHook, readonly [TraceObservationPoint, number]>> = {
  'from-pod': [TraceObservationPoint.FROM_ENDPOINT, 5],
  'to-pod': [TraceObservationPoint.TO_ENDPOINT, 0],
  'from-netdev': [TraceObservationPoint.FROM_NETWORK, 10],
  'to-netdev': [TraceObservationPoint.TO_NETWORK, 11],
  'from-overlay': [TraceObservationPoint.FROM_OVERLAY, 9],
  'to-overlay': [TraceObservationPoint.TO_OVERLAY, 4],
  socket: [TraceObservationPoint.FROM_ENDPOINT, 5],
};

export const observationPoint = ({ hook }: Flow): TraceObservationPoint => POINTS[hook][0];

/** A connection that opens or is judged anew is a verdict of policy; its end is a trace. */
export function eventTypeOf(flow: Flow): { readonly type: number; readonly subType: number } {
  switch (flow.type) {
    case 'drop':
      return { type: TYPES.drop, subType: dropNumber(flow.dropReason, flow.denial?.by === 'rule') };
    case 'close':
      return { type: TYPES.trace, subType: POINTS[flow.hook][1] };
    case 'open':
    case 'renew':
      return { type: TYPES.policyVerdict, subType: 0 };
  }
}
