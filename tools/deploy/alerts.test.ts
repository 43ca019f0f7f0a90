import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { DROP_REASON_TEXTS } from '../../src/model/index.ts';
import { PROMTOOL } from '../../test/scenarios/promtool.ts';

const ROOT = join(import.meta.dirname, '../..');
const FILE = join(ROOT, 'deploy/monitoring/alerts.yaml');
const { groups } = parse(readFileSync(FILE, 'utf8')) as { groups: { rules: { alert: string; expr: string }[] }[] };
const rules = groups.flatMap(({ rules: all }) => all);

/** By name, with their labels, as the page of metrics has them. */
const metrics = new Map(
  [...readFileSync(join(ROOT, 'docs/METRICS.md'), 'utf8').matchAll(/^\| `(membrane_\w+)` \| \w+ \|([^|]*)\|/gm)].map(
    ([, name = '', labels = '']) => [name, labels.match(/\w+/g) ?? []],
  ),
);

it('warns by metrics that there are, and selects by labels that they have', () => {
  expect(rules.length).toBeGreaterThan(5);
  for (const { alert, expr } of rules) {
    const used = [...expr.matchAll(/(membrane_\w+)(?:\{([^}]*)\})?/g)];
    expect(used, alert).not.toEqual([]);
    for (const [, name = '', selector = ''] of used) {
      expect([...metrics.keys()], alert).toContain(name);
      for (const [, label] of selector.matchAll(/(\w+)(?==)/g)) expect(metrics.get(name), alert).toContain(label);
    }
  }
});

it('names reasons for dropping that there are', () => {
  const named = rules.flatMap(({ expr }) =>
    [...expr.matchAll(/reason=~"([^"]*)"/g)].flatMap(([, list = '']) => list.split('|')),
  );
  expect(named).not.toEqual([]);
  expect(named.filter((reason) => !Object.hasOwn(DROP_REASON_TEXTS, reason))).toEqual([]);
});

it.skipIf(PROMTOOL === undefined)('is what promtool takes', () => {
  const { status, stdout, stderr } = spawnSync(PROMTOOL ?? '', ['check', 'rules', FILE], { encoding: 'utf8' });
  expect(stdout + stderr).toContain(`${rules.length} rules found`);
  expect(status).toBe(0);
});
