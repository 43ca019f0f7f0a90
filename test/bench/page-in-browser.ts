import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Page } from 'playwright-core';
import { CHROMIUM, PageStage } from '../../src/ui/testkit.ts';
import type { Report } from './row.ts';
import { summary } from './stats.ts';

const WORKLOADS = 1_000;
const NAMESPACES = 20;
const A_SECOND = 5_000;
const TICK_MS = 20;
const LOADS = 5;
const WATCHED_MS = 12_000;

/** A large cluster on two nodes, a fiftieth of whose flows are dropped. Agents, server and traffic share one process. */
function stageOf(): { readonly stage: PageStage; readonly tick: (count: number) => void } {
  const people = Array.from({ length: WORKLOADS }, (_, i) => ({
    namespace: `team-${String(i % NAMESPACES).padStart(2, '0')}`,
    pod: `svc${i}`,
  }));
  const names = people.map(({ namespace, pod }) => `${namespace}/${pod}`);
  const stage = new PageStage(people, { storeSize: 262_144 });
  let made = 0;
  const tick = (count: number): void => {
    for (let i = 0; i < count; i += 1, made += 1) {
      const from = names[(made * 7) % WORKLOADS] ?? '';
      const to = names[(made * 7 + NAMESPACES * (1 + (made % 4))) % WORKLOADS] ?? '';
      if (made % 50 === 0) stage.drop(from, to, { destinationPort: 22 });
      else stage.flow(from, to);
    }
  };
  return { stage, tick };
}

/** ms from the request to the first frame with all workloads and a flow. */
async function load(page: Page, url: string): Promise<number> {
  await page.goto(`${url}?window=60`, { waitUntil: 'commit' });
  return await page.evaluate<number>(`new Promise((resolve) => {
    const look = () => {
      const isThere = document.querySelectorAll('.chip-place').length >= ${WORKLOADS} && document.querySelector('.rows .row');
      if (isThere) requestAnimationFrame(() => resolve(performance.now()));
      else requestAnimationFrame(look);
    };
    look();
  })`);
}

export async function pageInBrowser(report: Report): Promise<void> {
  if (CHROMIUM === undefined) return;
  const { stage, tick } = stageOf();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  await stage.start();
  const begun = performance.now();
  let sent = 0;
  const traffic = setInterval(() => {
    // What a late timer owes is sent too.
    const due = Math.floor(((performance.now() - begun) / 1_000) * A_SECOND) - sent;
    sent += due;
    tick(due);
  }, TICK_MS);
  try {
    const page = await browser.newPage({ viewport: { width: 1360, height: 860 } });
    await sleep(3_000);
    await load(page, stage.page.url);
    const loads: number[] = [];
    for (let i = 0; i < LOADS; i += 1) loads.push(await load(page, stage.page.url));
    report({
      name: 'ui.load',
      ...summary(loads),
      unit: 'ms',
      target: { of: 'value', bound: 'at most', limit: 1_500 },
      note: `until ${WORKLOADS} workloads and their flows are drawn, in Chromium without a GPU`,
    });
    await sleep(2_000);
    const sentBefore = sent;
    const frames = await page.evaluate<number[]>(`new Promise((resolve) => {
      const frames = [];
      const end = performance.now() + ${WATCHED_MS};
      let before = performance.now();
      const look = (now) => {
        frames.push(now - before);
        before = now;
        if (now < end) requestAnimationFrame(look);
        else resolve(frames.slice(1));
      };
      requestAnimationFrame(look);
    })`);
    const { listed, unlisted } = JSON.parse(
      (await page.locator('[data-counted]').getAttribute('data-counted')) ?? '{}',
    ) as { listed: number; unlisted: number };
    report({
      name: 'ui.frame',
      ...summary(frames, 0.95),
      unit: 'ms',
      target: { of: 'value', bound: 'at most', limit: 33 },
      note: `p95 while ${Math.round((sent - sentBefore) / (WATCHED_MS / 1_000))} flows a second come; ${listed + unlisted} told by then`,
    });
  } finally {
    clearInterval(traffic);
    await browser.close();
    await stage.stop();
  }
}
