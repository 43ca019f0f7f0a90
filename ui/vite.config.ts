import { defineConfig } from 'vite';

/** One page of one script and one sheet, with nothing inline: the server's content security policy allows neither. */
export default defineConfig({
  root: import.meta.dirname,
  build: {
    outDir: '../build/ui',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Of what is bundled, as their licences ask.
    license: { fileName: 'licenses.md' },
  },
  logLevel: 'warn',
});
