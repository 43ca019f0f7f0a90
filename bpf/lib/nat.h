// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rewriting of addresses and ports, and the way out of the node. */
#pragma once

#include <stddef.h>

#include "crc32c.h"
#include "flow.h"
#include "packet.h"
#include "route.h"
#include "unfinished.h"

/* Where the checksum of the transport header is, and whether it covers the addresses. */
static __always_inline int checksum_offset(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return offsetof(struct udphdr, check);
	case IPPROTO_ICMP:
		return offsetof(struct icmphdr, checksum);
	default:
		return -1;
	}
}

/* What changes in an IPv4 packet. */
struct rewrite {
	__be32 old_addr;
	__be32 new_addr;
	__be16 old_port; /* ICMP: id */
	__be16 new_port;
	__be16 peer_old_port; /* of the end whose address stays */
	__be16 peer_new_port;
	__u32 backend; /* of a service; 0: none */
	__u8 source;   /* the source is rewritten, else the destination */
};

/* The ports of an SCTP packet, and its checksum, which covers all of the packet and nothing else:
 * of a part of a datagram nobody knows how it changes. Returns a drop reason. */
VERIFIED_ONCE int rewrite_sctp(struct __sk_buff *skb, const struct flow *flow,
			       const struct rewrite *rewrite)
{
	__u32 own, peer, ports, change, checksum;
	const struct packet *p;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	p = &flow->packet;
	own = (__u16)(rewrite->old_port ^ rewrite->new_port);
	peer = (__u16)(rewrite->peer_old_port ^ rewrite->peer_new_port);
	/* As it lies in memory: the source's port first. */
	change = rewrite->source ? own | peer << 16 : peer | own << 16;
	if (!change || p->fragment == FRAGMENT_LATER)
		return 0;
	if (p->fragment != FRAGMENT_NONE)
		return DROP_SERVICE_CONFLICT;
	if (bpf_skb_load_bytes(skb, p->l4, &ports, sizeof(ports)) < 0 ||
	    bpf_skb_load_bytes(skb, p->l4 + offsetof(struct sctphdr, checksum), &checksum,
			       sizeof(checksum)) < 0)
		return DROP_INTERNAL;
	ports ^= change;
	checksum ^= crc32c_change(change, p->end - p->l4);
	if (bpf_skb_store_bytes(skb, p->l4, &ports, sizeof(ports), BPF_F_RECOMPUTE_CSUM) < 0)
		return DROP_INTERNAL;
	/* What is still to be written is made of the ports as they are then. */
	if (is_unfinished(skb))
		return 0;
	return bpf_skb_store_bytes(skb, p->l4 + offsetof(struct sctphdr, checksum), &checksum,
				   sizeof(checksum), BPF_F_RECOMPUTE_CSUM) < 0
		       ? DROP_INTERNAL
		       : 0;
}

/* Rewrites one address of the IPv4 header and its port, and the other end's port. Returns a drop
 * reason. */
VERIFIED_ONCE int rewrite_v4(struct __sk_buff *skb, const struct flow *flow,
			     const struct rewrite *rewrite)
{
	__be32 old_addr, new_addr;
	__be16 old_port, new_port;
	__u16 addr_at, port_at, l4;
	__u8 protocol;
	int check;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	old_addr = rewrite->old_addr;
	new_addr = rewrite->new_addr;
	old_port = rewrite->old_port;
	new_port = rewrite->new_port;
	protocol = flow->packet.protocol;
	l4 = flow->packet.l4;
	addr_at = ETH_HLEN +
		  (rewrite->source ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr));
	if (protocol == IPPROTO_ICMP)
		port_at = l4 + offsetof(struct icmphdr, id);
	else
		port_at = l4 + (rewrite->source ? 0 : 2);
	check = checksum_offset(protocol);
	if (protocol == IPPROTO_SCTP) {
		int reason = rewrite_sctp(skb, flow, rewrite);

		if (reason)
			return reason;
	}
	if (flow->packet.fragment != FRAGMENT_LATER && check >= 0) {
		__u64 flags = protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

		if (protocol != IPPROTO_ICMP &&
		    bpf_l4_csum_replace(skb, l4 + check, old_addr, new_addr,
					BPF_F_PSEUDO_HDR | flags | sizeof(new_addr)) < 0)
			return DROP_INTERNAL;
		if (old_port != new_port &&
		    (bpf_l4_csum_replace(skb, l4 + check, old_port, new_port,
					 flags | sizeof(new_port)) < 0 ||
		     bpf_skb_store_bytes(skb, port_at, &new_port, sizeof(new_port), 0) < 0))
			return DROP_INTERNAL;
		old_port = rewrite->peer_old_port;
		new_port = rewrite->peer_new_port;
		port_at = l4 + (rewrite->source ? 2 : 0);
		if (old_port != new_port &&
		    (bpf_l4_csum_replace(skb, l4 + check, old_port, new_port,
					 flags | sizeof(new_port)) < 0 ||
		     bpf_skb_store_bytes(skb, port_at, &new_port, sizeof(new_port), 0) < 0))
			return DROP_INTERNAL;
	}
	if (bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), old_addr, new_addr,
				sizeof(new_addr)) < 0)
		return DROP_INTERNAL;
	return bpf_skb_store_bytes(skb, addr_at, &new_addr, sizeof(new_addr), 0) < 0 ? DROP_INTERNAL
										     : 0;
}

/* The same for an ICMP error: what it quotes went the other way, so there the other end's address
 * and port change, and the error's own address only when it is the same (a router's is its own).
 * The quoted IP header stays consistent, so its change of address and of checksum cancel out in the
 * ICMP checksum. Returns a drop reason. */
