export { type Authorities, bundleOf, leafOf, rotate } from './authority.ts';
export { isPair, type KeyPair } from './x509.ts';
