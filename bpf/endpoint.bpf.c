// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The two programs at the host side of a pod's veth pair. Every pod has its own copies, with its
 * addresses, device and endpoint id as constants: what a pod is does not depend on what it sends.
 * They check that and let established packets pass; everything else is judged by judge.bpf.c. */
#include "lib/accounts.h"
#include "lib/arp.h"
#include "lib/conntrack.h"
#include "lib/deliver.h"
#include "lib/overlay.h"
#include "lib/parse.h"
#include "lib/unfinished.h"

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

static __always_inline int check_source_v6(struct __sk_buff *skb)
{
	union addr source;

	if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct ipv6hdr, saddr), &source,
			       sizeof(source)) < 0)
		return DROP_MALFORMED;
	return source.hi == CONFIG(ipv6.hi) && source.lo == CONFIG(ipv6.lo) ? 0 : DROP_SPOOFED_IP;
}

/* The only way out for a packet that must not go on. It is counted here; if it may be told of, too,
 * a program that is there once for all endpoints does so. */
static __always_inline int refuse(struct __sk_buff *skb, enum hook hook, __u32 reason)
{
	__u32 direction = hook == HOOK_FROM_POD ? DIRECTION_EGRESS : DIRECTION_INGRESS;
	struct drop_key key = {
		.reason = reason, .endpoint = CONFIG(endpoint), .direction = direction};
	struct drop_counter *row = count_drop(&key, skb->len);
	struct event_account *account;

	if (!CONFIG(enable_events))
		return TC_ACT_SHOT;
	account = event_room(CONFIG(endpoint) * 2 + direction, EVENT_SHARE_BROKEN, row);
	if (!account)
		return TC_ACT_SHOT;
	skb->cb[CB_ENDPOINT] = CONFIG(endpoint);
	skb->cb[CB_HOOK] = hook;
	skb->cb[CB_REASON] = reason;
	bpf_tail_call(skb, &judges, JUDGE_DROPPED);
	event_missed(account, row, EVENT_LOST);
	return TC_ACT_SHOT;
}

/* At the ingress of the host side: what the pod sends. */
SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	struct packet packet = {}, *p = &packet;
	struct ct_entry *entry;
	struct ct_key key;
	struct tcphdr *tcp;
	struct iphdr *ip;
	void *data, *end;
	__u64 word = endpoint_word(CONFIG(endpoint));
	__u32 now, way;
	bool elsewhere;
	__u8 side;
	int reason, action = TC_ACT_SHOT;

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
	if (p->ethertype == ETH_P_IPV6) {
		reason = check_source_v6(skb);
		if (reason)
			goto out;
		goto judge;
	}
	if ((void *)tcp + sizeof(struct udphdr) > end) {
		/* Shorter than any transport header, or not in the linear part of the buffer. */
		struct iphdr copy;

		if (bpf_skb_load_bytes(skb, ETH_HLEN, &copy, sizeof(copy)) < 0) {
			reason = DROP_MALFORMED;
			goto out;
		}
		reason = parse_ipv4(skb, &copy, p);
		if (!reason)
			reason = check_source_v4(p);
		if (reason)
			goto out;
		goto judge;
	}
	reason = parse_ipv4(skb, ip, p);
	if (!reason)
		reason = check_source_v4(p);
	if (reason)
		goto out;
	if (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
		goto judge;
	p->source_port = tcp->source;
	p->destination_port = tcp->dest;
	if (p->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end || tcp->doff < 5 || p->l4 + sizeof(*tcp) > p->end)
			goto judge;
		p->tcp_flags = ((__u8 *)tcp)[13];
		if ((p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) != TCP_ACK)
			goto judge;
		p->kind = PACKET_CONTINUES;
	} else if (p->protocol != IPPROTO_UDP || p->l4 + sizeof(struct udphdr) > p->end) {
		goto judge;
	}
	p->policy_port = p->destination_port;

	side = ct_key_of(&key, p->protocol, &p->source, p->source_port, &p->destination,
			 p->destination_port);
	entry = bpf_map_lookup_elem(&conntrack, &key);
	now = ct_now();
	/* A translated packet has more to go wrong than to look up. */
	if (!entry || !ct_established(entry, side, CONFIG(endpoint), word, now) || entry->nat_port)
		goto judge;
	way = entry->way[side ^ 1];
	elsewhere = CONFIG(enable_overlay) && way && !pod_of(entry->endpoint[side ^ 1]);
	/* To another node, to this one, or from the pod's own address to the world: the stack or a
	 * card may write the checksum. Within the node nobody does. */
	if ((!way || elsewhere) && unfinished_elsewhere(skb, p)) {
		reason = DROP_UNFINISHED_CHECKSUM;
		goto out;
	}
	ct_renew(entry, now);
	if (CONFIG(enable_counters))
		count(DROP_NONE, DIRECTION_EGRESS, skb->len);
	if (elsewhere) {
		reason = encapsulate(skb, way, WORD_IDENTITY(word), entry->identity[side ^ 1],
				     &action);
		if (reason)
			goto out;
		return action;
	}
	if (way)
		return deliver_to_pod(skb, ETH_P_IP, p->destination.v4, way);
	return TC_ACT_OK;
judge:
	skb->cb[CB_ENDPOINT] = CONFIG(endpoint);
	skb->cb[CB_IFINDEX] = CONFIG(ifindex);
	bpf_tail_call(skb, &judges, JUDGE_FROM_POD);
	reason = DROP_INTERNAL;
out:
	return refuse(skb, HOOK_FROM_POD, reason);
}

/* At the egress of the host side: what the node's stack sends to the pod. Traffic between pods of
 * the node does not come this way. */
SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	skb->cb[CB_ENDPOINT] = CONFIG(endpoint);
	bpf_tail_call(skb, &judges, JUDGE_TO_POD);
	return refuse(skb, HOOK_TO_POD, DROP_INTERNAL);
}

char _license[] SEC("license") = "Dual BSD/GPL";
