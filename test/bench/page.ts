import type { Family } from './row.ts';

export const page: Family = {
  name: 'ui',
  rows: ['ui.load', 'ui.frame'],
  run: async (report) => {
    // A browser's driver is half of what there is to load, and a collector of garbage would go over it in all other families.
    const { pageInBrowser } = await import('./page-in-browser.ts');
    await pageInBrowser(report);
  },
};
