import { useEffect, useRef, useState } from 'preact/hooks';
import { address, go, WINDOWS_S } from './address.ts';
import { painted } from './theme.ts';
import { clock, number } from './words.ts';
import { moments } from './world.ts';

/** Shown at a time; further back by the arrows. */
const SPAN_S = 600;

/** How much came when, and which part of it is looked at. Live at its right end. */
export function Timeline() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { until, windowS } = address.value;
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  // A time that is far back is in the middle of what is shown.
  const end = until === undefined || until > now - SPAN_S * 1_000 ? now : until + (SPAN_S / 2) * 1_000;
  const to = Math.floor(Math.min(end, now) / 1_000);
  const from = to - SPAN_S;
  const told = moments.value;
  const colours = painted.value;
  useEffect(() => {
    if (canvas.current !== null) draw(canvas.current, told, { from, to });
  }, [told, from, to, colours]);
  const at = Math.round((until ?? now) / 1_000);
  const choose = (second: number): void => {
    if (second >= Math.floor(now / 1_000) - 1) go({ until: undefined }, { replace: true });
    else go({ until: second * 1_000 }, { replace: true });
  };
  const left = Math.max(0, ((at - windowS - from) / SPAN_S) * 100);
  const right = Math.min(100, Math.max(0, ((at - from) / SPAN_S) * 100));
  const words = until === undefined ? `now, the last ${span(windowS)}` : `${span(windowS)} up to ${clock(until)}`;
  return (
    <section class="timeline" aria-label="Time">
      <button
        type="button"
        class="quiet"
        aria-label="A window back"
        title="A window back"
        onClick={() => choose(at - windowS)}
      >
        ‹
      </button>
      <div class="line">
        <canvas ref={canvas} aria-hidden="true" />
        <div class="window" style={{ left: `${left}%`, width: `${Math.max(0.5, right - left)}%` }} aria-hidden="true" />
        <input
          type="range"
          min={from}
          max={to}
          step={1}
          value={Math.min(to, Math.max(from, at))}
          aria-label="Look at another time"
          aria-valuetext={words}
          onChange={(event) => choose(Number(event.currentTarget.value))}
        />
        <span class="begin" aria-hidden="true">
          {clock(from * 1_000)}
        </span>
      </div>
      <button
        type="button"
        class="quiet"
        aria-label="A window on"
        title="A window on"
        disabled={until === undefined}
        onClick={() => choose(at + windowS)}
      >
        ›
      </button>
      <span class="words">{words}</span>
      <label>
        <span class="hidden">Window</span>
        <select value={windowS} onChange={(event) => go({ windowS: Number(event.currentTarget.value) })}>
          {WINDOWS_S.map((seconds) => (
            <option key={seconds} value={seconds}>
              {span(seconds)}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class={`live ${until === undefined ? 'on' : ''}`}
        aria-pressed={until === undefined}
        onClick={() => go({ until: until === undefined ? Math.floor(now) : undefined })}
      >
        {until === undefined ? 'live' : 'go live'}
      </button>
    </section>
  );
}

const span = (seconds: number): string => (seconds === 60 ? '1 minute' : `${number(seconds / 60)} minutes`);

type Range = { readonly from: number; readonly to: number };

function draw(canvas: HTMLCanvasElement, told: typeof moments.value, { from, to }: Range): void {
  const scale = devicePixelRatio;
  const width = canvas.clientWidth * scale;
  const height = canvas.clientHeight * scale;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  if (context === null) return;
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, width, height);
  const barPx = width / (to - from);
  let most = 1;
  for (const [second, { forwarded, dropped }] of told) {
    if (second >= from && second <= to) most = Math.max(most, forwarded + dropped);
  }
  // A flood must not make all else disappear.
  const heightOf = (count: number): number => (Math.log1p(count) / Math.log1p(most)) * (height - 2 * scale);
  for (const [second, { forwarded, dropped }] of told) {
    if (second < from || second > to) continue;
    const x = (second - from) * barPx;
    const all = heightOf(forwarded + dropped);
    const red = dropped === 0 ? 0 : Math.max(2 * scale, (all * dropped) / (forwarded + dropped));
    context.fillStyle = style.getPropertyValue('--forwarded');
    context.fillRect(x, height - all, Math.max(1, barPx * 0.8), all - red);
    context.fillStyle = style.getPropertyValue('--dropped');
    context.fillRect(x, height - red, Math.max(1, barPx * 0.8), red);
  }
}
