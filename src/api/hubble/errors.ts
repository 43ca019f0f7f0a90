import { errorTable } from '../../base/index.ts';

export const hubbleErrors = errorTable({
  E_HUBBLE_HOST: {
    what: 'flows would be served to other machines without knowing to whom',
    remedy:
      'Set hubble.certFile, hubble.keyFile and hubble.clientCaFile, so that clients show a certificate, or use 127.0.0.1 or ::1 as hubble.host.',
  },
  E_HUBBLE_PORT: {
    what: 'the port for flows cannot be opened',
    remedy: 'Choose another hubble.port, or stop what uses it (ss -ltnp).',
  },
  E_HUBBLE_TLS: {
    what: 'the certificate for flows cannot be used',
    remedy: 'Check that hubble.certFile, hubble.keyFile and hubble.clientCaFile are PEM files that belong together.',
  },
});
