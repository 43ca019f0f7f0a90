// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* All that a program knows about a packet while it judges it. One struct on the stack of the entry
 * function, handed to every function that is verified by itself. */
#pragma once

#include "packet.h"
#include "reserved.h"
#include "types.h"

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

enum side_kind {
	SIDE_POD = 0,	/* a pod of this node */
	SIDE_HOST = 1,	/* this node */
	SIDE_OTHER = 2, /* anything else: world, another node, a pod elsewhere */
};

/* What flow->service says: bits. */
enum flow_service {
	FLOW_TRANSLATED = 1,
	FLOW_HAIRPIN = 2, /* to the pod that sent it, which needs nobody's leave */
	FLOW_CHOSEN = 4,  /* its backend was chosen for this packet */
	FLOW_OPENED = 8,  /* its entry of conntrack was made for this packet */
	FLOW_STACK = 16,  /* passes the node's stack, where another proxy may translate it */
};

struct side {
	__u64 word; /* state word that the verdict depends on */
	__u32 identity;
	__u32 cidr_identity;
	union {
		__u32 way;     /* see struct ct_entry */
		__u32 ifindex; /* SIDE_POD */
		__be32 tunnel; /* SIDE_OTHER */
	};
	__u16 endpoint;
	__u8 kind; /* enum side_kind */
	__u8 pad;
};

struct flow {
	struct packet packet;
	struct ct_key key;
	struct side source;
	struct side destination;
	__u32 rule[2]; /* by enum direction */
	__u8 hook;     /* enum hook */
	__u8 side;     /* of the key on which the packet's source is */
	__u8 is_reply;
	__u8 service;	 /* bits of enum flow_service; 0: no service is involved */
	__be16 nat_port; /* source port to masquerade with; 0: none */
	__be16 came_to;	 /* port of the node that the packet came to for a pod; 0: none */
};

/* Somebody outside of the cluster, by whatever prefix he is known. */
static __always_inline bool identity_is_outside(__u32 identity)
{
	return identity == IDENTITY_WORLD || identity >= IDENTITY_CIDR_MIN;
}

/* Does a service of ours translate it, and not the node's stack? */
static __always_inline bool is_translated(const struct flow *flow)
{
	return flow->service & ~FLOW_STACK;
}

static __always_inline __u32 ct_now(void)
{
	return bpf_ktime_get_coarse_ns() >> TICK_BITS;
}

/* The key of the connection between two ends, whichever of them is named first. Returns the first
 * one's side of it. */
static __always_inline __u8 ct_key_of(struct ct_key *key, __u8 protocol, const union addr *addr,
				      __be16 port, const union addr *peer, __be16 peer_port)
{
	bool first = addr_equal(addr, peer) ? port <= peer_port : addr_less(addr, peer);

	if (first) {
		key->addr[0] = *addr;
		key->addr[1] = *peer;
		key->port[0] = port;
		key->port[1] = peer_port;
	} else {
		key->addr[0] = *peer;
		key->addr[1] = *addr;
		key->port[0] = peer_port;
		key->port[1] = port;
	}
	key->protocol = protocol;
	key->pad[0] = key->pad[1] = key->pad[2] = 0;
	return first ? 0 : 1;
}

/* Fills the key and notes on which side of it the packet's source is. */
static __always_inline void flow_key(struct flow *flow)
{
	const struct packet *p = &flow->packet;

	flow->side = ct_key_of(&flow->key, p->protocol, &p->source, p->source_port, &p->destination,
			       p->destination_port);
}
