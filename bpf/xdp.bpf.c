// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* At the driver of a device, before the kernel has made a packet of the frame: established
 * connections from outside to a service's backend elsewhere go on here. Whatever else comes, and
 * whatever opens or closes a connection, is left to from_netdev. */
#include "lib/conntrack.h"
#include "lib/events.h"
#include "lib/service.h"

#define XDP_FRAGMENT_BITS (IP_MORE_FRAGMENTS | IP_OFFSET_MASK)

/* The two ends as they shall leave. */
struct forwarded {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
};

/* A connection that from_netdev has let pass in both directions, under words that still stand. What
 * goes through the overlay does not go from driver to driver. */
static __always_inline bool goes_on(const struct ct_entry *entry, __be16 nat_port, __u32 now)
{
	return (entry->flags & (CT_SERVICE | CT_REPLIED | CT_CLOSING | CT_HOST | CT_OPENING)) ==
		       (CT_SERVICE | CT_REPLIED) &&
	       !pod_of(entry->endpoint[0]) && !pod_of(entry->endpoint[1]) &&
	       (!CONFIG(enable_overlay) || !(entry->way[0] | entry->way[1])) &&
	       entry->nat_port == nat_port && entry->expires > now &&
	       entry->stamp[0] == endpoint_word(entry->endpoint[0]) &&
	       entry->stamp[1] == endpoint_word(entry->endpoint[1]);
}

/* From the client: to the backend, under the node's address. */
static __always_inline bool forth(const struct packet *p, const struct translation *known,
				  struct forwarded *to)
{
	struct ct_entry *entry =
		service_connection(p, known->client_port, &known->addr, known->port);
	__u32 now = ct_now();

	if (known->flags || !entry || !entry->nat_port || !goes_on(entry, entry->nat_port, now) ||
	    !service_goes_on(p, known))
		return false;
	ct_renew(entry, now);
	tcp_note(entry, addr_less(&p->source, &known->addr) ? 0 : 1, p);
	to->source = CONFIG(node_ipv4.v4);
	to->source_port = entry->nat_port;
	to->destination = known->addr.v4;
	to->destination_port = known->port;
	return true;
}

/* From the backend: to the client, as the frontend. */
static __always_inline bool back(struct packet *p, struct forwarded *to)
{
	struct snat_key nat = {};
	struct snat_value *client;
	struct translation *frontend;
	struct ct_entry *entry;
	__u32 now = ct_now();
	__be16 nat_port = p->destination_port;

	if (p->destination.v4 != CONFIG(node_ipv4.v4))
		return false;
	nat.remote = p->source;
	nat.remote_port = p->source_port;
	nat.nat_port = nat_port;
	nat.protocol = p->protocol;
	client = bpf_map_lookup_elem(&snat, &nat);
	if (!client || client->endpoint)
		return false;
	p->destination = client->pod;
	p->destination_port = client->pod_port;
	entry = service_connection(p, p->source_port, &p->destination, p->destination_port);
	frontend = translation_of(p);
	if (!entry || !goes_on(entry, nat_port, now) || !frontend ||
	    frontend->flags != TRANSLATION_ANSWER)
		return false;
	ct_renew(entry, now);
	tcp_note(entry, addr_less(&p->source, &p->destination) ? 0 : 1, p);
	to->source = frontend->addr.v4;
	to->source_port = frontend->port;
	to->destination = p->destination.v4;
	to->destination_port = frontend->client_port;
	return true;
}

/* What a ones' complement sum gains when one word becomes another (RFC 1624). */
static __always_inline __u32 gain16(__u16 from, __u16 to)
{
	return (__u16)~from + to;
}

static __always_inline __u32 gain32(__be32 from, __be32 to)
{
	return gain16(from & 0xffff, to & 0xffff) + gain16(from >> 16, to >> 16);
}

static __always_inline __sum16 adjust(__sum16 check, __u32 gain)
{
	__u32 sum = (__u16)~check + gain;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__sum16)~sum;
}

SEC("xdp")
int forward_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct bpf_fib_lookup route = {};
	struct translation *known;
	struct forwarded to = {};
	struct packet p = {};
	__u32 addresses, ports;

	if (!CONFIG(enable_services) || (void *)(udp + 1) > end ||
	    eth->h_proto != bpf_htons(ETH_P_IP) || (eth->h_dest[0] & 1) || ip->version != 4 ||
	    ip->ihl != 5 || (ip->frag_off & bpf_htons(XDP_FRAGMENT_BITS)) || ip->ttl <= 1)
		return XDP_PASS;
	p.end = ETH_HLEN + bpf_ntohs(ip->tot_len);
	if (data + p.end > end)
		return XDP_PASS;
	addr_set_v4(&p.source, ip->saddr);
	addr_set_v4(&p.destination, ip->daddr);
	p.source_port = udp->source;
	p.destination_port = udp->dest;
	p.protocol = ip->protocol;
	if (p.protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end || p.end < ETH_HLEN + sizeof(*ip) + sizeof(*tcp) ||
		    (((__u8 *)tcp)[13] & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) != TCP_ACK)
			return XDP_PASS;
		p.kind = PACKET_CONTINUES;
		p.sequence = bpf_ntohl(tcp->seq);
	} else if (p.protocol != IPPROTO_UDP || p.end < ETH_HLEN + sizeof(*ip) + sizeof(*udp)) {
		return XDP_PASS;
	}

	known = translation_of(&p);
	if (!(known ? forth(&p, known, &to) : back(&p, &to)))
		return XDP_PASS;
	route.family = AF_INET;
	route.l4_protocol = p.protocol;
	route.sport = to.source_port;
	route.dport = to.destination_port;
	route.tot_len = bpf_ntohs(ip->tot_len);
	route.tos = ip->tos;
	route.ipv4_src = to.source;
	route.ipv4_dst = to.destination;
	route.ifindex = ctx->ingress_ifindex;
	/* Without a neighbour, or with one that is too far for this packet's length: the stack's.
	 */
	if (bpf_fib_lookup(ctx, &route, sizeof(route), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return XDP_PASS;

	addresses = gain32(ip->saddr, to.source) + gain32(ip->daddr, to.destination);
	ports = gain16(udp->source, to.source_port) + gain16(udp->dest, to.destination_port);
	ip->saddr = to.source;
	ip->daddr = to.destination;
	ip->check = adjust(ip->check, addresses + gain16(bpf_htons((__u16)ip->ttl << 8),
							 bpf_htons((__u16)(ip->ttl - 1) << 8)));
	ip->ttl -= 1;
	udp->source = to.source_port;
	udp->dest = to.destination_port;
	/* The verifier has forgotten by now that the one follows from the other. */
	if (p.protocol == IPPROTO_TCP && (void *)(tcp + 1) <= end) {
		tcp->check = adjust(tcp->check, addresses + ports);
	} else if (udp->check) {
		udp->check = adjust(udp->check, addresses + ports);
		/* 0 would say that there is none. */
		if (!udp->check)
			udp->check = 0xffff;
	}
	/* Not aligned for wider words. */
	__builtin_memcpy(eth->h_source, route.smac, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, route.dmac, ETH_ALEN);
	if (CONFIG(enable_counters))
		count(DROP_NONE, DIRECTION_INGRESS, end - data);
	return route.ifindex == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(route.ifindex, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
