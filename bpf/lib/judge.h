// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verdict about a packet whose two ends are known: what conntrack remembers, what policy says,
 * and what conntrack shall remember of it. */
#pragma once

#include "conntrack.h"
#include "events.h"
#include "identity.h"
#include "nat.h"
#include "policy.h"

/* Timeouts in ticks of 1.07 s. RFC 5382 asks for at least 2 h 4 min for an established TCP
 * connection, RFC 4787 for at least 2 min for UDP; RFC 5382 for 4 min where only one side has
 * spoken, which a flood of SYNs would turn against us: 60 s is what Linux waits for an answer to
 * its last SYN. */
#define TIMEOUT_TCP_OPENING 60
#define TIMEOUT_TCP 8040
#define TIMEOUT_CLOSING 10
#define TIMEOUT_OTHER_OPENING 30
#define TIMEOUT_OTHER 120

static __always_inline __u16 ct_timeout(const struct packet *p, __u8 flags)
{
	if (flags & CT_CLOSING)
		return TIMEOUT_CLOSING;
	if (p->protocol == IPPROTO_TCP)
		return flags & CT_REPLIED ? TIMEOUT_TCP : TIMEOUT_TCP_OPENING;
	return flags & CT_REPLIED ? TIMEOUT_OTHER : TIMEOUT_OTHER_OPENING;
}

/* Follows a connection that goes on: first answer, FIN, RST. */
static __always_inline void ct_follow(struct __sk_buff *skb, const struct flow *flow,
				      struct ct_entry *entry, __u32 now)
{
	const struct packet *p = &flow->packet;
	__u8 flags = entry->flags;

	if (entry->opener != flow->side)
		flags |= CT_REPLIED;
	if (p->protocol == IPPROTO_TCP) {
		if (p->tcp_flags & TCP_FIN)
			flags |= flow->side ? CT_FIN_1 : CT_FIN_0;
		if ((p->tcp_flags & TCP_RST) ||
		    (flags & (CT_FIN_0 | CT_FIN_1)) == (CT_FIN_0 | CT_FIN_1))
			flags |= CT_CLOSING;
	}
	if (flags == entry->flags) {
		ct_renew(entry, now);
		return;
	}
	if ((flags & CT_CLOSING) && !(entry->flags & CT_CLOSING)) {
		/* A closing connection no longer counts against the quota. */
		if (CONFIG(ct_quota)) {
			__u32 opener = entry->endpoint[entry->opener & 1];
			__u32 *usage = bpf_map_lookup_elem(&ct_usage, &opener);

			if (usage && *usage)
				__sync_fetch_and_add(usage, -1);
		}
		emit(skb, flow, EVENT_CLOSE, 0);
	}
	entry->flags = flags;
	entry->timeout = ct_timeout(p, flags);
	entry->expires = now + entry->timeout;
}

/* The port by which policy judges whoever opened the connection that this packet belongs to. */
static __always_inline __be16 opener_port(const struct packet *p, bool from_opener)
{
	if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6)
		return p->policy_port;
	return from_opener ? p->destination_port : p->source_port;
}

/* Mid-stream proves nothing about who opened: it passes when either side might have. */
static __always_inline int may_both_open(struct flow *flow)
{
	__u32 rule[2];
	int reason = may_open(flow, false, opener_port(&flow->packet, true));

	if (reason)
		return reason;
	rule[0] = flow->rule[0];
	rule[1] = flow->rule[1];
	reason = may_open(flow, true, opener_port(&flow->packet, false));
	flow->rule[0] = rule[0];
	flow->rule[1] = rule[1];
	return reason ? DROP_CT_MIDSTREAM : 0;
}

/* By hand for each side: an index into the stack would have to be a constant. */
static __always_inline void ct_stamp(struct ct_entry *entry, const struct flow *flow)
{
	if (flow->side == 0) {
		entry->stamp[0] = flow->source.word;
		entry->stamp[1] = flow->destination.word;
		entry->identity[0] = flow->source.identity;
		entry->identity[1] = flow->destination.identity;
	} else {
		entry->stamp[1] = flow->source.word;
		entry->stamp[0] = flow->destination.word;
		entry->identity[1] = flow->source.identity;
		entry->identity[0] = flow->destination.identity;
	}
	entry->rule[0] = flow->rule[0];
	entry->rule[1] = flow->rule[1];
}

/* Remembers a new connection that the packet's source opened. Returns a drop reason. */
VERIFIED_ONCE int ct_insert(struct flow *flow, __u8 flags)
{
	struct ct_entry entry = {};

	if (!flow)
		return DROP_INTERNAL;
	if (flow->source.kind == SIDE_HOST || flow->destination.kind == SIDE_HOST)
		flags |= CT_HOST;
	if (CONFIG(enable_services) && flow->service)
		flags |= CT_SERVICE;
	entry.flags = flags;
	entry.opener = flow->side;
	entry.timeout = ct_timeout(&flow->packet, flags);
	entry.expires = ct_now() + entry.timeout;
	entry.nat_port = flow->nat_port;
	if (flow->side == 0) {
		entry.endpoint[0] = flow->source.endpoint;
		entry.endpoint[1] = flow->destination.endpoint;
		entry.ifindex[0] = flow->source.ifindex;
		entry.ifindex[1] = flow->destination.ifindex;
	} else {
		entry.endpoint[1] = flow->source.endpoint;
		entry.endpoint[0] = flow->destination.endpoint;
		entry.ifindex[1] = flow->source.ifindex;
		entry.ifindex[0] = flow->destination.ifindex;
	}
	ct_stamp(&entry, flow);
	return bpf_map_update_elem(&conntrack, &flow->key, &entry, BPF_ANY) < 0 ? DROP_CT_FULL : 0;
}

