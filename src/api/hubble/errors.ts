import { errorTable } from '../../base/index.ts';

export const hubbleErrors = errorTable({
  E_HUBBLE_AWAY: {
    what: 'nobody says who asks, or what he may see',
    remedy: 'See why the API server does not answer; it is asked again by itself.',
  },
  E_HUBBLE_FORBIDDEN: {
    what: 'these flows are not for who asks',
    remedy:
      'Somebody who may give rights binds a role with the verbs list and watch on flows.membrane.io in a namespace (docs/OBSERVING.md).',
  },
  E_HUBBLE_HOST: {
    what: 'flows would be served to other machines without knowing to whom, or for everybody to read',
    remedy:
      'Set hubble.certFile and hubble.keyFile, and not hubble.open (of a relay: listen.certFile and its kin), or use 127.0.0.1 or ::1 as hubble.host.',
  },
  E_HUBBLE_NOBODY: {
    what: 'who asks has not shown who he is, or what he has shown does not hold any more',
    remedy: 'Show a token of Kubernetes (kubectl create token), or a certificate of an authority of users.',
  },
  E_HUBBLE_UNSAID: {
    what: 'a node does not say this now',
    remedy: 'Ask again; `membrane status` on that node says what it is busy with.',
  },
  E_HUBBLE_PORT: {
    what: 'the port for flows cannot be opened',
    remedy: 'Choose another hubble.port, or stop what uses it (ss -ltnp).',
  },
  E_HUBBLE_TLS: {
    what: 'the certificate for flows cannot be used',
    remedy:
      'Check that hubble.certFile and hubble.keyFile (of a relay: listen.certFile and listen.keyFile) are PEM files that belong together, and that the files of CAs hold certificates.',
  },
});
