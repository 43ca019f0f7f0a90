export { AddressPool } from './addresses.ts';
export {
  type AddResult,
  addAnswer,
  CNI_NOT_AVAILABLE,
  type CniAnswer,
  cniErrorNumber,
  emptyAnswer,
  errorAnswer,
  versionAnswer,
} from './cni-answer.ts';
export { CNI_TAKEN, type CniFrame, CniFrameReader, encodeAnswer } from './cni-protocol.ts';
export {
  type Attachment,
  answerVersion,
  type CniRequest,
  type NetworkConfig,
  type PodRef,
  parseCniRequest,
} from './cni-request.ts';
export { type CniVersion, LATEST_CNI_VERSION } from './cni-versions.ts';
export { EndpointIds, LAST_ENDPOINT_ID } from './endpoint-ids.ts';
export { endpointErrors } from './errors.ts';
export {
  ENDPOINT_STATES,
  type EndpointEvent,
  type EndpointState,
  type EndpointWord,
  isConnected,
  mayOpen,
  nextState,
} from './lifecycle.ts';
export {
  attachmentKey,
  decodeRecord,
  type EndpointRecord,
  encodeRecord,
  endpointOfIfname,
  hostIfnameOf,
  podMacOf,
} from './record.ts';
export { planRestore, type RestoreInput, type RestoreStep } from './restore.ts';
