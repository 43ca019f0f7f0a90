// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets that pass the node's stack, where another proxy (kube-proxy) may give them another
 * destination, and another source. Whom such a packet is for is known where it leaves the stack:
 * there it is judged, by who really sent it. Answers take the same way back, since only the stack
 * knows what they shall look like. */
#pragma once

#include "judge.h"
#include "lb.h"
#include "overlay.h"

/* Says whose the device is that a pod's packet came in by, and whether the packet is judged already
 * whatever it will look like: it may wait in the stack for long. */
static __always_inline void stack_mark(struct __sk_buff *skb, const struct flow *flow)
{
	__u32 place = skb->ifindex % POD_DEVICES;
	__u64 owned = (__u64)flow->source.endpoint << 32 | skb->ifindex;
	__u64 *device = bpf_map_lookup_elem(&pod_devices, &place);

	if (flow->is_reply)
		skb->mark |= MARK_JUDGED;
	else
		skb->mark &= ~MARK_JUDGED;
	if (device && *device != owned)
		*device = owned;
}

/* Remembers what goes up the stack now, for whoever sees it come out. */
VERIFIED_ONCE int stack_note(struct __sk_buff *skb, const struct flow *flow)
{
	__u32 zero = 0;
	struct passage *passage = bpf_map_lookup_elem(&passages, &zero);
	struct iphdr ip;

	if (!flow)
		return 0;
	if (flow->hook == HOOK_FROM_POD)
		stack_mark(skb, flow);
	if (!passage || bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return 0;
	addr_set_v4(&passage->source, ip.saddr);
	passage->ifindex = skb->ifindex;
	passage->id = ip.id;
	passage->ttl = ip.ttl;
	passage->protocol = ip.protocol;
	passage->endpoint = flow->hook == HOOK_FROM_POD ? flow->source.endpoint : 0;
	return 0;
}

/* What this packet was when it went up; 0: nobody knows. One CPU takes a packet through the stack
 * without another in between, so it is the last one that went up: else it is not believed to be
 * this one. */
static __always_inline struct passage *stack_passage(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct passage *passage = bpf_map_lookup_elem(&passages, &zero);
	struct iphdr ip;

	if (!passage || bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return 0;
	return passage->ifindex == skb->ingress_ifindex && passage->id == ip.id &&
			       passage->protocol == ip.protocol && passage->ttl == ip.ttl + 1
		       ? passage
		       : 0;
}

/* The entry of a packet's connection while it is alive. */
static __always_inline struct ct_entry *stack_entry(struct flow *flow)
{
	struct ct_entry *entry;

	flow_key(flow);
	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	return entry && entry->expires > ct_now() ? entry : 0;
}

/* One end of a connection that is answered is as it was when it was opened: the packet has an
 * address that says nothing of it. */
static __always_inline void stack_peer(struct side *peer, const struct ct_entry *entry, __u8 side)
{
	side &= 1;
	peer->identity = entry->identity[side];
	peer->cidr_identity = 0;
	peer->endpoint = pod_of(entry->endpoint[side]);
	if (peer->endpoint) {
		peer->kind = SIDE_POD;
		peer->word = endpoint_word(peer->endpoint);
	} else {
		peer->kind = entry->flags & CT_HOST ? SIDE_HOST : SIDE_OTHER;
	}
}

/* An address and port that another proxy may turn to anybody: nobody's leave is asked for it, but
 * for whom it leads to. */
static __always_inline bool stack_is_frontend(const struct flow *flow)
{
	const struct packet *p = &flow->packet;

	if (flow->destination.identity == IDENTITY_SERVICE_RANGE)
		return true;
	return flow->destination.kind == SIDE_HOST && is_node_port(p->destination_port) &&
	       (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP ||
		p->protocol == IPPROTO_SCTP);
}

/* Does this packet of a pod, whose destination is resolved, go up the stack as it is? What opens a
 * connection does while services are another's, to whoever is no pod; what belongs to one takes the
 * way that the connection has. Sets flow->service, and who the destination is. */
VERIFIED_ONCE int stack_takes(struct flow *flow)
{
	struct ct_entry *entry;
	const struct packet *p;
	bool answers;

	if (!flow)
		return false;
	p = &flow->packet;
	if (p->ethertype != ETH_P_IP || flow->destination.kind == SIDE_POD ||
	    flow->destination.identity == IDENTITY_POD_RANGE ||
	    identity_is_cluster(flow->destination.identity))
		return false;
	entry = stack_entry(flow);
	if (entry && entry->endpoint[flow->side & 1] != flow->source.endpoint)
		entry = 0;
	answers = entry && entry->opener != flow->side;
	if (entry && (answers || p->kind != PACKET_OPENS)) {
		if (!entry->stack)
			return false;
		flow->service = FLOW_STACK;
		if (answers) {
			stack_peer(&flow->destination, entry, flow->side ^ 1);
			return true;
		}
	} else if (CONFIG(enable_services)) {
		return false;
	}
	if (stack_is_frontend(flow)) {
		flow->destination.kind = SIDE_OTHER;
		flow->destination.identity = IDENTITY_SERVICE_RANGE;
		flow->destination.cidr_identity = 0;
	} else if (flow->destination.kind == SIDE_HOST) {
		/* To a process of the node, or answered like one. */
		return false;
	}
	flow->service = FLOW_STACK;
	return true;
}

/* Is this an answer to what its destination sent up the stack? Then it is from whom that was for,
 * whatever it looks like. */
VERIFIED_ONCE int stack_answers(struct flow *flow)
{
	struct ct_entry *entry;
	__u8 other;

	if (!flow)
		return false;
	entry = stack_entry(flow);
	other = (flow->side & 1) ^ 1;
	if (!entry || !entry->stack || entry->opener != other ||
	    entry->endpoint[other] !=
		    holder_of(flow->destination.endpoint, &flow->packet.destination))
		return false;
	stack_peer(&flow->source, entry, flow->side);
	flow->service = FLOW_STACK;
	if (flow->packet.kind != PACKET_ERROR)
		flow->packet.kind = PACKET_ANSWERS;
	return true;
}

/* Which pod sent what leaves under the node's address: the one behind the device that it came in
 * by. Sets flow->source where there is one that is to be asked about. Returns a drop reason. */
static __always_inline int stack_pod(struct __sk_buff *skb, struct flow *flow)
{
	__u32 place = skb->ingress_ifindex % POD_DEVICES;
	__u64 *device = bpf_map_lookup_elem(&pod_devices, &place);
	struct side *source = &flow->source;
	__u64 owned;

	if (!device || (skb->mark & MARK_JUDGED))
		return 0;
	owned = *(volatile __u64 *)device;
	if (!owned)
		return 0;
	/* The place is of another device. */
	if ((__u32)owned != skb->ingress_ifindex)
		return DROP_UNKNOWN_SENDER;
	source->kind = SIDE_POD;
	source->endpoint = owned >> 32;
	source->ifindex = (__u32)owned;
	source->word = endpoint_word(source->endpoint);
	source->identity = WORD_IDENTITY(source->word);
	return source->word ? 0 : DROP_NOT_READY;
}

/* What the node forwards out of a device that is no pod's, under the address of a pod or its own:
 * who sent it, and whether it may go there at all. Returns a drop reason; flow->service stays 0
 * when policy need not be asked. */
VERIFIED_ONCE int stack_leaves(struct __sk_buff *skb, struct flow *flow)
{
	struct packet *p;
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	p = &flow->packet;
	if (flow->source.kind == SIDE_HOST) {
		/* An answer under the frontend's address was judged when it went up; and what a
		 * pod opens, if it is masqueraded already, is judged without its connection. */
		reason = stack_pod(skb, flow);
		if (reason || flow->source.kind == SIDE_HOST)
			return reason;
	} else if (flow->source.ifindex != skb->ingress_ifindex) {
		return DROP_SPOOFED_IP;
	}
	if (p->kind == PACKET_ERROR) {
		reason = parse_quoted(skb, p, true);
		if (reason)
			return reason;
	}
	flow->service = FLOW_STACK;
	resolve(&p->destination, &flow->destination);
	reason = nobody_at(&flow->destination);
	return !reason && forges_tunnel(flow) ? DROP_FORGED_TUNNEL : reason;
}

/* Is this an answer to whom another proxy has masqueraded? Then its destination is who asked. */
VERIFIED_ONCE int stack_asked(struct flow *flow)
{
	struct ct_entry *entry;
	__u8 other;

	if (!flow)
		return false;
	entry = stack_entry(flow);
	other = (flow->side & 1) ^ 1;
	if (!entry || !entry->stack || entry->opener != other)
		return false;
	stack_peer(&flow->destination, entry, other);
	return true;
}

/* The same of an error about a connection, whoever opened that. */
VERIFIED_ONCE int stack_quotes(struct flow *flow)
{
	struct ct_entry *entry;

	if (!flow)
		return false;
	entry = stack_entry(flow);
	if (!entry || !entry->stack)
		return false;
	stack_peer(&flow->source, entry, flow->side);
	flow->service = FLOW_STACK;
	return true;
}

/* Of what the node forwards to a pod under its sender's own address: it may be of a connection to
 * the pod's own, judged already at the device that it came in by. Returns a drop reason. */
static __always_inline int stack_same(struct flow *flow)
{
	struct ct_entry *entry;

	if (flow->source.kind == SIDE_HOST)
		return DROP_SPOOFED_IP;
	if (flow->packet.kind == PACKET_ERROR)
		return 0;
	entry = stack_entry(flow);
	if (entry && !entry->stack)
		flow->service = 0;
	return 0;
}

/* Who sent what the node forwards, whose two ends are resolved. Under another address than its own
 * it is known by what it was when it went up. Returns a drop reason. */
VERIFIED_ONCE int stack_sender(struct __sk_buff *skb, struct flow *flow)
{
	struct passage *passage;
	struct side *source;
	struct side sender = {};

	if (!flow)
		return DROP_INTERNAL;
	source = &flow->source;
	flow->service = FLOW_STACK;
	/* By the device that it came in by: there its address was compared. */
	if (source->kind == SIDE_POD)
		return source->ifindex == skb->ingress_ifindex ? 0 : DROP_SPOOFED_IP;
	if (flow->packet.kind != PACKET_ERROR && stack_answers(flow))
		return 0;
	passage = stack_passage(skb);
	if (!passage || addr_equal(&passage->source, &flow->packet.source))
		return stack_same(flow);
	resolve(&passage->source, &sender);
	source->identity = sender.identity;
	source->cidr_identity = sender.cidr_identity;
	source->endpoint = sender.endpoint;
	source->kind = sender.kind;
	if (sender.kind == SIDE_HOST || sender.endpoint != passage->endpoint)
		return DROP_SPOOFED_IP;
	if (sender.endpoint)
		source->word = sender.word;
	return 0;
}