VERIFIED_ONCE int rewrite_quoted(struct __sk_buff *skb, const struct flow *flow,
				 const struct rewrite *rewrite)
{
	__be32 old_addr, new_addr, outer;
	__be16 old_port, new_port;
	__u16 inner, l4, port_at, quoted_at, outer_at;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	old_addr = rewrite->old_addr;
	new_addr = rewrite->new_addr;
	old_port = rewrite->old_port;
	new_port = rewrite->new_port;
	inner = flow->packet.inner;
	l4 = flow->packet.l4;
	port_at = inner + sizeof(struct iphdr);
	if (rewrite->source) {
		quoted_at = inner + offsetof(struct iphdr, daddr);
		outer_at = ETH_HLEN + offsetof(struct iphdr, saddr);
	} else {
		quoted_at = inner + offsetof(struct iphdr, saddr);
		outer_at = ETH_HLEN + offsetof(struct iphdr, daddr);
	}
	if (flow->packet.protocol == IPPROTO_ICMP)
		port_at += offsetof(struct icmphdr, id);
	else if (rewrite->source)
		port_at += 2;
	if (bpf_l3_csum_replace(skb, inner + offsetof(struct iphdr, check), old_addr, new_addr,
				sizeof(new_addr)) < 0 ||
	    bpf_skb_store_bytes(skb, quoted_at, &new_addr, sizeof(new_addr), 0) < 0)
		return DROP_INTERNAL;
	if (bpf_l4_csum_replace(skb, l4 + offsetof(struct icmphdr, checksum), old_port, new_port,
				sizeof(new_port)) < 0 ||
	    bpf_skb_store_bytes(skb, port_at, &new_port, sizeof(new_port), 0) < 0)
		return DROP_INTERNAL;
	old_port = rewrite->peer_old_port;
	new_port = rewrite->peer_new_port;
	port_at = inner + sizeof(struct iphdr) + (rewrite->source ? 0 : 2);
	if (old_port != new_port &&
	    (bpf_l4_csum_replace(skb, l4 + offsetof(struct icmphdr, checksum), old_port, new_port,
				 sizeof(new_port)) < 0 ||
	     bpf_skb_store_bytes(skb, port_at, &new_port, sizeof(new_port), 0) < 0))
		return DROP_INTERNAL;
	if (bpf_skb_load_bytes(skb, outer_at, &outer, sizeof(outer)) < 0)
		return DROP_INTERNAL;
	if (outer != old_addr)
		return 0;
	if (bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), old_addr, new_addr,
				sizeof(new_addr)) < 0)
		return DROP_INTERNAL;
	return bpf_skb_store_bytes(skb, outer_at, &new_addr, sizeof(new_addr), 0) < 0
		       ? DROP_INTERNAL
		       : 0;
}

/* Whatever kind of packet it is. Returns a drop reason. */
static __always_inline int rewrite_packet(struct __sk_buff *skb, const struct flow *flow,
					  const struct rewrite *rewrite)
{
	return flow->packet.kind == PACKET_ERROR ? rewrite_quoted(skb, flow, rewrite)
						 : rewrite_v4(skb, flow, rewrite);
}

/* One hop less to live: the node forwards here. Returns a drop reason. */
static __always_inline int decrement_ttl(struct __sk_buff *skb, __u8 old)
{
	__u8 ttl = old - 1;

	if (old <= 1)
		return DROP_TTL_EXCEEDED;
	if (bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check),
				bpf_htons((__u16)old << 8), bpf_htons((__u16)ttl << 8), 2) < 0)
		return DROP_INTERNAL;
	return bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct iphdr, ttl), &ttl, sizeof(ttl),
				   0) < 0
		       ? DROP_INTERNAL
		       : 0;
}

/* Out of the node that way, as it is now. Returns a drop reason or, with *action, what the program
 * returns. */
static __always_inline int leave(struct __sk_buff *skb, const struct flow *flow,
				 const struct route *route, int *action)
{
	int reason = decrement_ttl(skb, flow->packet.ttl);

	if (reason)
		return reason;
	if (CONFIG(enable_stack))
		skb->mark |= MARK_JUDGED;
	*action = route_take(route);
	return 0;
}

/* Out of the node as it is now, by the node's routes. Returns a drop reason or, with *action, what
 * the program returns. */
VERIFIED_ONCE int route_out(struct __sk_buff *skb, const struct flow *flow, int *action)
{
	struct route route = {};
	__be32 ends[2]; /* source, destination */
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, saddr), ends, sizeof(ends)) <
	    0)
		return DROP_INTERNAL;
	reason = route_find(skb, ends[0], ends[1], &route);
	return reason ? reason : leave(skb, flow, &route, action);
}

/* From a pod to the world. Returns a drop reason or, with *action, what the program returns. */
VERIFIED_ONCE int deliver_to_world(struct __sk_buff *skb, const struct flow *flow, int *action)
{
	struct rewrite rewrite = {.source = 1};
	struct route route = {};
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	if (!CONFIG(enable_masquerade) || !flow->nat_port) {
		/* The stack routes it under the pod's own address. */
		*action = TC_ACT_OK;
		return 0;
	}
	reason = route_find(skb, 0, flow->packet.destination.v4, &route);
	if (reason)
		return reason;
	rewrite.old_addr = flow->packet.source.v4;
	rewrite.new_addr = route.source;
	rewrite.old_port = flow->packet.source_port;
	rewrite.new_port = flow->nat_port;
	reason = rewrite_packet(skb, flow, &rewrite);
	return reason ? reason : leave(skb, flow, &route, action);
}
