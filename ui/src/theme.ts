import { effect, signal } from '@preact/signals';

const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
const KEY = 'membrane-theme';

export const theme = signal<Theme>(THEMES.find((name) => name === localStorage.getItem(KEY)) ?? 'system');
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
/** Counts changes: what is drawn by hand follows it. */
export const painted = signal(0);

systemIsDark.addEventListener('change', () => {
  painted.value += 1;
});
effect(() => {
  const name = theme.value;
  localStorage.setItem(KEY, name);
  if (name === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = name;
  painted.value = painted.peek() + 1;
});

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
}
