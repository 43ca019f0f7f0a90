// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* IPv4 fragments: only the first has ports. They are remembered for the rest of the datagram; a
 * fragment that comes before its first one is dropped, since it could not be judged. */
#pragma once

#include "maps.h"
#include "parse.h"

VERIFIED_ONCE int parse_fragment(struct __sk_buff *skb, struct packet *p, __u16 offset, __be16 id)
{
	struct fragment_key key = {};
	struct fragment_value value = {}, *known;
	int reason;

	if (!p)
		return DROP_INTERNAL;
	if (!CONFIG(enable_fragments))
		return DROP_FRAGMENTS_DISABLED;
	key.source = p->source;
	key.destination = p->destination;
	key.id = id;
	key.protocol = p->protocol;
	if (offset == 0) {
		p->fragment = FRAGMENT_FIRST;
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
	known = bpf_map_lookup_elem(&fragments, &key);
	if (!known)
		return DROP_FRAGMENT_UNKNOWN;
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
