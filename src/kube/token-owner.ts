import { type ConnectionWish, findConnection } from './access/index.ts';
import { KubeClient } from './client.ts';
import { Reviews } from './reviews.ts';

/** Every wish, said or not: none that a program has a key for is passed over. */
type TokenOwnerOptions = Readonly<Record<keyof ConnectionWish, string | undefined>> & {
  /** Who asks may show a certificate instead: an API server that nobody has said is not needed then. */
  readonly knowsCertificates: boolean;
};

/** Whose a token is, as the API server says; undefined: nobody is asked, and no token is known. */
export function tokenOwner({ knowsCertificates, ...wish }: TokenOwnerOptions) {
  try {
    const reviews = new Reviews(new KubeClient(findConnection(wish)));
    return async (token: string) => await reviews.ofToken(token);
  } catch (error) {
    if (wish.kubeconfig === undefined && knowsCertificates) return undefined;
    throw error;
  }
}
