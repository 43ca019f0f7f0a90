import { errorTable } from '../base/index.ts';

export const uiErrors = errorTable({
  E_UI_CONFIG: {
    what: 'the configuration of the page is not valid',
    remedy:
      'Correct the file, the flag or the variable; `membrane ui --help-config` and docs/CONFIG.md have every key.',
  },
  E_UI_CONFIG_FILE: {
    what: 'the configuration of the page cannot be read',
    remedy: 'Give the path of a YAML or JSON file with --config.',
  },
  E_UI_FULL: {
    what: 'as many look at flows as may at a time',
    remedy: 'Close a page that nobody looks at, and load this one again.',
  },
  E_UI_HOST: {
    what: 'the page is served on loopback only',
    remedy:
      'It asks nobody who they are, and shows the flows of everybody. Take 127.0.0.1 or ::1, and a tunnel (ssh -L) from elsewhere.',
  },
  E_UI_NOT_BUILT: {
    what: 'the page is not built',
    remedy: 'Run `npm run build`.',
  },
  E_UI_NOT_SANDBOX: {
    what: 'no agent of a sandbox runs here, and the page shows no other',
    remedy:
      "It asks nobody who they are, and shows the flows of everybody: any user of this machine could read them. Start a sandbox, or look with `membrane observe` or Hubble's clients.",
  },
  E_UI_ORIGIN: {
    what: 'the request comes from elsewhere',
    remedy: 'Open the page at the address that `membrane ui` prints: 127.0.0.1, [::1] or localhost.',
  },
  E_UI_PORT: {
    what: 'the page cannot be served there',
    remedy: 'Choose another port with --port, or end whoever has it.',
  },
  E_UI_QUERY: {
    what: 'what is asked for cannot be read',
    remedy: 'Correct the filter; docs/OBSERVING.md has its fields.',
  },
});
