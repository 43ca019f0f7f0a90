import type { Box } from './layout.ts';
import type { Line } from './lines.ts';

export type Camera = { readonly x: number; readonly y: number; readonly k: number };

type Point = { readonly x: number; readonly y: number };
type Curve = { readonly start: Point; readonly bend: Point; readonly end: Point };

/** Draws all lines; those of `focus` in front, and the others faint while there is one. */
export function paint(
  canvas: HTMLCanvasElement,
  lines: readonly Line[],
  camera: Camera,
  focus: ReadonlySet<string>,
): void {
  const scale = devicePixelRatio;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  if (context === null) return;
  const style = getComputedStyle(canvas);
  const colours = { forwarded: style.getPropertyValue('--forwarded'), dropped: style.getPropertyValue('--dropped') };
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.setTransform(scale * camera.k, 0, 0, scale * camera.k, scale * camera.x, scale * camera.y);
  context.lineCap = 'round';
  const isNear = ({ from, to }: Line): boolean => focus.size === 0 || focus.has(from) || focus.has(to);
  // Faint ones first, drops last: what matters is in front.
  const sorted = lines.toSorted(
    (a, b) => Number(isNear(a)) - Number(isNear(b)) || Math.sign(a.dropped) - Math.sign(b.dropped),
  );
  const seen = viewOf(canvas, camera);
  for (const line of sorted) {
    const curve = curveOf(line);
    if (!touches(curve, seen)) continue;
    const near = isNear(line);
    const { forwarded, dropped } = line;
    if (forwarded > 0)
      stroke(context, curve, { colour: colours.forwarded, count: forwarded, near, k: camera.k, dashed: false });
    if (dropped > 0)
      stroke(context, curve, { colour: colours.dropped, count: dropped, near, k: camera.k, dashed: forwarded > 0 });
  }
  context.globalAlpha = 1;
}

type Stroke = {
  readonly colour: string;
  readonly count: number;
  readonly near: boolean;
  readonly k: number;
  readonly dashed: boolean;
};

function stroke(context: CanvasRenderingContext2D, curve: Curve, { colour, count, near, k, dashed }: Stroke): void {
  const { start, bend, end } = curve;
  const width = Math.min(6, 1.2 + Math.log10(1 + count) * 1.1) / Math.max(0.5, Math.min(1, k * 1.2));
  context.globalAlpha = near ? 0.78 : 0.08;
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dashed ? [7, 7] : []);
  context.beginPath();
  context.moveTo(start.x, start.y);
  context.quadraticCurveTo(bend.x, bend.y, end.x, end.y);
  context.stroke();
  // Which way: a head in the last part, where many come together.
  const at = pointOf(curve, 0.72);
  const before = pointOf(curve, 0.68);
  const angle = Math.atan2(at.y - before.y, at.x - before.x);
  const size = Math.min(4.5 + width * 1.1, Math.hypot(end.x - start.x, end.y - start.y) * 0.3 + 2);
  context.beginPath();
  context.moveTo(at.x + Math.cos(angle) * size, at.y + Math.sin(angle) * size);
  context.lineTo(at.x + Math.cos(angle + 2.5) * size, at.y + Math.sin(angle + 2.5) * size);
  context.lineTo(at.x + Math.cos(angle - 2.5) * size, at.y + Math.sin(angle - 2.5) * size);
  context.fill();
}

/** The line nearest to a point of the map, if it is as near as a hand can tell. */
export function lineAt(lines: readonly Line[], point: Point, k: number): Line | undefined {
  let nearest: { line: Line; distance: number } | undefined;
  for (const line of lines) {
    const curve = curveOf(line);
    for (let t = 0; t <= 1; t += 0.04) {
      const at = pointOf(curve, t);
      const distance = Math.hypot(at.x - point.x, at.y - point.y);
      if (distance < 9 / k && distance < (nearest?.distance ?? Number.POSITIVE_INFINITY)) nearest = { line, distance };
    }
  }
  return nearest?.line;
}

/** There and back are two lines. What is in one column is joined at its side, or the line would lie on what is between. */
function curveOf({ a, b }: Line): Curve {
  const start = centre(a);
  const end = centre(b);
  const dx = end.x - start.x;
  const dy = end.y - start.y;
  if (Math.abs(dx) < Math.min(a.w, b.w) / 2 && Math.abs(dy) < 400) {
    const side = dy > 0 ? 1 : -1;
    const from = { x: start.x + (side * a.w) / 2, y: start.y };
    const to = { x: end.x + (side * b.w) / 2, y: end.y };
    const out = side * Math.max(a.w, b.w) * 0.12 + side * (14 + Math.abs(dy) * 0.22);
    return { start: from, bend: { x: (from.x + to.x) / 2 + out, y: (start.y + end.y) / 2 }, end: to };
  }
  const bend = { x: (start.x + end.x) / 2 - dy * 0.14, y: (start.y + end.y) / 2 + dx * 0.14 };
  return { start: border(a, bend), bend, end: border(b, bend) };
}

const centre = ({ x, y, w, h }: Box): Point => ({ x: x + w / 2, y: y + h / 2 });

/** Where the way from the middle to a point leaves the box. */
function border(box: Box, to: Point): Point {
  const { x, y } = centre(box);
  const dx = to.x - x;
  const dy = to.y - y;
  if (dx === 0 && dy === 0) return { x, y };
  const t = Math.min(1, Math.min(box.w / 2 / Math.max(1e-6, Math.abs(dx)), box.h / 2 / Math.max(1e-6, Math.abs(dy))));
  return { x: x + dx * t, y: y + dy * t };
}

function pointOf({ start, bend, end }: Curve, t: number): Point {
  const s = 1 - t;
  return {
    x: s * s * start.x + 2 * s * t * bend.x + t * t * end.x,
    y: s * s * start.y + 2 * s * t * bend.y + t * t * end.y,
  };
}

function viewOf({ clientWidth, clientHeight }: HTMLCanvasElement, { x, y, k }: Camera): Box {
  return { x: -x / k, y: -y / k, w: clientWidth / k, h: clientHeight / k };
}

function touches({ start, bend, end }: Curve, { x, y, w, h }: Box): boolean {
  const xs = [start.x, bend.x, end.x];
  const ys = [start.y, bend.y, end.y];
  return Math.max(...xs) >= x && Math.min(...xs) <= x + w && Math.max(...ys) >= y && Math.min(...ys) <= y + h;
}
