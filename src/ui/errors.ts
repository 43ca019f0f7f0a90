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
    what: 'the page would be served to other machines without knowing to whom, or for everybody to read',
    remedy:
      'Take 127.0.0.1 or ::1, and a tunnel (ssh -L) from elsewhere; or serve a cluster (peerService) with listen.certFile and listen.keyFile.',
  },
  E_UI_LOGIN: {
    what: 'nobody has logged in, or what was shown does not hold any more',
    remedy: 'Log in with a token of Kubernetes: `kubectl create token NAME`.',
  },
  E_UI_NODES: {
    what: 'the nodes tell nothing any more',
    remedy: 'They are asked again by themselves; see that the agents run.',
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
    remedy:
      'Open the page at the address that `membrane ui` prints: 127.0.0.1, [::1], localhost, or one of listen.names.',
  },
  E_UI_PORT: {
    what: 'the page cannot be served there',
    remedy: 'Choose another port with --port, or end whoever has it.',
  },
  E_UI_QUERY: {
    what: 'what is asked for cannot be read',
    remedy: 'Correct the filter; docs/OBSERVING.md has its fields.',
  },
  E_UI_TLS: {
    what: 'the certificate of the page cannot be used',
    remedy: 'Check that listen.certFile and listen.keyFile are PEM files that belong together.',
  },
  E_UI_TOKEN: {
    what: 'this is no token of the cluster, or not any more',
    remedy: 'Take a new one: `kubectl create token NAME`.',
  },
});
