import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { VerifyView, WhyView } from '../api/index.ts';
import type { Counted, Losses } from './messages.ts';
import { between, ClusterStage } from './test-cluster.ts';
import { faintOn, tabbed, toldOn } from './test-readable.ts';
import { CHROMIUM, PageStage, type Staged } from './testkit.ts';

/** To be looked at: what a test cannot judge. */
const SHOTS = join(import.meta.dirname, '../../build/screenshots');
if (CHROMIUM === undefined) console.warn('the page is not tried in a browser, this machine lacks chromium');

/** What is waited for is a state: beside much else a browser is slow. */
const WAIT_MS = 60_000;

const WEB = 'shop/web-7d4b9c6f5d-x2x7k';
const API = 'shop/api-6c9f8d7b5c-kk2lp';
const DB = 'shop/db-0';
const TELLER = 'bank/teller-5f6d7c8b9d-zzx2q';
const LEDGER = 'bank/ledger-0';
const DNS = 'kube-system/coredns-5d78c9869d-2xw7m';
/** What would run, steer a terminal, or turn what stands around it. */
const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u001b[31m\u202e\u200b"\'&lt;';
/** As long as a name may be; pictures of several characters, and words from right to left. */
const LONG = `\u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u{1f3f3}\ufe0f\u200d\u{1f308}\u05e9\u05dc\u05d5\u05dd\u202e\u0645\u0631${'w'.repeat(230)}`;
// oxlint-disable-next-line no-misleading-character-class: each of them by itself
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/;

const PEOPLE: readonly Staged[] = [
  ...[WEB, 'shop/web-7d4b9c6f5d-b4b4z', API, LEDGER, DNS].map(named),
  { ...named(DB), enforced: { ingress: true, egress: true } },
  { ...named(TELLER), enforced: { ingress: false, egress: false } },
];

function named(name: string): Staged {
  const [namespace = '', pod = ''] = name.split('/');
  return { namespace, pod };
}

describe.skipIf(CHROMIUM === undefined)('the page in Chromium', () => {
  let browser: Browser;
  let stage: PageStage;
  /** Of all pages: what a browser or the page itself found wrong. */
  const wrong: string[] = [];
  const contexts: BrowserContext[] = [];
  const stages: Pick<PageStage, 'stop'>[] = [];

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
    stage = await new PageStage(PEOPLE).start();
    for (const { admin } of stage.agents) {
      admin.state.tenants = [
        { name: 'acme', namespaces: [{ name: 'shop' }], identities: 4, problems: [] },
        { name: 'money', namespaces: [{ name: 'bank' }], identities: 2, problems: [] },
        { name: 'system', namespaces: [{ name: 'kube-system' }], identities: 2, problems: [] },
      ];
      admin.state.services = { enabled: true, items: [serviceOf(stage.person(API).addr)] };
    }
    stage.denials.set(stage.person(API).addr, {
      direction: 'ingress',
      by: 'policies',
      policies: ['NetworkPolicy shop/default-deny', 'NetworkPolicy shop/let-web-in'],
      reason: '2 policies select shop/api, and none of their rules lets TCP 9090 in from bank/teller',
      judged: 'then',
      nearestMiss: {
        policy: 'NetworkPolicy shop/let-web-in',
        rule: 'ingress rule 0',
        wants: 'port 8080',
        because: 'it was 9090',
      },
    });
    const now = Date.now();
    for (let i = 0; i < 300; i += 1) traffic(now - 240_000 + i * 800, i);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.stop();
  });
  afterEach(async () => {
    // Pages first: they would say that nobody answers.
    for (const context of contexts.splice(0)) await context.close();
    for (const other of stages.splice(0)) await other.stop();
    expect(wrong.splice(0)).toEqual([]);
  });

  function traffic(ms: number, i: number): void {
    stage.flow(WEB, API, { ms });
    if (i % 3 === 0) stage.flow(API, DB, { ms: ms + 3, destinationPort: 5432 });
    if (i % 4 === 0) stage.flow(TELLER, LEDGER, { ms: ms + 5 });
    if (i % 5 === 0) stage.drop(TELLER, API, { ms: ms + 7, destinationPort: 9090, sourcePort: 40_000 + i });
    if (i % 7 === 0) stage.flow('shop/web-7d4b9c6f5d-b4b4z', DNS, { ms: ms + 9, protocol: 17, destinationPort: 53 });
    if (i % 11 === 0) stage.drop(DB, 'world', { ms: ms + 11, hook: 'from-pod', reason: 'spoofed-ip' });
    if (i % 6 === 0) stage.flow('world', WEB, { ms: ms + 12 });
  }

  /** Nodes prove that one tenant reaches another, which it should not. */
  function prove(): void {
    for (const { admin } of stage.agents)
      admin.verify = async ({ from, to }) => proofOf(from === 'tenant:acme' && to === 'tenant:money');
  }

  /** `least`: so many flows are listed before it is looked at. */
  async function open(path = '', options: BrowserContextOptions = {}, of = stage, least = 1): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width: 1360, height: 860 },
      reducedMotion: 'reduce',
      ...options,
    });
    contexts.push(context);
    const page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Canvas2D: Multiple readback'))
        wrong.push(message.text());
    });
    page.on('pageerror', (error) => wrong.push(error.message));
    // Nothing is asked of anybody else, not even for a font.
    page.on('request', (request) => {
      if (!request.url().startsWith(of.page.url)) wrong.push(`asks for ${request.url()}`);
    });
    await page.goto(of.page.url + path);
    page.setDefaultTimeout(WAIT_MS);
    await expect.poll(async () => (await counted(page)).listed, { timeout: WAIT_MS }).toBeGreaterThanOrEqual(least);
    return page;
  }

  const shot = async (page: Page, name: string) => await page.screenshot({ path: join(SHOTS, `${name}.png`) });
  const rows = async (page: Page) =>
    (await page.locator('.rows .row').allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' '));
  const counted = async (page: Page) =>
    JSON.parse((await page.locator('[data-counted]').getAttribute('data-counted')) ?? '{}') as Counted & Losses;
  const search = (page: Page) => new URL(page.url()).searchParams;

  it('shows a map of all tenants, and the flows beneath it', async () => {
    const page = await open();
    for (const name of ['api, 1 pod', 'web, 2 pods', 'ledger', 'coredns', 'world'])
      await page.getByRole('button', { name }).first().waitFor();
    await page.getByRole('button', { name: /^tenant acme, 3 places/ }).waitFor();
    // All of them may come after the page has begun to count.
    const balance = async () => {
      const { listed, unlisted, muted, unmatched, kernel, reader } = await counted(page);
      const told = stage.agents.reduce((sum, { hub }) => sum + hub.stats().seen, 0);
      return { missing: told - listed - unlisted - muted - unmatched, lost: kernel + reader };
    };
    await expect.poll(balance, { timeout: WAIT_MS }).toEqual({ missing: 0, lost: 0 });
    await expect.poll(async () => (await inked(page)).length, { timeout: WAIT_MS }).toBeGreaterThan(1);
    await shot(page, 'map-light');
    await page.getByRole('button', { name: /^Colours/ }).click();
    await page.getByRole('button', { name: 'Colours: light' }).click();
    await page.getByRole('button', { name: 'Colours: dark' }).waitFor();
    await shot(page, 'map-dark');
    await page.getByRole('button', { name: /^tenant acme/ }).click();
    await page.getByRole('button', { name: 'web, 2 pods' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Unfold all' }).click();
    await page.getByRole('button', { name: /web, 2 pods/ }).click();
    const card = page.getByRole('complementary', { name: 'Place' });
    await card.getByRole('button', { name: 'shop/api' }).waitFor();
    expect(search(page).get('place')).toBe('shop/web');
    await shot(page, 'place-dark');
    await page.keyboard.press('Escape');
    await card.waitFor({ state: 'detached' });
    await page.getByText('1 that no policy selects').click();
    await page.locator('.legend').getByRole('button', { name: 'bank/teller' }).click();
    await card.getByText('everything: no policy selects it').first().waitFor();
  });

  it('shows drops that repeat as one row, as many as came at a time: together all that there were', async () => {
    // However they came: there is room for a row of each.
    const page = await open('?view=flows&q=port:9090', { viewport: { width: 1360, height: 3_000 } });
    const repeats = async () =>
      (await rows(page))
        .map((row) => /dropped ?(?:×(\d+) )?bank\/teller/.exec(row))
        .map((row) => (row === null ? 0 : Number(row[1] ?? 1)))
        .reduce((a, b) => a + b, 0);
    await expect.poll(repeats, { timeout: WAIT_MS }).toBe(60);
  });

  it('says why a packet was dropped, and what came nearest', async () => {
    const page = await open();
    await page.locator('.rows .row', { hasText: 'policy-ingress' }).first().click();
    const card = page.getByRole('complementary', { name: 'Flow' });
    for (const text of [
      'Dropped',
      'none of their rules lets TCP 9090 in',
      'NetworkPolicy shop/default-deny',
      'port 8080',
      'it was 9090',
    ])
      await card.getByText(text, { exact: false }).first().waitFor();
    await card
      .getByText('membrane policy trace --from bank/teller-5f6d7c8b9d-zzx2q --to shop/api-6c9f8d7b5c-kk2lp --port 9090')
      .waitFor();
    await shot(page, 'card');
    await card.getByRole('button', { name: 'Only these two' }).click();
    await expect.poll(async () => (await rows(page)).every((row) => row.includes('policy-ingress'))).toBe(true);
    expect(search(page).get('q')).toBe(`from:${TELLER} to:${API}`);
    await page.goBack();
    await expect.poll(async () => (await rows(page)).length).toBeGreaterThan(5);
    await page.locator('.rows .row', { hasText: 'spoofed-ip' }).first().click();
    await card.getByText('spoofed-ip').first().waitFor();
    await card.getByRole('button', { name: 'Mute' }).click();
    await expect.poll(async () => (await rows(page)).filter((row) => row.includes('spoofed-ip'))).toEqual([]);
    await expect.poll(async () => (await counted(page)).muted).toBe(28);
    expect(search(page).getAll('mute')).toEqual([`from:${DB} to:192.0.2.7 reason:spoofed-ip`]);
    await page.getByRole('button', { name: /^Remove the mute/ }).click();
    await expect.poll(async () => (await counted(page)).muted).toBe(0);
  });

  it('filters by what the address says, and says what it cannot read', async () => {
    const page = await open('?view=flows&q=ns:bank+-verdict:forwarded+or+port:53');
    await page.getByRole('button', { name: 'Remove the filter port:53' }).waitFor();
    const shown = await rows(page);
    expect(shown.length).toBeGreaterThan(10);
    for (const row of shown) expect(row).toMatch(/dropped.*bank\/teller|53\/UDP/);
    await page.getByRole('button', { name: 'Remove the filter port:53' }).click();
    expect(search(page).get('q')).toBe('ns:bank -verdict:forwarded');
    await page.reload();
    await expect.poll(async () => (await rows(page)).every((row) => row.includes('dropped'))).toBe(true);
    await page.keyboard.press('/');
    await page.keyboard.type(' verdct:x');
    await page.getByText('there is no field "verdct"').waitFor();
    expect(await page.getByRole('button', { name: 'Filter', exact: true }).isDisabled()).toBe(true);
    await page.locator('#query').fill('type:open to:shop/db');
    await page.keyboard.press('Enter');
    await expect.poll(async () => (await rows(page)).every((row) => row.includes('5432/TCP'))).toBe(true);
    await shot(page, 'flows');
    // A term that another begins with is not that one.
    await page.goto(`${stage.page.url}?place=shop%2Fapi&q=pod:shop/api-gateway`);
    await page.getByRole('button', { name: 'Only its flows' }).click();
    expect(search(page).get('q')).toBe('pod:shop/api-gateway pod:shop/api');
  });

  it('shows what happens as it happens, and waits for who reads', async () => {
    const page = await open('?view=flows&q=to:shop/db+-port:5432', {}, stage, 0);
    expect(await rows(page)).toEqual([]);
    stage.drop(LEDGER, DB, { destinationPort: 6_379 });
    await expect.poll(async () => await rows(page)).toHaveLength(1);
    await page.locator('.rows .row').click();
    stage.drop(LEDGER, DB, { destinationPort: 6_380 });
    await page.getByRole('button', { name: '1 newer' }).waitFor();
    expect(await rows(page)).toHaveLength(1);
    await page.getByRole('button', { name: '1 newer' }).click();
    expect(await rows(page)).toEqual([expect.stringContaining('6380/TCP'), expect.stringContaining('6379/TCP')]);
  });

  it('is used by the keyboard alone', async () => {
    const page = await open();
    await page.keyboard.press('2');
    await expect.poll(() => search(page).get('view')).toBe('flows');
    await page.getByRole('grid').focus();
    await page.keyboard.press('ArrowDown');
    const card = page.getByRole('complementary', { name: 'Flow' });
    await card.waitFor();
    const first = await card.innerText();
    await page.keyboard.press('ArrowDown');
    await expect.poll(async () => await card.innerText()).not.toBe(first);
    await page.keyboard.press('Escape');
    await card.waitFor({ state: 'detached' });
    await page.keyboard.press('3');
    await page.getByText('ClusterIP 10.96.0.7:80/TCP').waitFor();
    await page.getByRole('button', { name: 'shop/api' }).click();
    await page.getByText('shop/front').first().waitFor();
    await shot(page, 'services');
  });

  it('goes back in time, and on', async () => {
    const page = await open('?view=flows');
    const slider = page.getByRole('slider', { name: 'Look at another time' });
    expect(await slider.getAttribute('aria-valuetext')).toContain('now');
    await page.getByRole('button', { name: 'A window back' }).click();
    await page.getByRole('button', { name: 'A window back' }).click();
    await expect.poll(() => Number(search(page).get('until'))).toBeGreaterThan(0);
    const until = Number(search(page).get('until'));
    const within = async () => {
      const shown = await rows(page);
      const text = (ms: number) => new Date(ms).toTimeString().slice(0, 8);
      return (
        shown.length > 10 &&
        shown.every((row) => row.slice(0, 8) <= text(until) && row.slice(0, 8) >= text(until - 60_000))
      );
    };
    await expect.poll(within).toBe(true);
    await shot(page, 'past');
    stage.flow(WEB, API, { destinationPort: 1_234 });
    await slider.focus();
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => Number(search(page).get('until'))).toBeLessThan(until);
    await page.getByRole('button', { name: 'go live' }).click();
    await expect.poll(async () => (await rows(page))[0] ?? '').toContain('1234/TCP');
    expect(search(page).get('until')).toBeNull();
  });

  it('has a name for everything that can be used, and no more width than a phone', async () => {
    const page = await open('', { viewport: { width: 360, height: 740 }, hasTouch: true, colorScheme: 'dark' });
    await page.getByRole('button', { name: /web, 2 pods/ }).waitFor();
    expect(await nameless(page)).toEqual([]);
    await shot(page, 'phone-map');
    await page.getByRole('button', { name: 'Flows', exact: true }).tap();
    await page.locator('.rows .row.dropped').first().tap();
    await page.getByRole('complementary', { name: 'Flow' }).waitFor();
    await shot(page, 'phone-card');
    await page.getByRole('button', { name: 'Close' }).tap();
    await shot(page, 'phone-flows');
  });

  it.each([
    ['a phone', { viewport: { width: 360, height: 740 } }],
    // What is magnified has less room.
    ['a screen at 200 %', { viewport: { width: 680, height: 430 }, deviceScaleFactor: 2 }],
    ['a screen at 400 %', { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 }],
  ])('needs no scrolling to and fro on %s, and hides nothing that can be used', async (_, options) => {
    prove();
    const page = await open('', options);
    for (const [path, ready] of [
      ['', '.chip-place'],
      [`?place=${encodeURIComponent('shop/web')}`, '.card'],
      ['?view=flows&q=port:9090', '.rows .row'],
      ['?view=services', '.services article'],
      ['?view=tenants&pair=acme~money', '.reach li'],
    ] as const) {
      await page.goto(stage.page.url + path);
      await page.locator(ready).first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), path).toBeLessThanOrEqual(0);
      const main = await page.locator('main').boundingBox();
      expect(main?.height, path).toBeGreaterThan(150);
      expect(await beyond(page), path).toEqual([]);
    }
  });

  it.each(['light', 'dark'] as const)('can be made out: all text and edges, %s', async (colorScheme) => {
    prove();
    const page = await open('', { colorScheme });
    for (const [path, ready] of [
      ['', '.chip-place.open'],
      [`?window=900&place=${encodeURIComponent('shop/api')}`, '.card .peers'],
      ['?view=flows&q=port:9090&mute=port:1', '.rows .row'],
      ['?view=flows', '.rows .row.forwarded'],
      ['?view=services', '.services article'],
      ['?view=tenants', '.cell.broken'],
      ['?view=tenants&pair=acme~money', '.reach li'],
    ] as const) {
      await page.goto(stage.page.url + path);
      await page.locator(ready).first().waitFor();
      expect(await faintOn(page), path).toEqual([]);
    }
    await page.goto(`${stage.page.url}?view=flows&q=port:9090`);
    await page.locator('.rows .row.dropped').first().click();
    await page.getByText('Nearest miss').waitFor();
    await page.locator('#query').fill('verdct:x');
    await page.getByText('there is no field "verdct"').waitFor();
    expect(await faintOn(page)).toEqual([]);
    await page.goto(`${stage.page.url}?view=flows&q=verdict:forwarded`);
    await page.locator('.rows .row.forwarded').first().click();
    await page.getByText('Allowed by').waitFor();
    expect(await faintOn(page)).toEqual([]);
  });

  it('moves nothing for who does not want it', async () => {
    const page = await open('', { reducedMotion: 'no-preference' });
    // Nor does it need to keep anything, where a browser keeps nothing of any page.
    await page.addInitScript(`Object.defineProperty(window, 'localStorage', { get() { throw new Error('kept'); } })`);
    await page.reload();
    await page.getByRole('button', { name: 'Colours: system' }).click();
    await page.getByRole('button', { name: 'Colours: light' }).waitFor();
    const moving = async () =>
      await page.evaluate<string[]>(`[...document.querySelectorAll('*')]
        .filter((element) => {
          const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
          return /[1-9]/.test(transitionDuration) || animationName !== 'none' || scrollBehavior !== 'auto';
        })
        .map(({ tagName }) => tagName)`);
    expect(await moving()).not.toEqual([]);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    expect(await moving()).toEqual([]);
  });

  it('tells a screen reader what there is, and what each thing is for', async () => {
    prove();
    const page = await open();
    const session = await page.context().newCDPSession(page);
    for (const [path, ready, roles] of [
      [
        `?window=900&place=${encodeURIComponent('shop/api')}`,
        '.card .peers',
        [
          ['banner', ''],
          ['heading', 'membrane'],
          ['list', 'Nodes'],
          ['navigation', 'Views'],
          ['search', ''],
          ['combobox', 'Filter'],
          ['region', 'Time'],
          ['slider', 'Look at another time'],
          ['combobox', 'Window'],
          ['main', ''],
          ['region', 'Map'],
          ['group', 'Who is there; arrow keys go on'],
          ['button', 'tenant acme, 3 places'],
          ['button', 'bank/teller, 1 pod, no policy selects it'],
          ['region', 'Flows'],
          ['grid', 'Flows, newest first; arrow keys open the next one'],
          ['columnheader', 'Verdict'],
          ['complementary', 'Place'],
          ['button', 'Close'],
          ['heading', 'api'],
        ],
      ],
      [
        '?view=services',
        '.services article',
        [
          ['heading', 'shop/front ClusterIP'],
          ['region', 'Services'],
        ],
      ],
      [
        '?view=tenants&pair=acme~money',
        '.reach li',
        [
          ['table', 'Who is apart from whom'],
          ['columnheader', 'money'],
          ['rowheader', 'acme'],
          ['button', 'acme to money: broken'],
          ['list', 'Proofs'],
          ['complementary', 'Pair'],
        ],
      ],
    ] as const) {
      await page.goto(stage.page.url + path);
      await page.locator(ready).first().waitFor();
      const told = await toldOn(session);
      const all = told.map(({ role, name }) => `${role} ${name}`.trim());
      for (const [role, name] of roles) expect(all, path).toContain(`${role} ${name}`.trim());
      const isVague = ({ role, name }: (typeof told)[number]) => name === '' || /^(generic|none|)$/i.test(role);
      expect(told.filter((one) => one.isFocusable && isVague(one))).toEqual([]);
      expect(await page.evaluate(DANGLING), path).toEqual([]);
    }
  });

  it('is gone through by Tab in the order of what is seen, and left again; arrows go on within', async () => {
    prove();
    const page = await open(`?window=900&place=${encodeURIComponent('shop/api')}&q=ns:shop`);
    await page.getByRole('button', { name: 'tenant acme, 3 places' }).waitFor();
    const order = await tabbed(page);
    const at = (name: string) => {
      const found = order.findIndex((one) => one.startsWith(name));
      expect(found, name).toBeGreaterThanOrEqual(0);
      return found;
    };
    const marks = [
      'button Colours: system',
      'button Map',
      'input Filter',
      'button Remove the filter ns:shop',
      'input Look at another time',
      'select Window',
      'button live',
      'button Nearer',
      'div Flows, newest first',
      'button Close',
      'button Only its flows',
    ];
    expect(marks.map(at)).toEqual(marks.map(at).toSorted((a, b) => a - b));
    // However many places there are, and rows: one of them each.
    expect(order.filter((one) => /button (tenant|outside|shop\/.*pods?|bank\/.*pods?|world)/.test(one))).toHaveLength(
      1,
    );
    expect(order.filter((one) => one.startsWith('div '))).toHaveLength(1);

    const name = async () => await page.evaluate<string>(`document.activeElement?.getAttribute('aria-label') ?? ''`);
    const all = await page.locator('.world button').count();
    await page.locator('.world button[tabindex="0"]').focus();
    await page.keyboard.press('Home');
    const first = await name();
    const seen = new Set([first]);
    for (let i = 1; i < all; i += 1) {
      await page.keyboard.press('ArrowRight');
      seen.add(await name());
      await expect.poll(async () => await page.evaluate(HIDDEN_FOCUS)).toBe('');
    }
    expect(seen.size).toBe(all);
    const last = await name();
    await page.keyboard.press('ArrowRight');
    expect(await name()).toBe(last);
    await page.keyboard.press('ArrowLeft');
    expect(await name()).not.toBe(last);
    await page.keyboard.press('Home');
    expect(await name()).toBe(first);
    await page.keyboard.press('ArrowDown');
    expect(await name()).not.toBe(first);
    // Also what is far out of sight comes into it.
    for (let i = 0; i < 6; i += 1) await page.getByRole('button', { name: 'Nearer' }).click();
    await page.locator('.world button[tabindex="0"]').focus();
    await page.keyboard.press('Home');
    await expect.poll(async () => await page.evaluate(HIDDEN_FOCUS)).toBe('');
    await page.keyboard.press('End');
    await expect.poll(async () => await page.evaluate(HIDDEN_FOCUS)).toBe('');
    expect(await page.evaluate("document.querySelector('.viewport').scrollLeft")).toBe(0);
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Place' }).waitFor();

    await page.goto(`${stage.page.url}?view=tenants`);
    await page.getByRole('button', { name: 'acme to money: broken' }).waitFor();
    expect((await tabbed(page)).filter((one) => / to .*: /.test(one))).toHaveLength(1);
    await page.locator('.matrix [tabindex="0"]').focus();
    await page.keyboard.press('Home');
    expect(await name()).toBe('acme to money: broken');
    await page.keyboard.press('ArrowDown');
    expect(await name()).toBe('money to acme: isolated');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Pair' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('complementary', { name: 'Pair' }).waitFor({ state: 'detached' });
    // Which row is open is told, as the grid itself keeps the focus.
    await page.goto(`${stage.page.url}?view=flows`);
    await page.getByRole('grid').focus();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('complementary', { name: 'Flow' }).waitFor();
    const active = await page.getByRole('grid').getAttribute('aria-activedescendant');
    expect(await page.locator(`#${active}`).getAttribute('aria-selected')).toBe('true');
  });

  it('says nothing aloud of what comes all the time', async () => {
    const page = await open('?view=flows&q=to:shop/db+port:6399', {}, stage, 0);
    await page.evaluate(`(() => {
      window.spoken = [];
      const live = '[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log], [role=timer], output';
      new MutationObserver((changes) => {
        for (const { target, addedNodes } of changes) {
          const element = target instanceof Element ? target : target.parentElement;
          if (element?.closest(live)) window.spoken.push(target.textContent);
          for (const added of addedNodes) if (added instanceof Element && added.matches(live)) window.spoken.push(added.textContent);
        }
      }).observe(document, { subtree: true, childList: true, characterData: true });
    })()`);
    for (let i = 0; i < 10; i += 1) {
      stage.drop(LEDGER, DB, { destinationPort: 6_399 });
      stage.flow(WEB, API);
      await expect.poll(async () => (await counted(page)).listed).toBe(i + 1);
    }
    expect(await page.evaluate('window.spoken')).toEqual([]);
    // What somebody has to know is said, once.
    await page.locator('#query').fill('verdct:x');
    await page.getByText('there is no field "verdct"').waitFor();
    expect(await page.evaluate<unknown[]>('window.spoken')).toHaveLength(1);
  });

  it.each([
    ['would run', HOSTILE],
    ['is as long as names get', LONG],
  ])('is harmed by no name that %s', async (_, name) => {
    const people = ['a', 'b'].map((pod) => ({
      namespace: `ns${name}`,
      pod: pod + name,
      labels: [`k8s:${name}=${name}`],
    }));
    const hostile = await new PageStage(people, { nodes: 1 }).start();
    stages.push(hostile);
    const [one = '', other = ''] = people.map(({ namespace, pod }) => `${namespace}/${pod}`);
    for (const { admin } of hostile.agents) {
      admin.why = async () => ({ ...remedyOf(name), noChange: name });
      const { status } = admin.state;
      if (status !== undefined) admin.state.status = { ...status, cluster: name, node: name };
      admin.state.tenants = [
        { name: name, closed: name, namespaces: [{ name: `ns${name}` }], identities: 1, problems: [name] },
      ];
      const proof = proofOf(true);
      admin.verify = async () => ({
        ...proof,
        pairs: [
          {
            from: name,
            to: 'b',
            standing: 'shared',
            shares: 1,
            example: { from: name, to: name, packets: name, why: [name] },
          },
        ],
        differences: proof.differences.map((one) => ({
          ...one,
          from: name,
          to: name,
          packets: name,
          rows: [name],
          meant: [name],
        })),
        asked: {
          ...proof.asked,
          from: name,
          to: 'b',
          pairs: 1,
          more: 0,
          reached: [{ from: name, to: name, packets: name, why: [name] }],
        },
      });
      const service = serviceOf(hostile.person(other).addr);
      admin.state.services = {
        enabled: true,
        items: [{ ...service, namespace: name, name: name, problems: [{ reason: name, message: name }] }],
      };
    }
    hostile.denials.set(hostile.person(other).addr, {
      direction: 'ingress',
      by: 'policies',
      policies: [name],
      reason: name,
      nearestMiss: { policy: name, rule: name, wants: name, because: name },
    });
    hostile.drop(one, other);
    hostile.flow(one, other);
    const page = await open('', {}, hostile);
    await page.locator('.rows .row.dropped').click();
    await page.getByText('Nearest miss').waitFor();
    await page.getByRole('button', { name: 'What would allow it?' }).click();
    await page.getByRole('table', { name: 'Step by step' }).waitFor();
    await shot(page, `hostile-${name.length}`);
    const look = async () => ({
      ...(await everything(page)),
      width: await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'),
    });
    const seen = [await look()];
    for (const label of ['Only these two', 'Only this reason', 'Mute'])
      await page.getByRole('button', { name: label }).click();
    await page.getByRole('button', { name: /^Remove the mute/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.goto(hostile.page.url);
    await page.locator('.chip-place').first().click();
    seen.push(await look());
    await page.keyboard.press('3');
    await page.waitForSelector('.services article');
    seen.push(await look());
    await page.keyboard.press('4');
    await page.locator('.cell.shared').click();
    await page.locator('.reach li').first().waitFor();
    await shot(page, `hostile-tenants-${name.length}`);
    seen.push(await look());
    for (const { texts, elements, hacked, width } of seen) {
      expect(width).toBeLessThanOrEqual(0);
      expect(hacked).toBe(false);
      expect(elements).toEqual([]);
      expect(texts.filter((text) => UNSAFE.test(text))).toEqual([]);
      expect(texts.some((text) => text.includes('\\u202e'))).toBe(true);
    }
    wrong.splice(0, wrong.length, ...wrong.filter((text) => !text.includes('net::')));
  });

  it('says which policy would let a packet pass, and what else that would open', async () => {
    const asked: unknown[] = [];
    for (const { admin } of stage.agents) {
      admin.why = async (request) => {
        asked.push(request);
        return remedyOf(asked.length > 1 ? HOSTILE : 'let-teller-in');
      };
    }
    const page = await open('?view=flows&q=port:9090');
    await page.locator('.rows .row.dropped').first().click();
    await page.getByRole('button', { name: 'What would allow it?' }).click();
    await page.getByText('name: let-teller-in').waitFor();
    const effects = page.getByRole('table', { name: 'Before and after' }).getByRole('row');
    await expect
      .poll(async () => (await effects.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' ').trim()))
      .toEqual([
        'connections now with it',
        `${TELLER} → ${API}: TCP 9090 denied allowed`,
        'shop/other → shop/api: TCP 9090 denied allowed',
      ]);
    // The first denial ends the way: what comes after it is reached with the change, and not before.
    const steps = page.getByRole('table', { name: 'Step by step' }).getByRole('row');
    expect((await steps.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' ').trim())).toEqual([
      'step now with it',
      'egress denied: no rule of let-teller-in allowed: rule 0 of let-teller-in',
      'ingress not reached allowed: the floor of let-teller-in',
    ]);
    await shot(page, 'remedy');
    expect(asked).toEqual([{ from: TELLER, to: API, port: 9090, protocol: 'TCP' }]);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.locator('.rows .row.dropped').first().click();
    await page.getByRole('button', { name: 'What would allow it?' }).click();
    await page.getByRole('row', { name: /allowed denied$/ }).waitFor();
    const { texts, elements, hacked } = await everything(page);
    expect([hacked, elements, texts.filter((text) => UNSAFE.test(text))]).toEqual([false, [], []]);
  });

  it('shows which tenants are apart, and of two what opens, with the packet', async () => {
    prove();
    const page = await open();
    await page.keyboard.press('4');
    await page.getByRole('button', { name: 'money to acme: isolated' }).waitFor();
    await page.getByText('as it is meant').first().waitFor();
    expect(await nameless(page)).toEqual([]);
    await shot(page, 'tenants');
    await page.getByRole('button', { name: 'acme to money: broken' }).click();
    expect(search(page).get('pair')).toBe('acme~money');
    await page.getByText('shop/web → bank/ledger, TCP 5432: dropped; sent: passed').first().waitFor();
    await shot(page, 'tenants-broken');
    await page.getByRole('button', { name: 'money to acme: isolated' }).click();
    await page.getByText('No packet opens a connection: 8 pairs').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('complementary', { name: 'Pair' }).waitFor({ state: 'detached' });
  });

  it('asks who looks at a cluster, shows what he may see, and forgets it when that is taken away', async () => {
    const cluster = await new ClusterStage({ isApart: true }).start();
    stages.push(cluster);
    cluster.tokens.set('token-of-shop', 'shopkeeper');
    cluster.grant('shopkeeper list flows shop', 'shopkeeper watch flows shop');
    const drop = { type: 'drop', reason: 'policy-ingress' } as const;
    cluster.hub.publish({ ...between(1, 3), ...drop }, between(1, 2), between(2, 3));
    const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, ignoreHTTPSErrors: true });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    page.on('pageerror', (error) => wrong.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(cluster.url)) wrong.push(`asks for ${request.url()}`);
    });
    await page.addInitScript(CUTTING);
    await page.goto(`${cluster.url}?window=900`);
    const token = page.getByLabel('Token of Kubernetes');
    await token.fill('made-up');
    await shot(page, 'login');
    expect(await nameless(page)).toEqual([]);
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await faintOn(page)).toEqual([]);
    }
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('no token of the cluster').waitFor();
    await token.fill('token-of-shop');
    await page.getByRole('button', { name: 'Log in' }).click();
    await expect.poll(async () => (await rows(page)).length, { timeout: WAIT_MS }).toBe(2);
    await page.getByText('shopkeeper').first().waitFor();
    await page
      .getByRole('button', { name: /^shop\/pod-of-shop/ })
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'tenant trade, 1 place, closed: it is closed' }).click();
    await page.getByRole('button', { name: /^shop\/pod-of-shop/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Unfold all' }).click();
    await shot(page, 'cluster');
    await page.getByText('1 that no policy selects').waitFor();
    await page.keyboard.press('3');
    await page.getByText('shop/front').waitFor();
    await page.getByText('Conflict').waitFor();
    expect((await everything(page)).texts.filter((text) => /bank|club|money/.test(text))).toEqual([]);
    await page.keyboard.press('4');
    await page.getByRole('button', { name: '(all others) to shop: broken' }).click();
    await page.getByText('this is the worst of them all').waitFor();
    await page.getByText('the operator is told which row').waitFor();
    await shot(page, 'cluster-tenants');
    expect(await nameless(page)).toEqual([]);
    expect((await everything(page)).texts.filter((text) => /bank|club|money/.test(text))).toEqual([]);
    await page.keyboard.press('Escape');
    await page.keyboard.press('1');
    const { texts } = await everything(page);
    expect(texts.filter((text) => /bank|club|money/.test(text))).toEqual([]);
    // No script can read what it is known by.
    expect(await page.evaluate('document.cookie')).toBe('');
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({
      name: '__Host-membrane',
      httpOnly: true,
      secure: true,
      sameSite: 'Strict',
      path: '/',
    });
    await page.reload();
    await expect.poll(async () => (await rows(page)).length, { timeout: WAIT_MS }).toBe(2);
    // Neither a card that is open nor what was proved stays.
    await page.locator('.rows .row').first().click();
    await page.getByRole('complementary', { name: 'Flow' }).waitFor();
    cluster.rights.clear();
    await cluster.clock.advance(2_500);
    await page.getByRole('alert').getByText('these flows are not for who asks').waitFor();
    expect(await rows(page)).toEqual([]);
    expect((await everything(page)).texts.filter((text) => text.includes('pod-of-'))).toEqual([]);
    await page.keyboard.press('4');
    expect(await page.locator('.matrix').count()).toBe(0);
    await page.keyboard.press('1');
    cluster.grant('shopkeeper list flows shop', 'shopkeeper watch flows shop');
    await cluster.clock.advance(20_000);
    await expect.poll(async () => (await rows(page)).length, { timeout: WAIT_MS }).toBe(2);
    // Nor does what a stream showed that was cut: whether that is still his nobody has said.
    await page.locator('.rows .row').first().click();
    const card = page.getByRole('complementary', { name: 'Flow' });
    await card.waitFor();
    await page.evaluate('window.cut()');
    await card.waitFor({ state: 'detached' });
    await expect.poll(async () => (await rows(page)).length, { timeout: WAIT_MS }).toBe(2);
    // What would allow a packet is for who may list the flows of both pods: nobody is offered what would be refused.
    cluster.grant('shopkeeper get flows/identity bank');
    await cluster.clock.advance(20_000);
    cluster.hub.publish({ ...between(2, 1), ...drop }, { ...between(1, 1), ...drop });
    const offer = page.getByRole('button', { name: 'What would allow it?' });
    await page.locator('.rows .row.dropped', { hasText: 'bank/pod-of-bank' }).click();
    await card.getByText('no rule of shop lets it in').first().waitFor();
    await card.getByText('told to who may list the flows').waitFor();
    expect(await offer.count()).toBe(0);
    await page.locator('.rows .row.dropped', { hasText: /shop.pod-of-shop.*shop.pod-of-shop/s }).click();
    await offer.click();
    await card.getByText('Of pods that you may see').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Log out' }).click();
    await token.waitFor();
    expect((await everything(page)).texts.filter((text) => text.includes('pod-of-'))).toEqual([]);
  });

  it('says that an agent, or the server, does not answer, and goes on when it does', async () => {
    const alone = await new PageStage(PEOPLE.slice(0, 2), { nodes: 1 }).start();
    alone.flow(WEB, 'shop/web-7d4b9c6f5d-b4b4z');
    const page = await open('', {}, alone);
    const { url } = alone.page;
    // Who reads in peace goes on, and is told when there is something newer.
    await page.locator('.rows .row').first().click();
    await page.getByRole('complementary', { name: 'Flow' }).waitFor();
    await alone.stop();
    await page.getByRole('alert').getByText('does not answer').waitFor();
    const again = await new PageStage(PEOPLE.slice(0, 2), { nodes: 1, port: Number(new URL(url).port) }).start();
    stages.push(again);
    again.flow(WEB, 'shop/web-7d4b9c6f5d-b4b4z', { destinationPort: 4_321 });
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'all newer' }).click();
    await expect.poll(async () => (await rows(page))[0] ?? '').toContain('4321/TCP');
    // A browser says of each try that nobody answered.
    wrong.splice(0, wrong.length, ...wrong.filter((text) => !/net::|Failed to load/.test(text)));
  });

  it('shows a thousand workloads', async () => {
    const people = Array.from({ length: 1_000 }, (_, i) => ({
      namespace: `team-${String(Math.floor(i / 50)).padStart(2, '0')}`,
      pod: `svc${i}`,
      enforced: { ingress: i % 9 !== 0, egress: i % 3 === 0 && i % 9 !== 0 },
    }));
    const large = await new PageStage(people).start();
    stages.push(large);
    // Of one who has many namespaces, and of many who have none.
    const crowd = Array.from({ length: 10_000 }, (_, i) => ({ name: `crowd-${i}` }));
    const tenants = Array.from({ length: 300 }, (_, i) => `t${String(i).padStart(3, '0')}`);
    for (const { admin } of large.agents) {
      admin.state.tenants = [{ name: 'crowd', namespaces: crowd, identities: 0, problems: [] }];
      const pairs = tenants.map((from) => ({ from, to: 't000', standing: 'isolated' as const, shares: 0 }));
      pairs.push({ from: 't298', to: 't299', standing: 'isolated', shares: 0 });
      admin.verify = async () => ({
        ...proofOf(false),
        pairs: [
          ...pairs,
          ...['t250', 't100'].map((from) => ({ from, to: 't299', standing: 'broken' as const, shares: 0 })),
          ...tenants.slice(1, 99).map((from) => ({ from, to: 't200', standing: 'shared' as const, shares: 1 })),
        ],
      });
    }
    const name = (i: number) => `${people[i % 1_000]?.namespace}/${people[i % 1_000]?.pod}`;
    for (let i = 0; i < 4_000; i += 1) {
      const to = i % 4 === 0 ? i * 17 + 50 : i + 1;
      if (i % 40 === 0) large.drop(name(i), name(to), { destinationPort: 22 });
      else large.flow(name(i), name(to));
    }
    const page = await open('', {}, large);
    await expect.poll(async () => await page.locator('.chip-place').count(), { timeout: WAIT_MS }).toBe(1_000);
    await expect.poll(async () => (await inked(page)).length, { timeout: WAIT_MS }).toBeGreaterThan(1);
    await shot(page, 'thousand');
    // What is drawn of the table is what is seen of it.
    expect(Number(await page.getByRole('grid').getAttribute('aria-rowcount'))).toBeGreaterThan(60);
    expect(await page.locator('.rows .row').count()).toBeLessThan(60);
    expect(await faintOn(page)).toEqual([]);
    await page.locator('.chip-place').nth(123).click();
    await page.getByRole('complementary', { name: 'Place' }).waitFor();
    await shot(page, 'thousand-one');
    await page.getByRole('button', { name: 'Fold all' }).click();
    await expect.poll(async () => await page.locator('.chip-place').count()).toBe(0);
    // Namespaces that nobody is in are not drawn, but for one that is asked for.
    await page.getByRole('button', { name: /^9,620 more namespaces/ }).waitFor();
    await page.goto(`${large.page.url}?q=ns:crowd-9999`);
    await page.locator('.space', { hasText: 'crowd-9999' }).waitFor();
    await shot(page, 'thousand-folded');
    // Of many tenants those come first of whom something is to be said, and it is said how the others stand.
    await page.keyboard.press('4');
    await page.getByRole('button', { name: 't250 to t299: broken' }).waitFor();
    expect(await page.locator('.matrix tbody th').allInnerTexts()).toEqual([
      't100',
      't250',
      't299',
      ...tenants.slice(1, 38),
    ]);
    await page.getByText('260 more tenants are not drawn').waitFor();
    await page.getByText(': 98 shared, 88,042 isolated.').waitFor();
    await page.getByLabel('Only tenants whose name has').fill('T20');
    await expect.poll(async () => await page.locator('.matrix tbody th').count()).toBe(10);
    await page.getByRole('button', { name: 't200 to t201: isolated' }).waitFor();
    await shot(page, 'many-tenants');
  });
});

