import { describe, expect, it } from 'vitest';
import type { FrameCase } from '../frames/frame-case.ts';
import { type FrameOutcome, judgeCase } from './frame-trial.ts';

const spoofed: FrameCase = { name: 'x', tried: 'x', reason: 'spoofed-ip', frames: () => [] };
const good: FrameOutcome = {
  sent: 25,
  failed: 0,
  drops: { 'spoofed-ip': 25 },
  arrived: { backend: 0, node: 0, world: 0 },
  lost: 0,
};

describe('judgeCase', () => {
  it('holds when every frame is dropped for its reason and none arrives', () => {
    expect(judgeCase(spoofed, good)).toEqual({
      held: true,
      seen: '25 frames sent; dropped: spoofed-ip 25; arrived: backend 0, node 0, world 0',
    });
  });

  it.each<[string, Partial<FrameOutcome>]>([
    ['nothing was sent', { sent: 0, drops: {} }],
    ['the kernel refused a frame', { failed: 1 }],
    ['one frame is not accounted for', { drops: { 'spoofed-ip': 24 } }],
    ['one frame too many is counted', { drops: { 'spoofed-ip': 26 } }],
    ['one was dropped for another reason', { drops: { 'spoofed-ip': 25, malformed: 1 } }],
    ['all were dropped for another reason', { drops: { malformed: 25 } }],
    ['one arrived', { arrived: { backend: 0, node: 1, world: 0 } }],
    ['a counter was overrun', { lost: 1 }],
  ])('does not hold when %s', (_why, change) => {
    expect(judgeCase(spoofed, { ...good, ...change }).held).toBe(false);
  });
});
