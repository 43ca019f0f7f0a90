export {
  type Addr,
  addrBytes,
  addrBytes16,
  addrFamily,
  addrFromBytes,
  addrFromValue,
  addrValue,
  type Family,
  isAddr,
  parseAddr,
} from './addr.ts';
export { netErrors } from './errors.ts';
export { type Mac, macBytes, macFromBytes, macOfAddr, parseMac } from './mac.ts';
export { ALL_PORTS, type PortPrefix, type PortRange, portPrefixes, portRange } from './port-range.ts';
export { Prefix } from './prefix.ts';
export { PROTOCOL_NUMBERS, type Protocol, protocolName } from './protocol.ts';
