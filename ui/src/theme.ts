import { effect, signal } from '@preact/signals';

const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
const KEY = 'membrane-theme';

/** Who lets no page keep anything has the colours of his system. */
function kept(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function keep(name: Theme): void {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // It holds until the page is loaded anew.
  }
}

export const theme = signal<Theme>(THEMES.find((name) => name === kept()) ?? 'system');
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
/** Counts changes: what is drawn by hand follows it. */
export const painted = signal(0);

systemIsDark.addEventListener('change', () => {
  painted.value += 1;
});
effect(() => {
  const name = theme.value;
  keep(name);
  if (name === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = name;
  painted.value = painted.peek() + 1;
});

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
}
