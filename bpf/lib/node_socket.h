// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whether a process of the node has a socket for a packet. */
#pragma once

#include "packet.h"

/* Of these two ends: a connection between them, or somebody who listens at the second. Of TCP and
 * UDP only: the kernel does not say it of others. */
static __always_inline bool node_has_socket(struct __sk_buff *skb, struct bpf_sock_tuple *ends,
					    __u8 protocol)
{
	struct bpf_sock *sk;

	if (protocol == IPPROTO_TCP)
		sk = bpf_sk_lookup_tcp(skb, ends, sizeof(ends->ipv4), BPF_F_CURRENT_NETNS, 0);
	else if (protocol == IPPROTO_UDP)
		sk = bpf_sk_lookup_udp(skb, ends, sizeof(ends->ipv4), BPF_F_CURRENT_NETNS, 0);
	else
		return false;
	if (!sk)
		return false;
	bpf_sk_release(sk);
	return true;
}
