/** Where an arrow leads from the button that has the focus: on and back in their order, up and down to the nearest. Undefined: nowhere. */
export function neighbour({ key, target }: KeyboardEvent, within: Element | null): HTMLElement | undefined {
  if (!(target instanceof HTMLButtonElement) || within === null) return undefined;
  const all = [...within.querySelectorAll('button')];
  const at = all.indexOf(target);
  switch (key) {
    case 'ArrowRight':
      return all[at + 1];
    case 'ArrowLeft':
      return all[at - 1];
    case 'Home':
      return all[0];
    case 'End':
      return all.at(-1);
    case 'ArrowDown':
      return nearest(target, all, 1);
    case 'ArrowUp':
      return nearest(target, all, -1);
    default:
      return undefined;
  }
}

function nearest(from: Element, all: readonly HTMLElement[], way: 1 | -1): HTMLElement | undefined {
  const start = centre(from);
  let found: { button: HTMLElement; cost: number } | undefined;
  for (const button of all) {
    const { x, y } = centre(button);
    const along = (y - start.y) * way;
    // What is beside is not beneath.
    if (along < 2) continue;
    const cost = along + 2 * Math.abs(x - start.x);
    if (cost < (found?.cost ?? Number.POSITIVE_INFINITY)) found = { button, cost };
  }
  return found?.button;
}

function centre(element: Element): { x: number; y: number } {
  const { left, top, width, height } = element.getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}