/** The colours of the lines that are drawn on the map. */
const inked = async (page: Page) =>
  await page.evaluate<string[]>(`(() => {
    const canvas = document.querySelector('.viewport canvas');
    if (canvas === null || canvas.width === 0) return [];
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 100) found.add(data[i] > data[i + 1] ? 'dropped' : 'forwarded');
    return [...found];
  })()`);

/** All that is written or said, and elements that nobody of us made. Parts of classes are ours. */
const everything = async (page: Page) =>
  await page.evaluate<{ texts: string[]; elements: string[]; hacked: boolean }>(`(() => {
    const texts = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() !== null) texts.push(walker.currentNode.textContent);
    for (const element of document.querySelectorAll('#app *'))
      for (const { name, value } of element.attributes) if (name !== 'class') texts.push(value);
    const elements = [...document.querySelectorAll('#app script, #app iframe, #app img:not([src="/favicon.svg"])')];
    return { texts, elements: elements.map(({ outerHTML }) => outerHTML), hacked: 'hacked' in window };
  })()`);

/** What the network does: `cut` ends the stream that is read in the middle. */
const CUTTING = `(() => {
  const real = window.fetch;
  window.fetch = async (path, options) => {
    const answer = await real(path, options);
    if (!answer.ok || !path.startsWith('/api/view')) return answer;
    const way = new TransformStream({ start: (controller) => { window.cut = () => controller.error(new Error('cut')); } });
    answer.body.pipeTo(way.writable).catch(() => undefined);
    return new Response(way.readable, answer);
  };
})()`;

