import type { Camera } from './paint.ts';

const LEAST = 0.08;
const MOST = 3;
const MARGIN = 16;
/** What stands in front of the map at its foot. */
const LEGEND = 32;
/** A pointer that moves less has clicked. */
const CLICK_PX = 4;

type Size = { readonly width: number; readonly height: number };

export const fitted = (world: Size, view: Size): Camera => {
  const room = { width: view.width - 2 * MARGIN, height: view.height - 2 * MARGIN - LEGEND };
  const k = Math.min(1.2, Math.max(LEAST, Math.min(room.width / world.width, room.height / world.height)));
  return { k, x: (view.width - world.width * k) / 2, y: MARGIN + Math.max(0, (room.height - world.height * k) / 2) };
};

/** The point under `at` stays where it is. */
export function zoomed({ x, y, k }: Camera, factor: number, at: { readonly x: number; readonly y: number }): Camera {
  const next = Math.min(MOST, Math.max(LEAST, k * factor));
  return { k: next, x: at.x - ((at.x - x) * next) / k, y: at.y - ((at.y - y) * next) / k };
}

/** Moves what is looked at by wheel, drag and two fingers. Returns what ends it. */
export function steer(
  element: HTMLElement,
  {
    camera,
    move,
    click,
  }: {
    readonly camera: () => Camera;
    readonly move: (camera: Camera) => void;
    readonly click: (x: number, y: number) => void;
  },
): () => void {
  const pointers = new Map<number, { x: number; y: number }>();
  let moved = 0;
  const ending = new AbortController();
  const { signal } = ending;
  const at = (event: MouseEvent) => {
    const { left, top } = element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  element.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const isPinch = event.ctrlKey;
      move(zoomed(camera(), Math.exp(-event.deltaY * (isPinch ? 0.01 : 0.0016)), at(event)));
    },
    { passive: false, signal },
  );
  element.addEventListener(
    'pointerdown',
    (event) => {
      if (event.button !== 0) return;
      if (pointers.size === 0) moved = 0;
      pointers.set(event.pointerId, at(event));
    },
    { signal },
  );
  element.addEventListener(
    'pointermove',
    (event) => {
      const before = pointers.get(event.pointerId);
      if (before === undefined) return;
      const now = at(event);
      const { x, y, k } = camera();
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      pointers.set(event.pointerId, now);
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      if (moved <= CLICK_PX) return;
      element.setPointerCapture(event.pointerId);
      if (other === undefined) move({ k, x: x + now.x - before.x, y: y + now.y - before.y });
      else {
        const spread = Math.hypot(before.x - other.x, before.y - other.y);
        const factor = spread === 0 ? 1 : Math.hypot(now.x - other.x, now.y - other.y) / spread;
        move(zoomed(camera(), factor, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }));
      }
    },
    { signal },
  );
  for (const name of ['pointerup', 'pointercancel'] as const) {
    element.addEventListener(
      name,
      (event) => {
        const { x, y } = at(event);
        const wasDown = pointers.delete(event.pointerId);
        const isBare =
          event.target === element ||
          (event.target instanceof Element && event.target.matches('.world, canvas, .island, .space'));
        if (name === 'pointerup' && wasDown && isBare && moved <= CLICK_PX) click(x, y);
      },
      { signal },
    );
  }
  return () => ending.abort();
}
