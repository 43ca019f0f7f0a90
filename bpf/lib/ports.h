// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which port a connection leaves the node with. The ports come from a range of their own, away from
 * the node's ephemeral ports and node ports, so that what comes back for the node's own sockets is
 * never mistaken.
 *
 * Towards each remote end one half of the range is dealt out in blocks, by the last byte of the
 * pod's address: what no other pod can take. The other half is common, but each pod may only use a
 * quarter of it, every n-th port with an n of its own, so that one that takes all it can leaves
 * three quarters of anybody else's. */
#pragma once

#include "node_socket.h"
#include "removal.h"
#include "route.h"

#define PORT_BLOCKS 256
/* A smaller range is not worth dividing. */
#define PORTS_DIVIDED 4096
#define PORT_PART 4
/* Of the common part. Where one in fifty is free, this finds one in 199 of 200 cases. */
#define PORT_TRIES 256

struct port_search {
	struct snat_key key;
	struct snat_value owner;
	__u32 base; /* first port */
	__u32 size; /* ports from there on */
	__u32 step; /* the n of every n-th */
	__u32 part; /* how many of these may be used */
	__u32 at;   /* which is tried first */
	__u32 found;
	__be32 address;	      /* of the node, under which the connection leaves */
	struct ct_key holder; /* of a port that is taken */
};

/* What would not fit the stack beside the frames of who asks. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct port_search);
} port_search SEC(".maps");

static __always_inline struct port_search *port_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&port_search, &zero);
}

/* True when nobody holds the port, or who held it is over. */
static __always_inline bool port_reclaim(struct port_search *search)
{
	struct snat_value *row = bpf_map_lookup_elem(&snat, &search->key);
	struct ct_entry *entry;

	if (!row)
		return true;
	mapping_entry_key(&search->holder, &search->key, row);
	entry = bpf_map_lookup_elem(&conntrack, &search->holder);
	/* Without an entry it is being made, or the collector's to sweep up. */
	return entry && entry->expires <= ct_now() && entry->nat_port == search->key.nat_port &&
	       ct_remove(&search->holder);
}

/* A pod's port of the node, or a service's: what left under it would pass for its answers. So would
 * what comes back, to whichever of the two addresses: a title does not name its own. Apart for the
 * sake of the stack. */
VERIFIED_ONCE int port_is_served(const struct snat_key *mapping, __be32 address)
{
	struct service_key frontend = {.scope = SERVICE_OUTSIDE};

	if (!mapping || !CONFIG(enable_services))
		return false;
	frontend.addr = CONFIG(node_ipv4);
	frontend.port = mapping->nat_port;
	frontend.protocol = mapping->protocol;
	if (bpf_map_lookup_elem(&services, &frontend))
		return true;
	if (address == CONFIG(node_ipv4.v4))
		return false;
	addr_set_v4(&frontend.addr, address);
	return bpf_map_lookup_elem(&services, &frontend) != 0;
}

static long port_try(__u32 i, void *unused)
{
	struct port_search *search = port_scratch();
	__u32 index, port;

	(void)unused;
	if (!search || !search->part || !search->size)
		return 1;
	index = (search->at + i) % search->part;
	port = search->base + index * search->step % search->size;
	search->key.nat_port = bpf_htons(port);
	if (port_is_served(&search->key, search->address) || !port_reclaim(search) ||
	    bpf_map_update_elem(&snat, &search->key, &search->owner, BPF_NOEXIST) < 0)
		return 0;
	search->found = 1;
	return 1;
}

/* By endpoint, and odd: then half of all sizes of a range have no factor in common with it. */
static __always_inline __u32 port_step(__u32 endpoint)
{
	return ((endpoint * 2654435761u) >> 16) | 1;
}

/* Begins a search by the address under which the connection leaves: what comes from outside for a
 * backend elsewhere under the one that the node is known by, what a pod opens under that of the
 * device that the node's routes name. Returns a drop reason. */
