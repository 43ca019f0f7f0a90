/** Writes what follows from the code, pages of docs/ and files that others read in its stead; `--check` fails when one is not up to date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { configPage } from './config-page.ts';
import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-page.ts';
import { placesFile } from './places-file.ts';
import { verbsFile } from './verbs-file.ts';

const FILES = {
  'docs/ERRORS.md': errorsPage,
  'docs/CONFIG.md': configPage,
  'docs/METRICS.md': metricsPage,
  'src/api/gen/places.ts': placesFile,
  'src/cli/gen/verbs.ts': verbsFile,
};

for (const [path, render] of Object.entries(FILES)) {
  const file = new URL(`../../${path}`, import.meta.url);
  const wanted = await render();
  if (!process.argv.includes('--check')) writeFileSync(file, wanted);
  else if (readFileSync(file, 'utf8') !== wanted) {
    console.error(`${path} is not up to date: run \`npm run gen\``);
    process.exitCode = 1;
  }
}
