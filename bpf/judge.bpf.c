// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What an established packet does not need: everything that is decided about a packet of or to a
 * pod of this node. One copy for all endpoints; their own programs (endpoint.bpf.c) have checked
 * that the packet is the pod's, and hand it over by tail call. */
#include "lib/deliver.h"
#include "lib/icmp_answer.h"
#include "lib/fragment.h"
#include "lib/ipv6.h"
#include "lib/judge.h"
#include "lib/overlay.h"
#include "lib/parse.h"
#include "lib/service_established.h"
#include "lib/service_hairpin.h"
#include "lib/service_past.h"
#include "lib/stack.h"
#include "lib/unfinished.h"

/* Down to the transport header. `sender`: the endpoint, 0 for whoever sends through the node's
 * stack. Returns a drop reason. */
static __always_inline int parse(struct __sk_buff *skb, struct packet *p, __u32 sender)
{
	p->ethertype = bpf_ntohs(skb->protocol);
	if (p->ethertype == ETH_P_IP) {
		struct iphdr ip;
		__u16 fragment;
		int reason;

		if (!load_ipv4(skb, &ip))
			return DROP_MALFORMED;
		reason = parse_ipv4(skb, &ip, p);
		if (reason)
			return reason;
		fragment = bpf_ntohs(ip.frag_off);
		if (fragment & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
			return parse_fragment(skb, p, fragment & IP_OFFSET_MASK, ip.id, sender);
		return parse_l4(skb, p);
	}
	if (p->ethertype == ETH_P_IPV6)
		return CONFIG(enable_ipv6) ? parse_ipv6(skb, p) : DROP_IPV6_DISABLED;
	/* The node knows its pods' MAC addresses and has nothing to ask. */
	return p->ethertype == ETH_P_ARP ? DROP_ARP_UNEXPECTED : DROP_UNKNOWN_L3;
}

/* Where a packet of a pod goes that may go on. Returns a drop reason, or 0 and the action. */
VERIFIED_ONCE int deliver(struct __sk_buff *skb, struct flow *flow, const struct rewrite *rewrite,
			  int *action)
{
	struct packet *p;
	int reason;

	if (!flow || !rewrite || !action)
		return DROP_INTERNAL;
	p = &flow->packet;
	if (CONFIG(enable_services) && rewrite->new_addr) {
		reason = rewrite_packet(skb, flow, rewrite);
		if (reason)
			return reason;
		/* The frontend is an address of the node: the stack would not send under it for
		 * somebody else. */
		if (rewrite->source && flow->destination.kind == SIDE_OTHER &&
		    rewrite->new_addr != rewrite->old_addr) {
			reason = own_fragment_id(skb, p);
			return reason ? reason : route_out(skb, flow, action);
		}
	}
	switch (flow->destination.kind) {
	case SIDE_POD:
		*action = deliver_to_pod(skb, p->ethertype, p->destination.v4,
					 flow->destination.ifindex);
		return 0;
	case SIDE_HOST:
		return 0;
	default:
		if (CONFIG(enable_overlay) && flow->destination.tunnel)
			return encapsulate(skb, flow->destination.tunnel, flow->source.identity,
					   flow->destination.identity, action);
		if (flow->nat_port) {
			reason = own_fragment_id(skb, p);
			if (reason)
				return reason;
		}
		return deliver_to_world(skb, flow, action);
	}
}

/* A pod of another node whose packets were judged before the ipcache knew it is known by its
 * connection: its answers are not held up. The range says that it still is that node's. */
VERIFIED_ONCE int recognise(struct flow *flow)
{
	struct ct_entry *entry;
	__u8 other;

	if (!flow)
		return 0;
	flow_key(flow);
	other = (flow->side & 1) ^ 1;
	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	if (!entry || entry->expires <= ct_now() || entry->opener != other ||
	    !flow->destination.tunnel || ct_tunnel(entry, other) != flow->destination.tunnel ||
	    !identity_is_cluster(entry->identity[other]))
		return 0;
	flow->destination.identity = entry->identity[other];
	return 0;
}

/* What a pod says on a connection of TCP with another pod, here or elsewhere, that was judged under
 * words that still stand: it may change the connection, not who its ends are, and nobody is asked
 * that. Returns a drop reason, or 0 and the action, which stays as it is when the packet has to be
 * judged. */
VERIFIED_ONCE int go_on(struct __sk_buff *skb, struct flow *flow, int *action)
{
	const struct packet *p;
	struct ct_entry *entry;
	__u32 now = ct_now(), way;
	__u8 side, other;
	bool here;

	if (!flow || !action)
		return DROP_INTERNAL;
	p = &flow->packet;
	flow_key(flow);
	side = flow->side & 1;
	other = side ^ 1;
	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	if (!entry || entry->nat_port || (entry->flags & CT_SERVICE) ||
	    !ct_stands(entry, side, flow->source.endpoint, flow->source.word, now))
		return 0;
	way = entry->way[other];
	here = pod_of(entry->endpoint[other]);
	if (!way || (!here && !CONFIG(enable_overlay)))
		return 0;
	if (!here && unfinished_elsewhere(skb, p))
		return DROP_UNFINISHED_CHECKSUM;
	ct_ends(flow, entry);
	ct_follow(skb, flow, entry, now);
	if (!here)
		return encapsulate(skb, way, flow->source.identity, flow->destination.identity,
				   action);
	*action = deliver_to_pod(skb, ETH_P_IP, p->destination.v4, way);
	return 0;
}

/* What a pod sends. Its link and source address are checked already. */
SEC("tc")
int judge_from_pod(struct __sk_buff *skb)
{
	struct flow flow = {.hook = HOOK_FROM_POD};
	struct rewrite rewrite = {};
	struct packet *p = &flow.packet;
	__u32 endpoint = skb->cb[CB_ENDPOINT];
	int reason, action = TC_ACT_OK;

	flow.source.endpoint = endpoint;
	reason = parse(skb, p, endpoint);
	if (reason)
		goto out;
	flow.source.ifindex = skb->cb[CB_IFINDEX];
	flow.source.word = endpoint_word(endpoint);
	flow.source.identity = WORD_IDENTITY(flow.source.word);
	if (ct_may_go_on(p)) {
		reason = go_on(skb, &flow, &action);
		if (reason)
			goto out;
		if (action != TC_ACT_OK)
			goto forwarded;
	}
	if (CONFIG(enable_services) && p->ethertype == ETH_P_IP && service_back(&flow, &rewrite)) {
		reason = unfinished_elsewhere(skb, p) ? DROP_UNFINISHED_CHECKSUM
						      : own_fragment_id(skb, p);
		if (!reason)
			reason = rewrite_v4(skb, &flow, &rewrite);
		if (!reason)
			reason = route_out(skb, &flow, &action);
		if (reason)
			goto out;
		goto forwarded;
	}
	if (!flow.source.word) {
		reason = DROP_NOT_READY;
		goto out;
	}
	if (CONFIG(enable_ipv6) && p->ethertype == ETH_P_IPV6 && p->destination.bytes[0] == 0xff) {
		reason = DROP_MULTICAST;
		goto out;
	}
	if (p->kind == PACKET_ERROR) {
		/* Before the tuple is that of the quoted packet. */
		reason = unfinished_elsewhere(skb, p) ? DROP_UNFINISHED_CHECKSUM
						      : parse_quoted(skb, p, true);
		if (reason)
			goto out;
	}
	resolve(&p->destination, &flow.destination);
	if (CONFIG(enable_stack) && stack_takes(&flow)) {
		if (unfinished_elsewhere(skb, p))
			reason = DROP_UNFINISHED_CHECKSUM;
		else if (forges_tunnel(&flow))
			reason = DROP_FORGED_TUNNEL;
		else
			reason = judge(skb, &flow, true);
		if (reason)
			goto out;
		stack_note(skb, &flow);
		goto forwarded;
	}
	if (CONFIG(enable_services)) {
		reason = service_turn(&flow, &rewrite, SERVICE_INSIDE);
		if (reason)
			goto out;
		if (flow.service & FLOW_HAIRPIN)
			reason = service_hairpin(skb, &flow, &rewrite, &action);
		else if (p->ethertype == ETH_P_IP && p->destination.v4 == CONFIG(gateway_ipv4))
			reason = service_hairpin_answer(skb, &flow, &action);
		if (reason)
			goto out;
		if (action != TC_ACT_OK)
			goto forwarded;
	}
	if (CONFIG(enable_overlay) && flow.destination.identity == IDENTITY_POD_RANGE)
		recognise(&flow);
	reason = nobody_at(&flow.destination);
	/* Between pods of this node nobody writes a checksum. */
	if (!reason && flow.destination.kind != SIDE_POD && unfinished_elsewhere(skb, p))
		reason = DROP_UNFINISHED_CHECKSUM;
	if (reason)
		goto out;
	if (forges_tunnel(&flow)) {
		reason = DROP_FORGED_TUNNEL;
		goto out;
	}
	reason = judge(skb, &flow, !CONFIG(enable_services) || flow.service);
	if (CONFIG(enable_services)) {
		if (reason == DROP_SERVICE_CONFLICT) {
			reason = service_past(&flow, &rewrite);
			if (!reason)
				reason = judge(skb, &flow, true);
		}
		if (!reason)
			reason = service_remember(&flow, &rewrite);
	}
	if (reason)
		goto out;
	if (CONFIG(enable_services) && is_translated(&flow) && flow.is_reply) {
		reason = service_answer(&flow, &rewrite);
		if (reason)
			goto out;
	}
	/* To a pod of this node that was asked through the stack. */
	if (CONFIG(enable_stack) && (flow.service & FLOW_STACK)) {
		if (unfinished_elsewhere(skb, p)) {
			reason = DROP_UNFINISHED_CHECKSUM;
			goto out;
		}
		stack_note(skb, &flow);
		goto forwarded;
	}
	/* Under the pod's own address the stack forwards, and says so itself. */
	if (flow.nat_port && flow.destination.kind == SIDE_OTHER && p->ttl <= 1) {
		drop(skb, &flow, DROP_TTL_EXCEEDED);
		return answer_sender(skb, &flow, &rewrite, 0);
	}
	/* Most is for a pod of this node, as it is. */
	if (flow.destination.kind == SIDE_POD && !rewrite.new_addr) {
		action = deliver_to_pod(skb, p->ethertype, p->destination.v4,
					flow.destination.ifindex);
		goto forwarded;
	}
	reason = deliver(skb, &flow, &rewrite, &action);
	if (reason)
		goto out;
forwarded:
	if (CONFIG(enable_counters))
		count(DROP_NONE, DIRECTION_EGRESS, skb->len);
	return action;
out:
	if (reason == DROP_PACKET_TOO_LONG) {
		int mtu = route_mtu(skb, p->destination.v4);

		drop(skb, &flow, reason);
		return mtu ? answer_sender(skb, &flow, &rewrite, mtu) : TC_ACT_SHOT;
	}
	return drop(skb, &flow, reason);
}

/* Who sends through the node's stack to a pod. Returns a drop reason. */
static __always_inline int identify_sender(struct __sk_buff *skb, struct flow *flow)
{
	struct side *source = &flow->source;

	resolve(&flow->packet.source, source);
	if (CONFIG(enable_stack) && skb->ingress_ifindex) {
		int reason = stack_sender(skb, flow);

		if (reason || source->kind == SIDE_POD ||
		    (flow->packet.kind == PACKET_ANSWERS && (flow->service & FLOW_STACK)))
			return reason;
	}
	/* A pod's packets come through its own program or not at all. */
	if (source->kind == SIDE_POD)
		return DROP_SPOOFED_IP;
	/* What the node itself sends has come in by no device; what it forwards has, and is not the
	 * node. */
	if (!skb->ingress_ifindex) {
		/* A process that answers for a service of another proxy. */
		if (CONFIG(enable_stack) && flow->packet.kind != PACKET_ERROR &&
		    stack_answers(flow))
			return 0;
		source->kind = SIDE_HOST;
		source->identity = IDENTITY_HOST;
		return 0;
	}
	if (source->kind == SIDE_HOST)
		return DROP_SPOOFED_IP;
	if (flow->packet.ethertype == ETH_P_IP && (v4_is_multicast(flow->packet.source.v4) ||
						   flow->packet.source.v4 == CONFIG(gateway_ipv4)))
		return DROP_MARTIAN;
	return pretender(source);
}

/* What the node's stack sends to a pod. */
SEC("tc")
int judge_to_pod(struct __sk_buff *skb)
{
	struct flow flow = {.hook = HOOK_TO_POD};
	struct packet *p = &flow.packet;
	struct rewrite rewrite = {};
	__u32 endpoint = skb->cb[CB_ENDPOINT];
	int reason;

	flow.destination.endpoint = endpoint;
	reason = skb->vlan_present ? DROP_VLAN : parse(skb, p, 0);
	if (reason)
		goto out;
	if (p->ethertype == ETH_P_IP &&
	    (v4_is_loopback(p->source.v4) || v4_is_loopback(p->destination.v4))) {
		reason = DROP_LOOPBACK_ADDRESS;
		goto out;
	}
	resolve(&p->destination, &flow.destination);
	if (flow.destination.kind != SIDE_POD || flow.destination.endpoint != endpoint) {
		flow.destination.endpoint = endpoint;
		reason = DROP_WRONG_DESTINATION;
		goto out;
	}
	reason = identify_sender(skb, &flow);
	if (reason)
		goto out;
	if (p->kind == PACKET_ERROR) {
		reason = parse_quoted(skb, p, false);
		if (reason)
			goto out;
		/* The connection is with whom the quoted packet went to; the error may be a
		 * router's, or the node's own about a connection that it forwards or translates. */
		resolve(&p->source, &flow.source);
		/* What pods of this node say to each other comes this way through a service of
		 * another proxy only. */
		if (!(CONFIG(enable_stack) && stack_quotes(&flow)) &&
		    flow.source.kind == SIDE_POD) {
			reason = DROP_ICMP_UNRELATED;
			goto out;
		}
	}
	reason = judge(skb, &flow, true);
	if (reason)
		goto out;
	/* A process of the node that answers for a service. */
	if (CONFIG(enable_services) && is_translated(&flow) && flow.is_reply) {
		reason = service_answer(&flow, &rewrite);
		if (!reason)
			reason = rewrite_packet(skb, &flow, &rewrite);
		if (reason)
			goto out;
	}
	if (CONFIG(enable_counters))
		count(DROP_NONE, DIRECTION_INGRESS, skb->len);
	return TC_ACT_OK;
out:
	return drop(skb, &flow, reason);
}

/* Tells of a packet that an endpoint's own program has dropped and counted, and that has room in
 * the endpoint's account. Nothing is remembered of it, so that of a fragment no more is read than
 * stands in it. */
SEC("tc")
int dropped(struct __sk_buff *skb)
{
	__u32 endpoint = skb->cb[CB_ENDPOINT], reason = skb->cb[CB_REASON];
	struct flow flow = {.hook = skb->cb[CB_HOOK]};
	struct drop_key key = {.reason = reason, .endpoint = endpoint};
	struct packet *p = &flow.packet;
	struct iphdr ip;

	if (flow.hook == HOOK_FROM_POD) {
		key.direction = DIRECTION_EGRESS;
		flow.source.endpoint = endpoint;
		flow.source.identity = WORD_IDENTITY(endpoint_word(endpoint));
	} else {
		flow.destination.endpoint = endpoint;
		flow.destination.identity = WORD_IDENTITY(endpoint_word(endpoint));
	}
	p->ethertype = bpf_ntohs(skb->protocol);
	if (p->ethertype == ETH_P_IP && load_ipv4(skb, &ip)) {
		/* Of what is wrong with it as much is told as can be read. */
		parse_ipv4(skb, &ip, p);
		if (ip.version == 4 && ip.ihl == 5 && !(ip.frag_off & bpf_htons(IP_OFFSET_MASK)))
			parse_l4(skb, p);
	}
	if (CONFIG(enable_events))
		tell_drop(skb, &flow, &key, drops_row(&key));
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
