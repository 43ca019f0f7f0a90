import type { Verdict } from '../../src/model/index.ts';
import type { Flow, World } from './world.ts';

/** Something that can judge flows in a world. Used for one case at a time: `setUp` again for each step of it. */
export type Engine = {
  readonly name: string;
  /** Brings everything to the state of `world`; what stays the same since the last call must not be disturbed. */
  setUp(world: World): Promise<void>;
  /** Would this new connection be established? `why` is for the report of a failure. */
  verdict(flow: Flow): Promise<{ readonly verdict: Verdict; readonly why: string }>;
  /** Releases everything. */
  close(): Promise<void>;
};

/** Ends of the flow that policy is asked at: egress of a pod at its source, ingress of a pod at its destination. */
export function checkpoints({ from, to }: Flow): ('egress' | 'ingress')[] {
  // A pod that calls itself stays on its own loopback device.
  if (from.kind === 'pod' && to.kind === 'pod' && from.pod === to.pod) return [];
  return [...(from.kind === 'pod' ? (['egress'] as const) : []), ...(to.kind === 'pod' ? (['ingress'] as const) : [])];
}
