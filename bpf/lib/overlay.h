// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What travels between nodes: VXLAN, whose network identifier is the sender's identity, and whose
 * group (VXLAN-GBP) is the identity that the sender was allowed to reach. */
#pragma once

#include "identity.h"
#include "nat.h"

/* linux/vxlan.h is not for user space. */
struct vxlan_metadata {
	__u32 gbp; /* the group; the flags above it are not used */
};

#define GBP_MASK 0xffff
#define OVERLAY_TTL 64

/* As whom a packet names an identity: numbers of prefixes are a node's own. */
static __always_inline __u32 identity_on_wire(__u32 identity)
{
	return identity >= IDENTITY_CIDR_MIN ? IDENTITY_WORLD : identity;
}

/* Says where the packet goes and what it shall carry. Returns a drop reason. */
static __always_inline int tunnel_state(struct __sk_buff *skb, __be32 node, __u32 source,
					__u32 destination)
{
	struct vxlan_metadata group = {.gbp = identity_on_wire(destination) & GBP_MASK};
	struct bpf_tunnel_key key = {};

	key.tunnel_id = source;
	key.remote_ipv4 = bpf_ntohl(node);
	/* The others know the node by it. */
	key.local_ipv4 = bpf_ntohl(CONFIG(node_ipv4.v4));
	key.tunnel_ttl = OVERLAY_TTL;
	/* What is inside has checksums of its own. */
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX) < 0 ||
	    bpf_skb_set_tunnel_opt(skb, &group, sizeof(group)) < 0)
		return DROP_INTERNAL;
	skb->mark |= MARK_TUNNELED;
	return 0;
}

/* To a pod of another node, or to that node itself. Returns a drop reason or, with *action, what
 * the program returns. A frame of a pod is addressed to its gateway, whose MAC address the devices
 * of the overlay have. */
static __always_inline int encapsulate(struct __sk_buff *skb, __be32 node, __u32 source,
				       __u32 destination, int *action)
{
	int reason = tunnel_state(skb, node, source, destination);

	if (!reason)
		*action = bpf_redirect(CONFIG(overlay_ifindex), 0);
	return reason;
}

static __always_inline bool is_tunnel_port(const struct packet *p, __be16 port)
{
	return CONFIG(tunnel_port) && p->protocol == IPPROTO_UDP && port == CONFIG(tunnel_port);
}

/* The overlay's port belongs to nodes. A pod that sends to it, and whoever is translated on his way
 * to it, forges identities, and with a masquerade under this node's address. Any address but a
 * pod's may be a node's that is not known here yet. */
static __always_inline bool forges_tunnel(const struct flow *flow)
{
	return is_tunnel_port(&flow->packet, flow->packet.destination_port) &&
	       flow->destination.kind != SIDE_POD &&
	       !identity_is_cluster(flow->destination.identity);
}

/* The node that a side of an entry of conntrack is reached by through the overlay; 0: it is not. */
static __always_inline __be32 ct_tunnel(const struct ct_entry *entry, __u8 side)
{
	side &= 1;
	return pod_of(entry->endpoint[side]) ? 0 : entry->way[side];
}
