import { expect, test } from 'vitest';
import type { VerifyView } from '../../../api/index.ts';
import { matrixOf } from '../tenant.ts';
import { linesOf } from '../verify.ts';
import { reportHtml } from './report.ts';

const HOSTILE = `<script>alert(1)</script>"'&\u202e\u001b]0;x`;

const view = (parts: Partial<VerifyView> = {}): VerifyView => ({
  node: 'node-1',
  at: '2026-01-01T00:00:00.000Z',
  revision: 7,
  tookMs: 3,
  good: true,
  tenants: [],
  counts: { tenants: 2, identities: 4, endpoints: 3, policies: 1 },
  pairs: [
    { from: 'red', to: 'blue', standing: 'isolated', shares: 0 },
    { from: 'blue', to: 'red', standing: 'shared', shares: 2 },
  ],
  differences: [],
  more: 0,
  ...parts,
});

const alarm: VerifyView['differences'][number] = {
  layer: 'policy',
  effect: 'opens',
  direction: 'ingress',
  from: `a/${HOSTILE} (identity 300)`,
  to: 'b/y (identity 301)',
  packets: 'TCP 8080',
  pairs: 3,
  rows: ['policy row: table 5, group 77, TCP 8080: allow (no rule)'],
  meant: ['no ingress rule of NetworkPolicy b/p allows it'],
  packet: { from: '10.0.0.1', to: '10.0.0.2', protocol: 'TCP', port: 8080, claimed: 'passes', sent: 'passed' },
};

test('what an auditor reads: matrix, nodes, revisions and dates, and no name that is more than a name', () => {
  const page = reportHtml({ views: [view({ node: HOSTILE, good: false, differences: [alarm] })], silent: [] });
  expect(page).toContain('<td class="isolated">isolated</td>');
  expect(page).toContain('<td class="shared">shared by export</td>');
  expect(page).toContain('NOT proved');
  expect(page).toContain('2026-01-01T00:00:00.000Z');
  expect(page).not.toContain('<script');
  expect(page).not.toMatch(/[\u202e\u001b]/);
  expect(page).toContain('&lt;script&gt;');
});

test('a node that does not answer leaves nothing proved', () => {
  expect(reportHtml({ views: [view()], silent: [] })).toContain('<h1>Tenants apart: proved</h1>');
  expect(reportHtml({ views: [view()], silent: ['node-2'] })).toContain('<h1>Tenants apart: NOT proved</h1>');
  expect(reportHtml({ views: [], silent: [] })).toContain('<h1>Tenants apart: NOT proved</h1>');
});

test('of several nodes the worst counts', () => {
  const pairs = [{ from: 'red', to: 'blue', standing: 'broken', shares: 0 } as const];
  expect(matrixOf([view(), view({ pairs })]).find(({ from }) => from === 'red')?.standing).toBe('broken');
});

test('an alarm names row, pair and packet', () => {
  const lines = linesOf(view({ good: false, differences: [alarm], more: 2 }));
  expect(lines).toEqual([
    'node-1: 2 pairs of tenants: 1 isolated, 1 shared; 3 pods here of 4 identities, 1 policies, revision 7, in 3 ms',
    '  shared blue -> red: policies let none of it pass',
    `  ALARM policy at ingress: the kernel lets pass what is not meant: a/${HOSTILE} (identity 300) -> b/y (identity 301) TCP 8080`,
    '    in the kernel: policy row: table 5, group 77, TCP 8080: allow (no rule)',
    '    meant: no ingress rule of NetworkPolicy b/p allows it',
    '    of 3 pairs the same is true',
    '    packet 10.0.0.1 -> 10.0.0.2 TCP 8080 passes; sent through the programs: passed',
    '  and 2 more differences',
  ]);
});
