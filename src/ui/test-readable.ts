import type { CDPSession, Page } from 'playwright-core';

/** What cannot be read, or made out: which text or edge, and by how much it falls short. */
export type Faint = { readonly what: string; readonly ratio: number; readonly least: number };

/** By WCAG 2.2, 1.4.3 and 1.4.11 at AA: all text that is drawn now, edges of fields and places, lines of the map and marks of nodes. */
export async function faintOn(page: Page): Promise<Faint[]> {
  return await page.evaluate<Faint[]>(`(() => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    /** Whatever a colour is written as. */
    const rgba = (css) => {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = css;
      context.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
    const light = (rgb) => {
      const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (a, b) => {
      const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
      return (high + 0.05) / (low + 0.05);
    };
    const ancestors = (element) => (element === null ? [] : [element, ...ancestors(element.parentElement)]);
    const opacity = (element) => ancestors(element).reduce((all, one) => all * Number(getComputedStyle(one).opacity), 1);
    /** What lies under an element, itself first: what is placed over something else is not in it. */
    const under = (element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      const stack = document.elementsFromPoint(left + width / 2, top + height / 2);
      const at = stack.indexOf(element);
      return at < 0 ? ancestors(element) : stack.slice(at);
    };
    const ground = (elements) =>
      elements.reduceRight((below, one) => {
        const [r, g, b, a] = rgba(getComputedStyle(one).backgroundColor);
        return over([r, g, b, a * opacity(one)], below);
      }, over(rgba(getComputedStyle(document.documentElement).backgroundColor), [255, 255, 255]));
    const faint = [];
    const judge = (what, css, alpha, behind, least) => {
      const [r, g, b, a] = rgba(css);
      const found = ratio(over([r, g, b, a * alpha], behind), behind);
      if (found < least) faint.push({ what, ratio: Math.round(found * 100) / 100, least });
    };
    const called = (element) => element.tagName.toLowerCase() + '.' + (element.getAttribute('class') ?? '');
    const isDrawn = (element) => {
      const { width, height } = element.getBoundingClientRect();
      const isShown = element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
      return isShown && width > 1 && height > 1 && element.closest(':disabled, .hidden') === null;
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() !== null) {
      const { textContent, parentElement: element } = walker.currentNode;
      if (textContent.trim() === '' || element.closest('option, datalist, noscript') !== null || !isDrawn(element)) continue;
      const { color, fontSize, fontWeight } = getComputedStyle(element);
      const size = Number.parseFloat(fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700);
      judge(called(element) + ' ' + textContent.trim().slice(0, 30), color, opacity(element), ground(under(element)), isLarge ? 3 : 4.5);
    }
    for (const element of document.querySelectorAll('input:not([type=range]), select, .chip-place, .timeline .window')) {
      if (!isDrawn(element)) continue;
      const { borderLeftColor } = getComputedStyle(element);
      judge('the edge of ' + called(element), borderLeftColor, opacity(element), ground(under(element).slice(1)), 3);
      if (element.placeholder)
        judge('what may be said in ' + called(element), getComputedStyle(element, '::placeholder').color, 1, ground(under(element)), 4.5);
    }
    for (const element of document.querySelectorAll('.nodes li'))
      judge('the mark of ' + called(element), getComputedStyle(element, '::before').backgroundColor, 1, ground(under(element)), 3);
    for (const element of document.querySelectorAll('.viewport, .timeline .line')) {
      const style = getComputedStyle(element);
      for (const name of ['--forwarded', '--dropped', '--focus'])
        judge(name + ' on ' + called(element), style.getPropertyValue(name), name === '--focus' ? 1 : 0.78, ground(under(element)), 3);
    }
    return faint;
  })()`);
}

/** Of a thing that a screen reader tells of. */
export type Told = { readonly role: string; readonly name: string; readonly isFocusable: boolean };

/** What the browser tells a screen reader, in its order. */
export async function toldOn(session: CDPSession): Promise<Told[]> {
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  return nodes.flatMap(({ ignored, role, name, properties = [] }) => {
    if (ignored) return [];
    const isFocusable = properties.some((one) => one.name === 'focusable' && one.value.value === true);
    return [{ role: String(role?.value ?? ''), name: String(name?.value ?? '').trim(), isFocusable }];
  });
}

/** What Tab comes to, from the beginning of the page until it leaves it: role and name, or what else it is called by. */
export async function tabbed(page: Page, most = 200): Promise<string[]> {
  const found: string[] = [];
  await page.evaluate('document.activeElement?.blur()');
  for (let i = 0; i < most; i += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate<string | undefined>(`(() => {
      const element = document.activeElement;
      if (element === null || element === document.body) return undefined;
      const name = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '';
      return element.tagName.toLowerCase() + ' ' + name.trim();
    })()`);
    if (at === undefined) return found;
    found.push(at);
  }
  throw new Error(`Tab does not leave the page after ${most} steps, of which the last was ${found.at(-1)}`);
}