/** References to what is not there. */
const DANGLING = `[...document.querySelectorAll('*')].flatMap((element) =>
  ['aria-describedby', 'aria-labelledby', 'aria-controls', 'aria-activedescendant', 'for', 'list']
    .flatMap((name) => (element.getAttribute(name) ?? '').split(' '))
    .filter((id) => id !== '' && document.getElementById(id) === null))`;

/** What has the focus, where it is not wholly within the map. */
const HIDDEN_FOCUS = `(() => {
  const box = document.activeElement.getBoundingClientRect();
  const frame = document.querySelector('.viewport').getBoundingClientRect();
  const isSeen = box.left >= frame.left && box.top >= frame.top && box.right <= frame.right && box.bottom <= frame.bottom;
  return isSeen ? '' : JSON.stringify([box, frame]);
})()`;

/** What can be used, and lies beside the screen where nothing scrolls to it. */
const beyond = async (page: Page) =>
  await page.evaluate<string[]>(`[...document.querySelectorAll('button, input, select, a, [tabindex="0"]')]
    .filter((element) => element.checkVisibility() && element.closest('.viewport, .matrix, .hidden') === null)
    .filter((element) => {
      const { left, right } = element.getBoundingClientRect();
      return left < -1 || right > innerWidth + 1;
    })
    .map(({ outerHTML }) => outerHTML)`);