VERIFIED_ONCE int port_address(struct __sk_buff *skb, const struct flow *flow)
{
	struct port_search *search = port_scratch();
	struct route route = {.source = CONFIG(node_ipv4.v4)};
	int reason = 0;

	if (!flow || !search)
		return DROP_INTERNAL;
	if (flow->hook != HOOK_FROM_NETDEV &&
	    (flow->hook != HOOK_TO_NETDEV || skb->ifindex != CONFIG(uplink_ifindex)))
		reason = route_find(skb, 0, flow->packet.destination.v4, &route);
	__builtin_memset(search, 0, sizeof(*search));
	search->address = route.source;
	return reason;
}

/* Reserves a port of the node for this connection, in flow->nat_port. Returns a drop reason. */
VERIFIED_ONCE int snat_allocate(struct __sk_buff *skb, struct flow *flow)
{
	int reason = port_address(skb, flow);
	__u32 range, block, common;
	struct port_search *search;

	if (reason || !flow)
		return reason;
	search = port_scratch();
	if (!search)
		return DROP_INTERNAL;
	range = CONFIG(snat_port_max) - CONFIG(snat_port_min) + 1;
	block = range < PORTS_DIVIDED ? 0 : range / 2 / PORT_BLOCKS;
	common = range - block * PORT_BLOCKS;
	mapping_of(&search->key, &search->owner, flow);
	flow->nat_port = 0;
	search->step = 1;
	search->part = common;
	if (block && flow->source.endpoint) {
		search->base =
			CONFIG(snat_port_min) + common + flow->packet.source.bytes[15] * block;
		search->size = search->part = block;
		search->at = bpf_get_prandom_u32() % block;
		bpf_loop(block, port_try, 0, 0);
		if (search->found)
			goto out;
		search->part = common / PORT_PART;
		search->step = port_step(flow->source.endpoint);
	}
	search->base = CONFIG(snat_port_min);
	search->size = common;
	search->at = search->part ? bpf_get_prandom_u32() % search->part : 0;
	bpf_loop(PORT_TRIES < search->part ? PORT_TRIES : search->part, port_try, 0, 0);
out:
	if (!search->found)
		return DROP_NAT_EXHAUSTED;
	flow->nat_port = search->key.nat_port;
	return 0;
}

/* Has a process of the node the port, although it is none that the kernel gives out by itself? From
 * the remote end, to which the port would lead a pod, whatever came for that process would be the
 * pod's. */
VERIFIED_ONCE int port_is_bound(struct __sk_buff *skb, const struct flow *flow)
{
	struct port_search *search = port_scratch();
	struct bpf_sock_tuple tuple = {};

	if (!flow || !search)
		return false;
	tuple.ipv4.saddr = flow->packet.destination.v4;
	tuple.ipv4.daddr = CONFIG(node_ipv4.v4);
	tuple.ipv4.sport = flow->packet.destination_port;
	tuple.ipv4.dport = flow->nat_port;
	if (node_has_socket(skb, &tuple, flow->packet.protocol))
		return true;
	if (search->address == CONFIG(node_ipv4.v4))
		return false;
	tuple.ipv4.daddr = search->address;
	return node_has_socket(skb, &tuple, flow->packet.protocol);
}

/* Reserves a port of the node that no process of the node has. One that a process has is held until
 * another is found: it is not to be found again. Returns a drop reason. */
static __always_inline int port_take(struct __sk_buff *skb, struct flow *flow)
{
	int reason = snat_allocate(skb, flow);
	__be16 bound = flow->nat_port, found;

	if (reason || !port_is_bound(skb, flow))
		return reason;
	reason = snat_allocate(skb, flow);
	found = flow->nat_port;
	flow->nat_port = bound;
	mapping_drop(flow);
	flow->nat_port = found;
	if (!reason && port_is_bound(skb, flow)) {
		mapping_drop(flow);
		reason = DROP_NAT_EXHAUSTED;
	}
	if (reason)
		flow->nat_port = 0;
	return reason;
}
