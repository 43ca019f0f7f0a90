// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* IPv6 as far as it is needed to judge a packet; off by default. */
#pragma once

#include "parse.h"

/* IPv6 header and its extension headers. Returns a drop reason. */
VERIFIED_ONCE int parse_ipv6(struct __sk_buff *skb, struct packet *p)
{
	struct ipv6hdr ip;
	__u8 next;
	__u16 offset = ETH_HLEN + sizeof(ip);

	if (!p)
		return DROP_INTERNAL;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return DROP_MALFORMED;
	if (ip.version != 6)
		return DROP_MALFORMED;
	p->ethertype = ETH_P_IPV6;
	__builtin_memcpy(&p->source, &ip.saddr, sizeof(p->source));
	__builtin_memcpy(&p->destination, &ip.daddr, sizeof(p->destination));
	p->ttl = ip.hop_limit;
	p->end = ETH_HLEN + sizeof(ip) + bpf_ntohs(ip.payload_len);
	if (p->end > skb->len)
		return DROP_MALFORMED;
	next = ip.nexthdr;
	/* A v4-mapped address on the wire would be taken for IPv4. */
	if ((p->source.hi == 0 && p->source.p3 == IPV4_MAPPED) ||
	    (p->destination.hi == 0 && p->destination.p3 == IPV4_MAPPED))
		return DROP_MALFORMED;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		__u8 header[2];

		if (next == IPPROTO_FRAGMENT)
			return DROP_FRAGMENTS_DISABLED;
		if (next == IPPROTO_ROUTING)
			return DROP_IP_OPTIONS;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS)
			break;
		if (!load(skb, p, offset, header, sizeof(header)))
			return DROP_MALFORMED;
		next = header[0];
		offset += ((__u16)header[1] + 1) * 8;
	}
	p->protocol = next;
	p->l4 = offset;
	return parse_l4(skb, p);
}
