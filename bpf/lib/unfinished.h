// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Checksums that are still to be written. Sockets leave a packet's checksum to whoever sends it out
 * of the machine, and say where it goes (CHECKSUM_PARTIAL: csum_start, csum_offset). So may raw
 * frames (PACKET_VNET_HDR), with any two places: the stack or the card then overwrites two bytes
 * of an address or a port after the verdict. */
#pragma once

#include "packet.h"

#define EINVAL 22

/* True when a checksum is to be written. The kernel does not say so to programs; but it counts a
 * level of checksums that are known to be good, from none at all to one, and not where the checksum
 * is unfinished. */
static __always_inline bool is_unfinished(struct __sk_buff *skb)
{
	if (bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0)
		return false;
	bpf_csum_level(skb, BPF_CSUM_LEVEL_INC);
	if (bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0) {
		bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC);
		return false;
	}
	/* A card's sum over the whole packet, which is changed with every change of it. */
	return bpf_csum_update(skb, 0) < 0;
}

/* True when a checksum is to be written anywhere but behind what was judged: the place for it in
 * the transport header, or the payload, where the sender may write whatever it likes. The kernel
 * does not say where either, but shortens no packet to less than that place: asked to, it refuses
 * and has done nothing. Where it does shorten the packet, that is one to be dropped. Called before
 * the packet is changed; pointers into it are void afterwards. */
VERIFIED_ONCE int unfinished_elsewhere(struct __sk_buff *skb, const struct packet *p)
{
	__u32 place;

	if (!p || !is_unfinished(skb))
		return 0;
	/* No socket sends fragments like that. */
	if (p->fragment != FRAGMENT_NONE)
		return 1;
	switch (p->protocol) {
	case IPPROTO_TCP:
		place = p->l4 + offsetof(struct tcphdr, check);
		break;
	case IPPROTO_UDP:
		place = p->l4 + offsetof(struct udphdr, check);
		break;
	case IPPROTO_SCTP:
		place = p->l4 + offsetof(struct sctphdr, checksum);
		break;
	default:
		/* The kernel writes ICMP's itself, and errors are judged to the end of what they
		 * quote. */
		return 1;
	}
	return bpf_skb_change_tail(skb, place + sizeof(__sum16) - 1, 0) != -EINVAL;
}
