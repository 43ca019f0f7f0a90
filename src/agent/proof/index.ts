export { endName, podNames, seenName } from './names.ts';
export { openProof, type Proofs } from './open-proof.ts';
export type { ProofWatch } from './proof-watch.ts';
export type { Verifier } from './verify.ts';
