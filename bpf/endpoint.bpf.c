// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The two programs at the host side of a pod's veth pair. Every pod has its own copies, with its
 * addresses, device and endpoint id as constants: what a pod is does not depend on what it sends.
 */
#include "lib/arp.h"
#include "lib/conntrack.h"
#include "lib/deliver.h"
#include "lib/fragment.h"
#include "lib/ipv6.h"
#include "lib/parse.h"

/* Layer 2 and the address check: nothing of a packet counts until it is known to be the pod's own.
 * Returns a drop reason; for IPv4 the parsed header. */
static __always_inline int check_link(struct __sk_buff *skb, struct packet *p)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return DROP_MALFORMED;
	p->ethertype = bpf_ntohs(eth->h_proto);
	if (!mac_equal(eth->h_source, config.mac))
		return DROP_SPOOFED_MAC;
	/* The stack has taken the tag off already. */
	if (skb->vlan_present || p->ethertype == ETH_P_8021Q || p->ethertype == ETH_P_8021AD)
		return DROP_VLAN;
	if (p->ethertype == ETH_P_IPV6 && !CONFIG(enable_ipv6))
		return DROP_IPV6_DISABLED;
	if (p->ethertype != ETH_P_IP && p->ethertype != ETH_P_IPV6 && p->ethertype != ETH_P_ARP)
		return DROP_UNKNOWN_L3;
	if (p->ethertype == ETH_P_ARP)
		return 0;
	if (!mac_equal(eth->h_dest, config.gateway_mac))
		return DROP_WRONG_GATEWAY_MAC;
	return 0;
}

static __always_inline int check_source_v4(const struct packet *p)
{
	__be32 source = p->source.v4, destination = p->destination.v4;

	if (source != CONFIG(ipv4.v4))
		return v4_is_loopback(source) ? DROP_LOOPBACK_ADDRESS : DROP_SPOOFED_IP;
	if (v4_is_loopback(destination))
		return DROP_LOOPBACK_ADDRESS;
	if (v4_is_multicast(destination))
		return DROP_MULTICAST;
	if (destination == source)
		return DROP_WRONG_DESTINATION;
	return 0;
}

/* Everything that an established packet does not need. The packet is parsed down to the transport
 * header. */
VERIFIED_ONCE int from_pod_slow(struct __sk_buff *skb, struct flow *flow)
{
	struct packet *p;
	int reason, action = TC_ACT_OK;

	if (!flow)
		return TC_ACT_SHOT;
	p = &flow->packet;
	if (!flow->source.word) {
		reason = DROP_NOT_READY;
		goto out;
	}
	if (CONFIG(enable_cidr_selects)) {
		struct endpoint_value *self = bpf_map_lookup_elem(&endpoints, &p->source);

		flow->source.cidr_identity = self ? self->cidr_identity : 0;
	}
	if (p->kind == PACKET_ERROR) {
		reason = parse_quoted(skb, p, true);
		if (reason)
			goto out;
	}
	resolve(&p->destination, &flow->destination);
	/* The overlay's port on a node belongs to nodes: a pod that sends to it forges identities.
	 */
	if (CONFIG(tunnel_port) && p->protocol == IPPROTO_UDP &&
	    p->destination_port == CONFIG(tunnel_port) &&
	    (flow->destination.kind == SIDE_HOST ||
	     flow->destination.identity == IDENTITY_REMOTE_NODE ||
	     flow->destination.identity == IDENTITY_KUBE_APISERVER)) {
		reason = DROP_FORGED_TUNNEL;
		goto out;
	}
	reason = judge(skb, flow);
	if (reason)
		goto out;
	switch (flow->destination.kind) {
	case SIDE_POD:
		action = deliver_to_pod(skb, p->ethertype, p->destination.v4,
					flow->destination.ifindex);
		break;
	case SIDE_HOST:
		break;
	default:
		if (identity_is_cluster(flow->destination.identity)) {
			reason = DROP_NO_ROUTE;
			goto out;
		}
		/* The quoted packet of an error would have to be translated back as well. */
		if (p->kind == PACKET_ERROR && flow->nat_port) {
			reason = DROP_ICMP_UNRELATED;
			goto out;
		}
		reason = deliver_to_world(skb, flow, &action);
		if (reason)
			goto out;
	}
	if (CONFIG(enable_counters))
		count(DROP_NONE, DIRECTION_EGRESS, skb->len);
	return action;
out:
	return drop(skb, flow, reason);
}