const nameless = async (page: Page) =>
  await page.evaluate<string[]>(`[...document.querySelectorAll('button, input, select, [tabindex]')]
    .filter((element) => !(element.getAttribute('aria-label') ?? element.textContent ?? '').trim())
    .filter((element) => element.labels?.length !== 1)
    .map(({ outerHTML }) => outerHTML)`);

function remedyOf(name: string): WhyView {
  const end = { name, identity: 1_000, labels: [] };
  const step = (verdict: 'allowed' | 'denied', direction: 'egress' | 'ingress', reason: string) => ({
    direction,
    verdict,
    enforced: true,
    reason,
  });
  return {
    trace: {
      verdict: 'denied',
      from: end,
      to: end,
      port: 9090,
      protocol: 'TCP',
      steps: [step('denied', 'egress', `no rule of ${name}`)],
    },
    change: {
      after: [step('allowed', 'egress', `rule 0 of ${name}`), step('allowed', 'ingress', `the floor of ${name}`)],
      policies: [{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: 'shop' } }],
      opens: [{ from: 'shop/other', to: 'shop/api', packets: ['TCP 9090'] }],
      closes: name === 'let-teller-in' ? [] : [{ from: name, to: name, packets: [name] }],
      more: 0,
    },
  };
}

function proofOf(isReached: boolean): VerifyView {
  const packet = {
    from: 'shop/web',
    to: 'bank/ledger',
    protocol: 'TCP',
    port: 5432,
    claimed: 'dropped' as const,
    sent: 'passed' as const,
  };
  const between = { from: 'shop/web', to: 'bank/ledger', packets: 'TCP 5432' };
  return {
    node: 'node-1',
    at: new Date().toISOString(),
    revision: 7,
    tookMs: 12.5,
    good: false,
    tenants: [],
    counts: { tenants: 2, identities: 6, endpoints: 6, policies: 3 },
    pairs: [
      { from: 'acme', to: 'money', standing: 'broken', shares: 0 },
      { from: 'money', to: 'acme', standing: 'isolated', shares: 0 },
    ],
    differences: [
      { layer: 'policy', effect: 'opens', ...between, pairs: 1, rows: ['policy row 7'], meant: ['nothing'], packet },
    ],
    more: 0,
    asked: {
      from: 'acme',
      to: 'money',
      pairs: 4,
      reached: isReached ? [{ ...between, why: ['policy row 7'], packet }] : [],
      more: 0,
    },
  };
}

function serviceOf(address: string) {
  return {
    namespace: 'shop',
    name: 'front',
    type: 'ClusterIP',
    state: 'applied' as const,
    steering: [],
    frontends: [
      { kind: 'ClusterIP' as const, address: '10.96.0.7', port: 80, protocol: 'TCP', served: true, backends: 1 },
    ],
    backends: [{ address, port: 8080, protocol: 'TCP', state: 'ready' as const, local: true }],
    backendCount: 1,
    problems: [],
  };
}
