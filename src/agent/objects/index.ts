/** The objects of the API: how they come in, and what is told about them there. */
export type { EndpointsTeller } from './endpoints-teller.ts';
export { openIdentities } from './open-identities.ts';
export { type Objects, openObjects } from './open-objects.ts';
export type { Receipt } from './receipt.ts';
export { type Reflection, reflectorDetail, unreadableTexts } from './reflection.ts';
