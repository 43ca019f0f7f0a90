export { openProof } from './open-proof.ts';
export type { Verifier } from './verify.ts';