/* Rare shapes of IPv4 and all of IPv6: parse and go the slow way. */
VERIFIED_ONCE int from_pod_rare(struct __sk_buff *skb, struct flow *flow)
{
	struct packet *p;
	int reason;

	if (!flow)
		return TC_ACT_SHOT;
	p = &flow->packet;
	if (p->ethertype == ETH_P_IP) {
		struct iphdr ip;
		__u16 fragment;

		if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
			return drop(skb, flow, DROP_MALFORMED);
		reason = parse_ipv4(skb, &ip, p);
		if (!reason)
			reason = check_source_v4(p);
		if (reason)
			return drop(skb, flow, reason);
		fragment = bpf_ntohs(ip.frag_off);
		if (fragment & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
			reason = parse_fragment(skb, p, fragment & IP_OFFSET_MASK, ip.id);
		else
			reason = parse_l4(skb, p);
	} else if (CONFIG(enable_ipv6)) {
		reason = parse_ipv6(skb, p);
		if (!reason && !addr_equal(&p->source, (const union addr *)&config.ipv6))
			reason = DROP_SPOOFED_IP;
		if (!reason && p->destination.bytes[0] == 0xff)
			reason = DROP_MULTICAST;
	} else {
		reason = DROP_IPV6_DISABLED;
	}
	if (reason)
		return drop(skb, flow, reason);
	return from_pod_slow(skb, flow);
}

/* At the ingress of the host side: what the pod sends. */
SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	struct flow flow = {};
	struct packet *p = &flow.packet;
	struct ct_entry *entry;
	struct tcphdr *tcp;
	struct iphdr *ip;
	void *data, *end;
	__u64 word = endpoint_word(CONFIG(endpoint));
	__u32 now;
	__u8 side;
	int reason, action = TC_ACT_SHOT;

	flow.hook = HOOK_FROM_POD;
	flow.source.word = word;
	flow.source.identity = WORD_IDENTITY(word);
	flow.source.endpoint = CONFIG(endpoint);
	flow.source.ifindex = CONFIG(ifindex);

	reason = check_link(skb, p);
	if (reason)
		goto out;
	if (p->ethertype == ETH_P_ARP) {
		reason = word ? answer_arp(skb, &action) : DROP_NOT_READY;
		if (reason)
			goto out;
		return action;
	}
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	ip = data + ETH_HLEN;
	tcp = (void *)(ip + 1);
	if (p->ethertype != ETH_P_IP || (void *)tcp + sizeof(struct udphdr) > end)
		goto rare;
	reason = parse_ipv4(skb, ip, p);
	if (!reason)
		reason = check_source_v4(p);
	if (reason)
		goto out;
	if (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
		goto rare;
	p->source_port = tcp->source;
	p->destination_port = tcp->dest;
	if (p->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end || tcp->doff < 5)
			goto rare;
		p->tcp_flags = ((__u8 *)tcp)[13];
		if ((p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) != TCP_ACK)
			goto rare;
		p->kind = PACKET_CONTINUES;
	} else if (p->protocol != IPPROTO_UDP) {
		goto rare;
	}
	p->policy_port = p->destination_port;

	flow_key(&flow);
	side = flow.side & 1;
	entry = bpf_map_lookup_elem(&conntrack, &flow.key);
	now = ct_now();
	/* A translated packet goes the slow way: it has more to go wrong than to look up. */
	if (!entry || !ct_established(entry, side, CONFIG(endpoint), word, now) || entry->nat_port)
		return from_pod_slow(skb, &flow);
	ct_renew(entry, now);
	if (CONFIG(enable_counters))
		count(DROP_NONE, DIRECTION_EGRESS, skb->len);
	if (entry->ifindex[side ^ 1])
		return deliver_to_pod(skb, ETH_P_IP, p->destination.v4, entry->ifindex[side ^ 1]);
	/* To the node, or from the pod's own address to the world: the stack's. */
	return TC_ACT_OK;
rare:
	return from_pod_rare(skb, &flow);
out:
	return drop(skb, &flow, reason);
}

