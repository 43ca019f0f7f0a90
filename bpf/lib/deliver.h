// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where a packet that may pass goes. */
#pragma once

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
