// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where a packet that may pass goes. */
#pragma once

#include "nat.h"
#include "packet.h"

/* Straight into the namespace of a pod of this node, past the host's stack. */
static __always_inline int deliver_to_pod(struct __sk_buff *skb, __u16 ethertype,
					  __be32 destination, __u32 ifindex)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;

	/* An IPv4 pod's MAC address follows from its address; the device was judged by it, nothing
	 * else is. */
	if (ethertype == ETH_P_IP && (void *)(eth + 1) <= end) {
		__u8 *mac = eth->h_dest;

		mac[0] = 0x0a;
		mac[1] = 0x58;
		__builtin_memcpy(mac + 2, &destination, sizeof(destination));
		mac_copy(eth->h_source, config.gateway_mac);
	}
	return bpf_redirect_peer(ifindex, 0);
}

/* Out of the node. Returns a drop reason or, with *action, what the program returns. */
static __always_inline int deliver_to_world(struct __sk_buff *skb, const struct flow *flow,
					    int *action)
{
	struct rewrite rewrite = {
		.old_addr = flow->packet.source.v4,
		.new_addr = CONFIG(node_ipv4.v4),
		.old_port = flow->packet.source_port,
		.new_port = flow->nat_port,
		.source = 1,
	};
	int reason;

	if (!CONFIG(enable_masquerade) || !flow->nat_port) {
		/* The stack routes it under the pod's own address. */
		*action = TC_ACT_OK;
		return 0;
	}
	reason = decrement_ttl(skb, flow->packet.ttl);
	if (reason)
		return reason;
	reason = rewrite_v4(skb, flow, &rewrite);
	if (reason)
		return reason;
	*action = bpf_redirect_neigh(CONFIG(uplink_ifindex), 0, 0, 0);
	return 0;
}
