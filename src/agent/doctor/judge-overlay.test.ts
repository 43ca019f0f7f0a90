import { expect, it } from 'vitest';
import { judgeOverlay } from './judge-overlay.ts';

it('says what a machine can do that forges the address of a node', () => {
  const [finding] = judgeOverlay({ port: 8472, peers: ['node-2', 'node-3'] });
  expect(finding).toMatchObject({
    severity: 'info',
    evidence: expect.stringMatching(/UDP port 8472 under the address of node-2, node-3 .* do not encrypt$/),
    remedy: expect.stringContaining('under the address of a node'),
  });
});

it('says what native routing is worth, and what it costs a new pod', () => {
  const [finding] = judgeOverlay({ port: undefined, peers: ['node-2'] });
  expect(finding).toMatchObject({
    severity: 'info',
    evidence: expect.stringMatching(
      /pod of node-2 is taken for it, and what a new pod there sends is dropped here \(unencapsulated\)/,
    ),
    remedy: expect.stringContaining('routing: tunnel'),
  });
});

it('is content where nobody is believed', () => {
  for (const overlay of [undefined, { port: 8472, peers: [] }, { port: undefined, peers: [] }]) {
    expect(judgeOverlay(overlay)).toMatchObject([{ severity: 'ok', check: 'overlay' }]);
  }
});
