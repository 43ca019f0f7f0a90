// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A packet of a pod whose time to live ends at this node, which is its first hop, or that is too
 * long for its way on: the pod is told, as by any router (RFC 1812, 4.3.3 and 5.3.1; RFC 1191). The
 * stack does not see packets to the world, and would deliver some that are not for it. */
#pragma once

#include "flow.h"
#include "nat.h"
#include "packet.h"
#include "route.h"

/* RFC 792: the IP header and eight bytes behind it. */
#define QUOTED 28
/* Code of ICMP_DEST_UNREACH. */
#define ICMP_FRAG_NEEDED 4

struct icmp_answer {
	__u8 align[2]; /* not of the frame: puts what follows on words */
	struct ethhdr eth;
	struct iphdr ip;
	struct icmphdr icmp;
	__u8 quoted[QUOTED];
} __attribute__((packed));

#define FRAME_LENGTH (sizeof(struct icmp_answer) - offsetof(struct icmp_answer, eth))

static __always_inline __sum16 checksum_of(void *data, __u32 length)
{
	__u32 sum = bpf_csum_diff(0, 0, data, length, 0);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The quoted packet as its sender knows it, whatever it was translated to. */
static __always_inline void quote_as_sent(__u8 *quoted, const struct rewrite *rewrite)
{
	struct iphdr *ip = (void *)quoted;
	__be16 *ports = (void *)(ip + 1);

	if (!rewrite->new_addr)
		return;
	if (rewrite->source)
		ip->saddr = rewrite->old_addr;
	else
		ip->daddr = rewrite->old_addr;
	ip->check = 0;
	ip->check = checksum_of(ip, sizeof(*ip));
	ports[rewrite->source ? 0 : 1] = rewrite->old_port;
	ports[rewrite->source ? 1 : 0] = rewrite->peer_old_port;
}

/* Turns the packet into a message about what becomes of it, and hands it to its sender. `mtu`: it
 * is too long, and may have this length; 0: it has travelled too far. What the program returns. */
VERIFIED_ONCE int answer_sender(struct __sk_buff *skb, const struct flow *flow,
				const struct rewrite *rewrite, __u32 mtu)
{
	struct icmp_answer message = {};

	/* Never about another error, or what has no transport header. */
	if (!flow || !rewrite || flow->packet.kind == PACKET_ERROR ||
	    flow->packet.fragment == FRAGMENT_LATER)
		return TC_ACT_SHOT;
	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_source), message.eth.h_dest,
			       ETH_ALEN) < 0 ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, message.quoted, QUOTED) < 0 ||
	    bpf_skb_change_tail(skb, FRAME_LENGTH, 0) < 0)
		return TC_ACT_SHOT;
	quote_as_sent(message.quoted, rewrite);
	mac_copy(message.eth.h_source, config.gateway_mac);
	message.eth.h_proto = bpf_htons(ETH_P_IP);
	message.ip.version = 4;
	message.ip.ihl = 5;
	message.ip.tot_len = bpf_htons(FRAME_LENGTH - ETH_HLEN);
	message.ip.ttl = 64;
	message.ip.protocol = IPPROTO_ICMP;
	message.ip.saddr = CONFIG(node_ipv4.v4);
	message.ip.daddr = flow->packet.source.v4;
	message.icmp.type = mtu ? ICMP_DEST_UNREACH : ICMP_TIME_EXCEEDED;
	message.icmp.code = mtu ? ICMP_FRAG_NEEDED : 0;
	message.icmp.sequence = bpf_htons(mtu);
	message.ip.check = checksum_of(&message.ip, sizeof(message.ip));
	message.icmp.checksum = checksum_of(&message.icmp, sizeof(message.icmp) + QUOTED);
	if (bpf_skb_store_bytes(skb, 0, &message.eth, FRAME_LENGTH, 0) < 0)
		return TC_ACT_SHOT;
	bpf_skb_change_type(skb, 0 /* PACKET_HOST */);
	return bpf_redirect_peer(flow->source.ifindex, 0);
}
