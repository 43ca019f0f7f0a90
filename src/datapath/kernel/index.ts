/** System calls and files: FFI to libbpf, bpf(2), ELF objects and their BTF, what this kernel can do. */
export { BPFFS, ensureBpffs, isBpffs, removePins } from './bpffs.ts';
export { type Codec, enumName, readAddr, writeAddr } from './codec.ts';
export { ErrnoError, errnoName, hasErrno } from './errno.ts';
export { type LinkFd, type MapFd, OwnedFd, type ProgFd } from './fd.ts';
export { heldObjects, memlockBytes } from './fd-info.ts';
export { folderStamp } from './folder-stamp.ts';
export { kernelError } from './kernel-error.ts';
export {
  BpfObject,
  bindAndListen,
  bindSocket,
  closeFd,
  deviceIoctl,
  inNetns,
  ioctl,
  type LoadFailure,
  Mapping,
  onReadable,
  openPipe,
  openSocket,
  pageSize,
  readSocketOption,
  receiveFrom,
  sendAsync,
  socketOption64,
} from './libbpf.ts';
export { MAP_TYPES, type MapSpec } from './map-spec.ts';
export { type ObjectSpec, readObjectSpec } from './object-spec.ts';
export { type Feature, requireFeatures } from './probe.ts';
export {
  cgroupAttached,
  cgroupLinkCreate,
  cgroupLinkInfo,
  cgroupQuery,
  duplicateProgram,
  linkDetach,
  linkInfo,
  linkUpdate,
  mapById,
  mapCreate,
  mapDelete,
  mapDeleteBatch,
  mapInfo,
  mapInsert,
  mapLookup,
  mapLookupBatch,
  mapUpdate,
  mapUpdateBatch,
  objectGet,
  objectPin,
  type ProgInfo,
  progById,
  progInfo,
  progTestRun,
  TCX_EGRESS,
  TCX_INGRESS,
  tcxLinkCreate,
  tcxQuery,
  xdpLinkCreate,
} from './syscall.ts';
export { summariseLog } from './verifier-log.ts';
