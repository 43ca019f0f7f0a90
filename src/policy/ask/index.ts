export { type Explanation, explain, type Failed, type NearestMiss } from './explain.ts';
export { hasCidr, judge, peerMatches, type Question, selectsPod } from './oracle.ts';
export { type Party, partyOf } from './party.ts';
