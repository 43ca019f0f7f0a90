// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The way out of the node: by the device that the node's own routes name. Its uplink is only the
 * one with the default route. */
#pragma once

#include "config.h"
#include "packet.h"

#define AF_INET 2

struct route {
	__u32 ifindex;
	__be32 source;	/* of the node, towards that network: whoever is there knows it */
	__be32 gateway; /* or the destination itself; 0: nobody knows */
};

/* `source`: of the packet, 0 where it is to be the node's. What the kernel has no answer to (a
 * route to be refused, a tunnel, a kernel before 6.7) is the uplink's. Apart for the sake of the
 * stack. */
VERIFIED_ONCE int route_find(struct __sk_buff *skb, __be32 source, __be32 destination,
			     struct route *route)
{
	struct bpf_fib_lookup fib = {.family = AF_INET};
	long answer;

	if (!route)
		return 0;
	route->ifindex = CONFIG(uplink_ifindex);
	route->source = CONFIG(node_ipv4.v4);
	route->gateway = 0;
	fib.ifindex = skb->ifindex;
	fib.ipv4_src = source;
	fib.ipv4_dst = destination;
	answer = bpf_fib_lookup(skb, &fib, sizeof(fib),
				BPF_FIB_LOOKUP_SKIP_NEIGH | BPF_FIB_LOOKUP_SRC);
	/* Of a packet that is too long for its device the rest is known, too. */
	if ((answer != BPF_FIB_LKUP_RET_SUCCESS && answer != BPF_FIB_LKUP_RET_FRAG_NEEDED) ||
	    fib.family != AF_INET || fib.ifindex == CONFIG(overlay_ifindex))
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