/* What the node's stack sends, down to the transport header. Returns a drop reason. */
static __always_inline int parse_to_pod(struct __sk_buff *skb, struct packet *p)
{
	p->ethertype = bpf_ntohs(skb->protocol);
	if (skb->vlan_present)
		return DROP_VLAN;
	if (p->ethertype == ETH_P_IP) {
		struct iphdr ip;
		__u16 fragment;
		int reason;

		if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
			return DROP_MALFORMED;
		reason = parse_ipv4(skb, &ip, p);
		if (reason)
			return reason;
		if (v4_is_loopback(ip.saddr) || v4_is_loopback(ip.daddr))
			return DROP_LOOPBACK_ADDRESS;
		if (ip.daddr != CONFIG(ipv4.v4))
			return DROP_WRONG_DESTINATION;
		fragment = bpf_ntohs(ip.frag_off);
		if (fragment & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
			return parse_fragment(skb, p, fragment & IP_OFFSET_MASK, ip.id);
		return parse_l4(skb, p);
	}
	if (p->ethertype == ETH_P_IPV6) {
		int reason;

		if (!CONFIG(enable_ipv6))
			return DROP_IPV6_DISABLED;
		reason = parse_ipv6(skb, p);
		if (!reason && !addr_equal(&p->destination, (const union addr *)&config.ipv6))
			return DROP_WRONG_DESTINATION;
		return reason;
	}
	/* The node knows its pods' MAC addresses and has nothing to ask. */
	return p->ethertype == ETH_P_ARP ? DROP_ARP_UNEXPECTED : DROP_UNKNOWN_L3;
}

/* Who sends through the node's stack to a pod. Returns a drop reason. */
static __always_inline int identify_sender(struct __sk_buff *skb, struct flow *flow)
{
	struct side *source = &flow->source;

	resolve(&flow->packet.source, source);
	/* A pod's packets come through its own program or not at all. */
	if (source->kind == SIDE_POD)
		return DROP_SPOOFED_IP;
	/* What the node itself sends has come in by no device; what it forwards has, and is not the
	 * node. */
	if (!skb->ingress_ifindex) {
		source->kind = SIDE_HOST;
		source->identity = IDENTITY_HOST;
		return 0;
	}
	if (source->kind == SIDE_HOST)
		return DROP_SPOOFED_IP;
	return identity_is_cluster(source->identity) ? DROP_UNENCAPSULATED : 0;
}

/* At the egress of the host side: what the node's stack sends to the pod. Traffic between pods of
 * the node does not come this way. */
SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	struct flow flow = {};
	struct packet *p = &flow.packet;
	int reason;

	flow.hook = HOOK_TO_POD;
	flow.destination.word = endpoint_word(CONFIG(endpoint));
	flow.destination.identity = WORD_IDENTITY(flow.destination.word);
	flow.destination.endpoint = CONFIG(endpoint);
	flow.destination.ifindex = CONFIG(ifindex);

	reason = parse_to_pod(skb, p);
	if (!reason)
		reason = identify_sender(skb, &flow);
	if (reason)
		goto out;
	if (CONFIG(enable_cidr_selects)) {
		struct endpoint_value *self = bpf_map_lookup_elem(&endpoints, &p->destination);

		flow.destination.cidr_identity = self ? self->cidr_identity : 0;
	}
	if (p->kind == PACKET_ERROR) {
		reason = parse_quoted(skb, p, false);
		if (reason)
			goto out;
		/* The connection is with whom the quoted packet went to; the error may be a
		 * router's, or the node's own about a connection that it forwards or translates. */
		resolve(&p->source, &flow.source);
	}
	reason = judge(skb, &flow);
	if (reason)
		goto out;
	if (CONFIG(enable_counters))
		count(DROP_NONE, DIRECTION_INGRESS, skb->len);
	return TC_ACT_OK;
out:
	return drop(skb, &flow, reason);
}

char _license[] SEC("license") = "Dual BSD/GPL";
