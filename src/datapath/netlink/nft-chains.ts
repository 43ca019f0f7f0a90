import { NetlinkSocket } from './netlink.ts';
import { parseAttributes } from './netlink-message.ts';

/** A chain of the packet filter. */
export type FilterChain = {
  /** `nft`: nftables, and iptables that is built on it. `legacy`: iptables of old. */
  readonly engine: 'nft' | 'legacy';
  readonly family: string;
  readonly table: string;
  readonly chain: string;
};

/** include/uapi/linux/netfilter/{nfnetlink,nf_tables}.h */
const NETLINK_NETFILTER = 12;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETCHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 4;
const NFTA_CHAIN = { table: 1, name: 3 } as const;
const GENERIC_HEADER = 4;
/** include/uapi/linux/netfilter.h */
const FAMILIES: Readonly<Record<number, string>> = {
  1: 'inet',
  2: 'ip',
  3: 'arp',
  5: 'netdev',
  7: 'bridge',
  10: 'ip6',
};

/** All chains of nftables in this network namespace. Throws E_DATAPATH_NETLINK, also where the kernel has none. */
export async function listNftChains(): Promise<FilterChain[]> {
  using socket = NetlinkSocket.open(undefined, NETLINK_NETFILTER);
  const replies = await socket.dump(NFT_MSG_GETCHAIN, new Uint8Array(GENERIC_HEADER));
  return replies.map(({ payload }) => {
    const attributes = parseAttributes(payload.subarray(GENERIC_HEADER));
    const family = payload[0] ?? 0;
    return {
      engine: 'nft',
      family: FAMILIES[family] ?? String(family),
      table: text(attributes.get(NFTA_CHAIN.table)),
      chain: text(attributes.get(NFTA_CHAIN.name)),
    };
  });
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? [])
    .toString()
    .replace(/\0.*$/s, '');
}