/* The verdict was taken under other words: ask policy again for whoever opened, and keep the answer
 * if it is yes. The entry is replaced whole, so that no reader ever pairs the stamps of two
 * verdicts. A refused connection keeps its entry until it runs out: it is what tells a late reply
 * from a new connection. Returns a drop reason. */
VERIFIED_ONCE int ct_rejudge(struct __sk_buff *skb, struct flow *flow)
{
	struct ct_entry *entry;
	struct ct_entry next;
	bool from_opener;
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	if (!entry)
		return DROP_CT_MIDSTREAM;
	next = *entry;
	from_opener = next.opener == flow->side;
	if (next.flags & CT_MIDSTREAM)
		reason = may_both_open(flow);
	else
		reason = may_open(flow, !from_opener, opener_port(&flow->packet, from_opener));
	if (reason) {
		bool policy = reason == DROP_POLICY_EGRESS || reason == DROP_POLICY_INGRESS;

		return policy && !from_opener ? DROP_REVOKED : reason;
	}
	ct_stamp(&next, flow);
	if (bpf_map_update_elem(&conntrack, &flow->key, &next, BPF_EXIST) < 0)
		return DROP_CT_FULL;
	emit(skb, flow, EVENT_RENEW, 0);
	return 0;
}

/* Goes out of the node under the node's address: a pod's packet to the world, and one from outside
 * to a backend elsewhere, whose answers have to come back here. */
static __always_inline bool needs_snat(const struct flow *flow)
{
	if (flow->destination.kind != SIDE_OTHER || flow->packet.ethertype != ETH_P_IP)
		return false;
	if (CONFIG(enable_masquerade) && flow->hook == HOOK_FROM_POD)
		return true;
	return CONFIG(enable_services) && flow->hook == HOOK_FROM_NETDEV && flow->service;
}

/* A connection that nothing is known of, or that nothing known belongs to. Returns a drop reason.
 */
VERIFIED_ONCE int ct_open(struct __sk_buff *skb, struct flow *flow, bool midstream)
{
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	if (midstream)
		reason = may_both_open(flow);
	else
		reason = may_open(flow, false, flow->packet.policy_port);
	if (reason)
		return reason;
	/* A reset ends what is not there to end. */
	if (midstream && (flow->packet.tcp_flags & TCP_RST))
		return 0;
	reason = ct_charge(&flow->source);
	if (reason)
		return reason;
	if (needs_snat(flow)) {
		reason = snat_allocate(flow);
		if (reason)
			return reason;
	}
	reason = ct_insert(flow, midstream ? CT_MIDSTREAM | CT_REPLIED : 0);
	if (reason)
		return reason;
	emit(skb, flow, EVENT_OPEN, 0);
	return 0;
}

/* Judges one packet whose two ends are known. Returns a drop reason, or 0 and flow->nat_port. */
VERIFIED_ONCE int judge(struct __sk_buff *skb, struct flow *flow)
{
	struct ct_entry *entry;
	const struct packet *p;
	__u8 side, other, host;
	__u32 now = ct_now();
	bool known, own, judged;
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	p = &flow->packet;
	flow_key(flow);
	flow->nat_port = 0;
	side = flow->side & 1;
	other = side ^ 1;
	host = flow->source.kind == SIDE_HOST || flow->destination.kind == SIDE_HOST ? CT_HOST : 0;
	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	known = entry && entry->expires > now;
	own = known && entry->endpoint[side] == flow->source.endpoint &&
	      entry->endpoint[other] == flow->destination.endpoint &&
	      (entry->flags & CT_HOST) == host;
	judged = own && entry->stamp[side] == flow->source.word &&
		 entry->stamp[other] == flow->destination.word;

	switch (p->kind) {
	case PACKET_OPENS:
		/* A repeated request of the same opener; anything else that opens is judged as new.
		 */
		if (judged && entry->opener == side && !(entry->flags & CT_CLOSING) &&
		    (!(entry->flags & CT_REPLIED) || p->protocol == IPPROTO_ICMP ||
		     p->protocol == IPPROTO_ICMPV6))
			break;
		return ct_open(skb, flow, false);
	case PACKET_CONTINUES:
		if (own)
			break;
		return ct_open(skb, flow, true);
	case PACKET_ANSWERS:
		if (own && entry->opener != side)
			break;
		return DROP_ICMP_UNRELATED;
	case PACKET_ERROR:
		if (!own)
			return DROP_ICMP_UNRELATED;
		flow->is_reply = entry->opener != side;
		flow->nat_port = entry->nat_port;
		if (CONFIG(enable_services) && (entry->flags & CT_SERVICE))
			flow->service = 1;
		return judged ? 0 : ct_rejudge(skb, flow);
	default:
		if (own)
			break;
		/* The other end of a flow of a former owner goes on sending to the address: that is
		 * no new flow, and must not earn the present owner the right to answer. */
		return ct_open(skb, flow, known && entry->opener != side);
	}

	flow->is_reply = entry->opener != side;
	flow->nat_port = entry->nat_port;
	if (CONFIG(enable_services) && (entry->flags & CT_SERVICE))
		flow->service = 1;
	if (!judged) {
		reason = ct_rejudge(skb, flow);
		if (reason)
			return reason;
		entry = bpf_map_lookup_elem(&conntrack, &flow->key);
		if (!entry)
			return 0;
	}
	ct_follow(skb, flow, entry, now);
	return 0;
}
