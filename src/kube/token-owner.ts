import { findConnection } from './access/index.ts';
import { KubeClient } from './client.ts';
import { Reviews } from './reviews.ts';

type TokenOwnerOptions = {
  readonly kubeconfig: string | undefined;
  readonly apiServer: string | undefined;
  /** Who asks may show a certificate instead: an API server that nobody has said is not needed then. */
  readonly knowsCertificates: boolean;
};

/** Whose a token is, as the API server says; undefined: nobody is asked, and no token is known. */
export function tokenOwner({ kubeconfig, apiServer, knowsCertificates }: TokenOwnerOptions) {
  try {
    const reviews = new Reviews(new KubeClient(findConnection({ kubeconfig, apiServer })));
    return async (token: string) => await reviews.ofToken(token);
  } catch (error) {
    if (kubeconfig === undefined && knowsCertificates) return undefined;
    throw error;
  }
}
