import type { EndpointId, IdentityId, PolicyRevision } from '../model/index.ts';
import { endpointErrors } from './errors.ts';

/**
 * creating: parts of it may exist, nothing passes. waiting-for-identity: complete and closed. ready: its word is set.
 * broken: complete, closed, and kept so whatever its pod is, because nobody knows what its programs would let pass.
 * disconnecting: closed for good, being taken apart.
 */
export const ENDPOINT_STATES = ['creating', 'waiting-for-identity', 'ready', 'broken', 'disconnecting'] as const;
export type EndpointState = (typeof ENDPOINT_STATES)[number];

/** What the endpoint's word states; absent = word 0, closed. */
export type EndpointWord = { readonly identity: IdentityId; readonly revision: PolicyRevision };

export type EndpointEvent =
  /** Its device exists, its programs are attached, its address is known to the datapath. */
  | { readonly type: 'connected' }
  /** The word was stored. */
  | { readonly type: 'opened' }
  /** Zero was stored: its pod is not known (any more), or has no identity yet. */
  | { readonly type: 'closed' }
  /** Zero was stored, and its programs are not what they should be. */
  | { readonly type: 'broke' }
  /** They are again. */
  | { readonly type: 'mended' }
  | { readonly type: 'delete' };

/** The state after `event`; E_ENDPOINT_TRANSITION for what cannot follow. */
export function nextState(id: EndpointId, state: EndpointState, event: EndpointEvent): EndpointState {
  switch (event.type) {
    case 'connected':
      if (state === 'creating') return 'waiting-for-identity';
      break;
    case 'opened':
      if (mayOpen(state)) return 'ready';
      break;
    case 'closed':
      if (mayOpen(state)) return 'waiting-for-identity';
      if (state === 'broken' || state === 'disconnecting') return state;
      break;
    case 'broke':
      if (isConnected(state)) return 'broken';
      break;
    case 'mended':
      if (state === 'broken') return 'waiting-for-identity';
      break;
    case 'delete':
      return 'disconnecting';
  }
  throw endpointErrors.make('E_ENDPOINT_TRANSITION', { detail: `endpoint ${id}: ${event.type} while ${state}` });
}

/** Complete: neither being made nor taken apart. */
export function isConnected(state: EndpointState): boolean {
  return mayOpen(state) || state === 'broken';
}

/** Only these may carry a word other than 0. */
export function mayOpen(state: EndpointState): boolean {
  return state === 'waiting-for-identity' || state === 'ready';
}
