// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The way out of the node: by the device that the node's own routes name. Its uplink is only the
 * one with the default route. */
#pragma once

#include "config.h"
#include "drop.h"
#include "packet.h"

#define AF_INET 2

struct route {
	__u32 ifindex;
	__be32 source;	/* of the node, towards that network: whoever is there knows it */
	__be32 gateway; /* or the destination itself; 0: nobody knows */
};

/* Of SCTP, whose segments are of the lengths that its sender gave them (linux/skbuff.h). */
#define GSO_BY_FRAGS 0xffff

/* As IP counts it, the longest packet that leaves of this one: the kernel cuts large ones into
 * segments. 0: it is not known. */
static __always_inline __u16 route_length(struct __sk_buff *skb)
{
	__u32 length = skb->len - ETH_HLEN;
	__u8 at = 0;

	if (skb->gso_size == GSO_BY_FRAGS)
		return 0;
	if (skb->gso_size) {
		length = sizeof(struct iphdr) + skb->gso_size;
		bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, protocol), &at,
				   sizeof(at));
		if (at == IPPROTO_TCP) {
			bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(struct iphdr) + 12, &at,
					   sizeof(at));
			length += (at >> 4) * 4;
		} else {
			length += sizeof(struct udphdr);
		}
	}
	return length < 0xffff ? length : 0xffff;
}

/* How long a packet may be that goes there; 0: nobody knows. */
VERIFIED_ONCE int route_mtu(struct __sk_buff *skb, __be32 destination)
{
	struct bpf_fib_lookup fib = {.family = AF_INET, .tot_len = 0xffff};

	fib.ifindex = skb->ifindex;
	fib.ipv4_dst = destination;
	return bpf_fib_lookup(skb, &fib, sizeof(fib), BPF_FIB_LOOKUP_SKIP_NEIGH) ==
			       BPF_FIB_LKUP_RET_FRAG_NEEDED
		       ? fib.mtu_result
		       : 0;
}

/* `source`: of the packet, 0 where it is to be the node's. Where the node itself would send nothing
 * on, nor does a pod: no route, one that refuses, one that the packet is too long for (nobody cuts
 * it here), an address that everybody on a network has. What
 * the kernel does not say (before 6.7, or of a node that does not forward) is the uplink's. Returns
 * a drop reason. Apart for the sake of the stack. */
VERIFIED_ONCE int route_find(struct __sk_buff *skb, __be32 source, __be32 destination,
			     struct route *route)
{
	struct bpf_fib_lookup fib = {.family = AF_INET};

	if (!route)
		return DROP_INTERNAL;
	route->ifindex = CONFIG(uplink_ifindex);
	route->source = CONFIG(node_ipv4.v4);
	route->gateway = 0;
	fib.ifindex = skb->ifindex;
	fib.ipv4_src = source;
	fib.ipv4_dst = destination;
	fib.tot_len = route_length(skb);
	switch (bpf_fib_lookup(skb, &fib, sizeof(fib),
			       BPF_FIB_LOOKUP_SKIP_NEIGH | BPF_FIB_LOOKUP_SRC)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		break;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return DROP_PACKET_TOO_LONG;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		return DROP_NO_ROUTE;
	default:
		return 0;
	}
	if (fib.family != AF_INET || fib.ifindex == CONFIG(overlay_ifindex))
		return 0;
	/* At the uplink the node is known by the address that it was told to use. */
	if (fib.ifindex != route->ifindex && fib.ipv4_src)
		route->source = fib.ipv4_src;
	route->ifindex = fib.ifindex;
	route->gateway = fib.ipv4_dst;
	return 0;
}

/* What a program returns to send the packet that way. */
static __always_inline int route_take(const struct route *route)
{
	struct bpf_redir_neigh next = {.nh_family = AF_INET, .ipv4_nh = route->gateway};

	return route->gateway ? bpf_redirect_neigh(route->ifindex, &next, sizeof(next), 0)
			      : bpf_redirect_neigh(route->ifindex, 0, 0, 0);
}
