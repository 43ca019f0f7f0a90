// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* IPv4 fragments: only the first has ports. They are remembered for the rest of the datagram; a
 * fragment that comes before its first one is dropped, since it could not be judged, and a program
 * cannot hold it back until it can. */
#pragma once

#include "maps.h"
#include "parse.h"

/* Datagrams under way of one sender, and of all that are elsewhere together. The fragments of one
 * follow each other closely. */
#define FRAGMENT_PLACES 64
#define FRAGMENT_PLACES_ELSEWHERE 8192

/* Any mixture will do: whoever knows it hits only itself, or has to be faster than the rest of the
 * datagram is. */
static __always_inline __u32 fragment_hash(const struct packet *p, __be16 id)
{
	__u64 hash = p->source.lo * 0x9e3779b97f4a7c15 + p->destination.lo;

	hash = (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9 + ((__u32)id << 8 | p->protocol);
	hash = (hash ^ (hash >> 32)) * 0x94d049bb133111eb;
	return hash >> 32;
}

/* `account`: the endpoint that sent it, 0 for whoever is not a pod of this node. */
VERIFIED_ONCE int parse_fragment(struct __sk_buff *skb, struct packet *p, __u16 offset, __be16 id,
				 __u32 account)
{
	struct fragment_key key = {};
	struct fragment_value value = {}, *known;
	bool same;
	int reason;

	if (!p)
		return DROP_INTERNAL;
	if (!CONFIG(enable_fragments))
		return DROP_FRAGMENTS_DISABLED;
	key.account = account;
	key.place = fragment_hash(p, id) % (account ? FRAGMENT_PLACES : FRAGMENT_PLACES_ELSEWHERE);
	known = bpf_map_lookup_elem(&fragments, &key);
	same = known && known->id == id && known->protocol == p->protocol &&
	       addr_equal(&known->source, &p->source) &&
	       addr_equal(&known->destination, &p->destination);
	value.source = p->source;
	value.destination = p->destination;
	value.id = id;
	value.protocol = p->protocol;
	if (offset == 0) {
		p->fragment = same && known->early ? FRAGMENT_TORN : FRAGMENT_FIRST;
		reason = parse_l4(skb, p);
		if (reason)
			return reason;
		value.port[0] = p->source_port;
		value.port[1] = p->destination_port;
		value.policy_port = p->policy_port;
		value.kind = p->kind;
		if (bpf_map_update_elem(&fragments, &key, &value, BPF_ANY) < 0)
			return DROP_FRAGMENT_UNKNOWN;
		return 0;
	}
	/* RFC 1858: a fragment that starts inside the TCP header, or inside the first chunk of
	 * SCTP, would overwrite what was judged. */
	if ((p->protocol == IPPROTO_TCP && offset < 3) ||
	    (p->protocol == IPPROTO_SCTP && offset < 2))
		return DROP_MALFORMED;
	if (!same || known->early) {
		/* What comes from outside for the node itself the stack may put together: if it was
		 * for a pod behind a port of the node, the first one tells of the loss. */
		value.early = 1;
		if (!account && !same)
			bpf_map_update_elem(&fragments, &key, &value, BPF_ANY);
		return DROP_FRAGMENT_UNKNOWN;
	}
	p->fragment = FRAGMENT_LATER;
	p->source_port = known->port[0];
	p->destination_port = known->port[1];
	p->policy_port = known->policy_port;
	/* The quoted packet, which says what an error is about, was in the first. */
	if (known->kind == PACKET_ERROR)
		return DROP_ICMP_UNRELATED;
	/* Belongs to a connection that its first fragment opened. */
	p->kind = p->protocol == IPPROTO_ICMP ? known->kind : PACKET_CONTINUES;
	return 0;
}

/* Under the node's address all pods share the ids by which a receiver puts fragments together (RFC
 * 791: source, destination, protocol and id). So each gets ids of its own, by the last ten bits of
 * its address: else one that sends fragments with every id to a server ruins the datagrams of all
 * others to it, for as long as the server waits for the rest. Of a whole packet that says "don't
 * fragment" nothing is ever put together; of fragments that say so it is all the same. Returns a
 * drop reason. */
VERIFIED_ONCE int own_fragment_id(struct __sk_buff *skb, const struct packet *p)
{
	struct {
		__be16 id;
		__be16 flags;
	} old;
	__be16 id;

	if (!p)
		return DROP_INTERNAL;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, id), &old, sizeof(old)) < 0)
		return DROP_INTERNAL;
	if ((old.flags & bpf_htons(IP_DONT_FRAGMENT)) &&
	    !(old.flags & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK)))
		return 0;
	id = bpf_htons((bpf_ntohl(p->source.v4) & 0x3ff) << 6 | (bpf_ntohs(old.id) & 0x3f));
	if (bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), old.id, id,
				sizeof(id)) < 0)
		return DROP_INTERNAL;
	return bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct iphdr, id), &id, sizeof(id), 0) <
			       0
		       ? DROP_INTERNAL
		       : 0;
}
