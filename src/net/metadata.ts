import { type Addr, parseAddr } from './addr.ts';

/**
 * Where clouds tell a machine who it is, and give out its credentials to whoever asks from it: AWS, Google, Azure, OpenStack
 * and most others; AWS of tasks; Alibaba; Oracle; and what of them there is of IPv6.
 */
export const METADATA_ADDRESSES: readonly Addr[] = [
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd20:ce::254',
  'fe80::a9fe:a9fe',
].map(parseAddr);

const KNOWN: ReadonlySet<Addr> = new Set(METADATA_ADDRESSES);

export const isMetadata = (addr: Addr): boolean => KNOWN.has(addr);
