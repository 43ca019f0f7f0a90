// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Masquerading of pods towards the world. The ports come from a range of their own, away from the
 * node's ephemeral ports and node ports, so that what comes back for the node's own sockets is
 * never mistaken. */
#pragma once

#include <stddef.h>

#include "identity.h"
#include "maps.h"
#include "packet.h"

#define SNAT_TRIES 16

/* True when the connection that holds this mapping is over. A mapping outlives its connection only
 * until the port is wanted again. */
static __noinline bool snat_is_free(const struct snat_key *key, const struct snat_value *taken)
{
	struct packet was = {
		.source = taken->pod,
		.destination = key->remote,
		.source_port = taken->pod_port,
		.destination_port =
			key->protocol == IPPROTO_ICMP ? taken->pod_port : key->remote_port,
		.protocol = key->protocol,
	};
	struct ct_key ct = {};
	struct ct_entry *entry;

	ct_key_of(&was, &ct);
	entry = bpf_map_lookup_elem(&conntrack, &ct);
	return !entry || entry->expires <= ct_now() || entry->nat_port != key->nat_port ||
	       !endpoint_word(taken->endpoint);
}

/* Reserves a port of the node for this connection. Returns a drop reason. */
static __noinline int snat_allocate(const struct packet *p, __u16 endpoint, __be16 *port)
{
	struct snat_key key = {
		.remote = p->destination,
		.protocol = p->protocol,
	};
	struct snat_value value = {
		.pod = p->source,
		.pod_port = p->source_port,
		.endpoint = endpoint,
	};
	__u32 range = CONFIG(snat_port_max) - CONFIG(snat_port_min) + 1;
	__u32 at;
	int tries = SNAT_TRIES;

	if (p->protocol != IPPROTO_ICMP)
		key.remote_port = p->destination_port;
	/* The SCTP checksum covers the ports and is not repairable in place: the port stays or the
	 * connection fails. */
	if (p->protocol == IPPROTO_SCTP)
		tries = 1;
	at = bpf_get_prandom_u32() % range;
	for (int i = 0; i < SNAT_TRIES; i++) {
		struct snat_value *taken;
		bool mine;

		if (i >= tries)
			break;
		key.nat_port = p->protocol == IPPROTO_SCTP
				       ? p->source_port
				       : bpf_htons(CONFIG(snat_port_min) + (at + i) % range);
		taken = bpf_map_lookup_elem(&snat, &key);
		mine = taken && taken->endpoint == endpoint && taken->pod_port == value.pod_port &&
		       addr_equal(&taken->pod, &value.pod);
		if (taken && !mine && !snat_is_free(&key, taken))
			continue;
		if (bpf_map_update_elem(&snat, &key, &value, taken ? BPF_ANY : BPF_NOEXIST) < 0)
			continue;
		*port = key.nat_port;
		return 0;
	}
	return DROP_NAT_EXHAUSTED;
}

/* Where the checksum of the transport header is, and whether it covers the addresses. */
static __always_inline int checksum_offset(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return offsetof(struct udphdr, check);
	case IPPROTO_ICMP:
		return offsetof(struct icmphdr, checksum);
	default:
		return -1;
	}
}

/* Rewrites one address of the IPv4 header and the port (ICMP: id) at `port_offset` of the transport
 * header. Returns a drop reason. */
static __noinline int rewrite_v4(struct __sk_buff *skb, const struct packet *p, __u16 addr_offset,
				 __be32 old_addr, __be32 new_addr, __u32 ports)
{
	__be16 old_port = ports >> 16, new_port = ports & 0xffff;
	int check = checksum_offset(p->protocol);
	__u16 port_at;

	if (p->protocol == IPPROTO_ICMP)
		port_at = p->l4 + offsetof(struct icmphdr, id);
	else
		port_at = p->l4 + (addr_offset == offsetof(struct iphdr, saddr) ? 0 : 2);
	if (p->fragment != FRAGMENT_LATER && check >= 0) {
		__u64 flags = p->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

		if (p->protocol != IPPROTO_ICMP &&
		    bpf_l4_csum_replace(skb, p->l4 + check, old_addr, new_addr,
					BPF_F_PSEUDO_HDR | flags | sizeof(new_addr)) < 0)
			return DROP_INTERNAL;
		if (old_port != new_port) {
			if (bpf_l4_csum_replace(skb, p->l4 + check, old_port, new_port,
						flags | sizeof(new_port)) < 0)
				return DROP_INTERNAL;
			if (bpf_skb_store_bytes(skb, port_at, &new_port, sizeof(new_port), 0) < 0)
				return DROP_INTERNAL;
		}
	}
	if (bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), old_addr, new_addr,
				sizeof(new_addr)) < 0)
		return DROP_INTERNAL;
	return bpf_skb_store_bytes(skb, ETH_HLEN + addr_offset, &new_addr, sizeof(new_addr), 0) < 0
		       ? DROP_INTERNAL
		       : 0;
}

/* Gives a packet of a pod the node's address and the connection's port. Returns a drop reason. */
static __always_inline int snat_out(struct __sk_buff *skb, const struct packet *p, __be16 port)
{
	return rewrite_v4(skb, p, offsetof(struct iphdr, saddr), p->source.v4, CONFIG(node_ipv4.v4),
			  ((__u32)p->source_port << 16) | port);
}

/* One hop less to live: the node forwards here. Returns a drop reason. */
static __always_inline int decrement_ttl(struct __sk_buff *skb, const struct packet *p)
{
	__u8 ttl = p->ttl - 1;

	if (p->ttl <= 1)
		return DROP_TTL_EXCEEDED;
	if (bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check),
				bpf_htons((__u16)p->ttl << 8), bpf_htons((__u16)ttl << 8), 2) < 0)
		return DROP_INTERNAL;
	return bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct iphdr, ttl), &ttl, sizeof(ttl),
				   0) < 0
		       ? DROP_INTERNAL
		       : 0;
}
