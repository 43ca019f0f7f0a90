// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What BPF_PROG_TEST_RUN has no words for: what a packet says of its tunnel before the program that
 * is tried sees it, and after that has run. In skb->cb, as from_overlay keeps it itself, so that a
 * run can be repeated: the node's IPv4 address, the identity, the group (0: none). The program that
 * is tried is in a map `judges` of their own. */
#include "../lib/overlay.h"

#define NODE 0
#define IDENTITY 1
#define GROUP 2

/* As the device hands a packet over. */
SEC("tc")
int arrives(struct __sk_buff *skb)
{
	struct vxlan_metadata group = {.gbp = skb->cb[GROUP]};
	struct bpf_tunnel_key key = {};

	key.tunnel_id = skb->cb[IDENTITY];
	/* The kernel keeps one pair of addresses: what was given as the own is read as the other's.
	 */
	key.local_ipv4 = bpf_ntohl(skb->cb[NODE]);
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0) < 0 ||
	    (group.gbp && bpf_skb_set_tunnel_opt(skb, &group, sizeof(group)) < 0))
		return -1;
	bpf_tail_call(skb, &judges, 0);
	return -1;
}

/* A tail call out of a function comes back to the function's caller. */
static __noinline int judge(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &judges, 0);
	return -1;
}

/* Reads before the run ends: the kernel keeps what a packet says of its tunnel once for each
 * processor, and whoever has that processor next may say something else. */
SEC("tc")
int leaves(struct __sk_buff *skb)
{
	struct vxlan_metadata group = {};
	struct bpf_tunnel_key key = {};
	int action = judge(skb);

	skb->cb[IDENTITY] = skb->cb[GROUP] = skb->cb[NODE] = 0;
	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0) < 0)
		return action;
	bpf_skb_get_tunnel_opt(skb, &group, sizeof(group));
	skb->cb[IDENTITY] = key.tunnel_id;
	skb->cb[GROUP] = group.gbp;
	skb->cb[NODE] = bpf_htonl(key.local_ipv4);
	return action;
}

/* The least that a packet to another node costs. */
SEC("tc")
int only_encapsulates(struct __sk_buff *skb)
{
	int action = -1;

	return encapsulate(skb, bpf_htonl(0xac120003), 300, 301, &action) ? -1 : action;
}

char _license[] SEC("license") = "Dual BSD/GPL";
