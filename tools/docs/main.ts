/** Writes the pages of docs/ that follow from the code; `--check` fails when one is not up to date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { configPage } from './config-page.ts';
import { errorsPage } from './errors-page.ts';

const PAGES = { 'docs/ERRORS.md': errorsPage, 'docs/CONFIG.md': configPage };

for (const [path, render] of Object.entries(PAGES)) {
  const file = new URL(`../../${path}`, import.meta.url);
  const wanted = await render();
  if (!process.argv.includes('--check')) writeFileSync(file, wanted);
  else if (readFileSync(file, 'utf8') !== wanted) {
    console.error(`${path} is not up to date: run \`npm run gen\``);
    process.exitCode = 1;
  }
}
