// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A packet of a pod whose time to live ends at this node, which is its first hop: the pod is told,
 * as by any router (RFC 1812, 4.3.3 and 5.3.1). The stack does not see packets to the world, and
 * would deliver some that are not for it. */
#pragma once

#include "flow.h"
#include "packet.h"

/* RFC 792: the IP header and eight bytes behind it. */
#define QUOTED 28

struct exceeded {
	__u8 align[2]; /* not of the frame: puts what follows on words */
	struct ethhdr eth;
	struct iphdr ip;
	struct icmphdr icmp;
	__u8 quoted[QUOTED];
} __attribute__((packed));

#define FRAME_LENGTH (sizeof(struct exceeded) - offsetof(struct exceeded, eth))

static __always_inline __sum16 checksum_of(void *data, __u32 length)
{
	__u32 sum = bpf_csum_diff(0, 0, data, length, 0);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Turns the packet into the message and hands it to its sender. What the program returns. */
VERIFIED_ONCE int time_exceeded(struct __sk_buff *skb, const struct flow *flow)
{
	struct exceeded message = {};

	/* Never about another error, or what has no transport header. */
	if (!flow || flow->packet.kind == PACKET_ERROR || flow->packet.fragment == FRAGMENT_LATER)
		return TC_ACT_SHOT;
	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_source), message.eth.h_dest,
			       ETH_ALEN) < 0 ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, message.quoted, QUOTED) < 0 ||
	    bpf_skb_change_tail(skb, FRAME_LENGTH, 0) < 0)
		return TC_ACT_SHOT;
	mac_copy(message.eth.h_source, config.gateway_mac);
	message.eth.h_proto = bpf_htons(ETH_P_IP);
	message.ip.version = 4;
	message.ip.ihl = 5;
	message.ip.tot_len = bpf_htons(FRAME_LENGTH - ETH_HLEN);
	message.ip.ttl = 64;
	message.ip.protocol = IPPROTO_ICMP;
	message.ip.saddr = CONFIG(node_ipv4.v4);
	message.ip.daddr = flow->packet.source.v4;
	message.icmp.type = ICMP_TIME_EXCEEDED;
	message.ip.check = checksum_of(&message.ip, sizeof(message.ip));
	message.icmp.checksum = checksum_of(&message.icmp, sizeof(message.icmp) + QUOTED);
	if (bpf_skb_store_bytes(skb, 0, &message.eth, FRAME_LENGTH, 0) < 0)
		return TC_ACT_SHOT;
	bpf_skb_change_type(skb, 0 /* PACKET_HOST */);
	return bpf_redirect_peer(flow->source.ifindex, 0);
}
