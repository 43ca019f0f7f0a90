export {
  type Addr,
  addrBytes,
  addrBytes16,
  addrFamily,
  addrFromBytes,
  addrValue,
  type Family,
  isAddr,
  parseAddr,
} from './addr.ts';
export { internetChecksum } from './checksum.ts';
export { type Mac, macBytes, macFromBytes, macOfAddr, parseMac } from './mac.ts';
export { isMetadata, METADATA_ADDRESSES } from './metadata.ts';
export {
  type ArpSpec,
  buildDatagram,
  buildPacket,
  ETHERTYPE,
  type EthernetSpec,
  type Ipv4Spec,
  type Ipv6Spec,
  type PacketSpec,
  type RawNetworkSpec,
  type TcpFlag,
  type TransportSpec,
} from './packet.ts';
export { type PortPrefix, type PortRange, portPrefixes } from './port-range.ts';
export { Prefix } from './prefix.ts';
export { PrefixMap } from './prefix-map.ts';
export { PrefixSet } from './prefix-set.ts';
export { PROTOCOL_NUMBERS, type Protocol, protocolName } from './protocol.ts';
export { parseSloppyCidr, type SloppyCidr } from './sloppy-cidr.ts';
