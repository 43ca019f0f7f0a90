import { errorTable } from '../../base/index.ts';

export const apiServerErrors = errorTable({
  E_API_DATABASE: {
    what: 'the database of the sandbox API server cannot be opened',
    remedy:
      'stop the other sandbox that uses it, or give another path; a damaged file can be deleted (the sandbox starts empty)',
  },
  E_API_CERTIFICATE: {
    what: 'the certificate of the sandbox API server could not be made',
    remedy: 'install openssl (apt-get install openssl) and see that the temporary directory can be written',
  },
  E_API_LISTEN: {
    what: 'the sandbox API server cannot listen',
    remedy: 'choose another port, or stop the program that uses it',
  },
  E_API_RESOURCE: {
    what: 'the sandbox API server does not know this resource',
    remedy: 'use the plural name of a resource that `kubectl api-resources` lists',
  },
});
