import type { DropReason } from '../../model/gen/enums.ts';

/** Frames that a pod must not get rid of, and the reason that must be counted for each of them. */
export type FrameCase = {
  readonly name: string;
  readonly tried: string;
  readonly reason: DropReason;
  /** Every frame contains the marker. */
  readonly frames: (marker: Uint8Array) => readonly Uint8Array[];
  /** Times each frame is sent. Default 25. */
  readonly count?: number;
  /** See `SendOptions`. */
  readonly unfinished?: string;
};
