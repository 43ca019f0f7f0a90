import type { Config } from '../../../src/datapath/gen/config.ts';
import type { DropReason } from '../../../src/model/gen/enums.ts';
import { type Addr, parseAddr } from '../../../src/net/index.ts';
import type { Lab, LabPod, Outcome } from '../lab.ts';

/** Two pods of one node without any restriction, fresh for every case. */
export type Scene = { readonly lab: Lab; readonly a: LabPod; readonly b: LabPod };

export type DropCase = {
  readonly name: string;
  readonly reason: DropReason;
  readonly config?: Partial<Config>;
  /** Whose counter must show the drop; default: `a` for from_pod, `b` for to_pod, the node for from_netdev. */
  readonly counted?: 'a' | 'b' | 'node';
  /** Ends with the packet that must be dropped. */
  readonly run: (scene: Scene) => Outcome | Promise<Outcome>;
};

export const A: Addr = parseAddr('10.244.1.10');
export const B: Addr = parseAddr('10.244.1.11');
export const A6: Addr = parseAddr('fd00:244::a');
export const B6: Addr = parseAddr('fd00:244::b');

/** `frame` with other bytes from `offset` on. */
export function patched(frame: Uint8Array, offset: number, ...bytes: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy.set(bytes, offset);
  return copy;
}
