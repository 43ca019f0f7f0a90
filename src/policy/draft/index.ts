export {
  addressPeer,
  type DraftPeer,
  type DraftPort,
  draftName,
  draftOf,
  type NetworkPolicyDraft,
  peerOf,
  podsOf,
} from './draft.ts';
export { type DraftSelector, lasting } from './selector.ts';
