// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verdict about a packet whose two ends are known: what conntrack remembers, what policy says,
 * and what conntrack shall remember of it. */
#pragma once

#include "closed.h"
#include "conntrack.h"
#include "events.h"
#include "identity.h"
#include "openings.h"
#include "policy.h"
#include "ports.h"
#include "tcp.h"

/* Timeouts in ticks of 1.07 s. RFC 5382 asks for at least 2 h 4 min for an established TCP
 * connection, RFC 4787 for at least 2 min for UDP; RFC 5382 for 4 min where only one side has
 * spoken, which a flood of SYNs would turn against us: 60 s is what Linux waits for an answer to
 * its last SYN. */
#define TIMEOUT_TCP_OPENING 60
#define TIMEOUT_TCP 8040
#define TIMEOUT_CLOSING 10
/* Long enough for a last acknowledgement that was lost: whoever opens thousands a second pays for
 * each of them until it is gone. */
#define TIMEOUT_CLOSED 2
#define TIMEOUT_OTHER_OPENING 30
#define TIMEOUT_OTHER 120
/* A question and an answer, from a socket that is closed then (RFC 4787, REQ-5a). */
#define TIMEOUT_DNS 17

#define PORT_DNS 53

static __always_inline __u16 ct_timeout(const struct packet *p, __u8 flags)
{
	bool open = (flags & (CT_REPLIED | CT_OPENING)) == CT_REPLIED;

	if ((flags & (CT_FIN_0 | CT_FIN_1)) == (CT_FIN_0 | CT_FIN_1))
		return TIMEOUT_CLOSED;
	if (flags & CT_CLOSING)
		return TIMEOUT_CLOSING;
	if (p->protocol == IPPROTO_TCP)
		return open ? TIMEOUT_TCP : TIMEOUT_TCP_OPENING;
	if (p->protocol == IPPROTO_UDP &&
	    (p->destination_port == bpf_htons(PORT_DNS) || p->source_port == bpf_htons(PORT_DNS)))
		return TIMEOUT_DNS;
	return open ? TIMEOUT_OTHER : TIMEOUT_OTHER_OPENING;
}

/* Follows a connection that goes on: first answer, FIN, RST. */
VERIFIED_ONCE int ct_follow(struct __sk_buff *skb, const struct flow *flow, struct ct_entry *entry,
			    __u32 now)
{
	const struct packet *p;
	bool believed = true;
	__u8 flags;

	if (!flow || !entry)
		return 0;
	p = &flow->packet;
	flags = entry->flags;
	/* A later fragment has no flags. */
	if (p->protocol == IPPROTO_TCP && p->tcp_flags) {
		believed = tcp_follow(flow, entry);
		if ((p->tcp_flags & TCP_FIN) && believed)
			flags |= flow->side ? CT_FIN_1 : CT_FIN_0;
		if ((flags & (CT_FIN_0 | CT_FIN_1)) == (CT_FIN_0 | CT_FIN_1) ||
		    ((p->tcp_flags & TCP_RST) && believed))
			flags |= CT_CLOSING;
		/* Who was reset sends nothing more: what goes on is alive. */
		else if (believed && (flags & CT_CLOSING) && closed_leave(&flow->key))
			flags &= ~CT_CLOSING;
	}
	if (entry->opener != flow->side)
		flags |= CT_REPLIED;
	else if ((flags & CT_REPLIED) && p->kind != PACKET_OPENS)
		flags &= ~CT_OPENING;
	if (flags == entry->flags) {
		if (believed || !(flags & CT_CLOSING))
			ct_renew(entry, now);
		return 0;
	}
	if ((flags & CT_CLOSING) && !(entry->flags & CT_CLOSING)) {
		closed_enter(&flow->key);
		emit(skb, flow, EVENT_CLOSE, 0);
	}
	entry->flags = flags;
	entry->timeout = ct_timeout(p, flags);
	entry->expires = now + entry->timeout;
	return 0;
}

/* Whose two ends are as they were when it was judged: nobody has to be asked who they are. */
static __always_inline void ct_ends(struct flow *flow, const struct ct_entry *entry)
{
	__u8 side = flow->side & 1, other = side ^ 1;

	flow->source.endpoint = pod_of(entry->endpoint[side]);
	flow->source.identity = entry->identity[side];
	flow->source.kind = flow->source.endpoint ? SIDE_POD : SIDE_OTHER;
	flow->destination.endpoint = pod_of(entry->endpoint[other]);
	flow->destination.identity = entry->identity[other];
	flow->destination.kind = flow->destination.endpoint ? SIDE_POD : SIDE_OTHER;
	flow->is_reply = entry->opener != side;
}

/* Does the packet belong to a connection of TCP and IPv4 that is there, whatever it changes of
 * that? Whether it does, is known by its ports alone. */
static __always_inline bool ct_may_go_on(const struct packet *p)
{
	return p->ethertype == ETH_P_IP && p->protocol == IPPROTO_TCP &&
	       p->kind == PACKET_CONTINUES && p->fragment == FRAGMENT_NONE;
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
	return reason ? midstream_reason(&flow->packet) : 0;
}

/* By hand for each side: an index into the stack would have to be a constant. */
static __always_inline void ct_stamp(struct ct_entry *entry, const struct flow *flow)
{
	if (flow->side == 0) {
		entry->stamp[0] = flow->source.word;
		entry->stamp[1] = flow->destination.word;
		entry->identity[0] = flow->source.identity;
		entry->identity[1] = flow->destination.identity;
		entry->way[0] = flow->source.way;
		entry->way[1] = flow->destination.way;
	} else {
		entry->stamp[1] = flow->source.word;
		entry->stamp[0] = flow->destination.word;
		entry->identity[1] = flow->source.identity;
		entry->identity[0] = flow->destination.identity;
		entry->way[1] = flow->source.way;
		entry->way[0] = flow->destination.way;
	}
	entry->rule[0] = flow->rule[0];
	entry->rule[1] = flow->rule[1];
}

/* What to remember of a new connection that the packet's source opened. */
static __always_inline void ct_fill(struct ct_entry *entry, const struct flow *flow, __u8 flags)
{
	const struct packet *p = &flow->packet;
	__u32 next = p->sequence + (p->tcp_flags & TCP_SYN ? 1 : 0);

	entry->flags = flags;
	entry->opener = flow->side;
	entry->timeout = ct_timeout(p, flags);
	entry->expires = ct_now() + entry->timeout;
	entry->nat_port = flow->nat_port;
	entry->stack = CONFIG(enable_stack) && (flow->service & FLOW_STACK) ? 1 : 0;
	if (flow->side == 0) {
		entry->endpoint[0] = holder_of(flow->source.endpoint, &p->source);
		entry->endpoint[1] = holder_of(flow->destination.endpoint, &p->destination);
		entry->sequence[0] = next;
		entry->sequence[1] = p->acknowledgement;
	} else {
		entry->endpoint[1] = holder_of(flow->source.endpoint, &p->source);
		entry->endpoint[0] = holder_of(flow->destination.endpoint, &p->destination);
		entry->sequence[1] = next;
		entry->sequence[0] = p->acknowledgement;
	}
	ct_stamp(entry, flow);
}

/* The entry that is there already is this packet's source's own, which opens the same connection
 * again. */
static __always_inline bool ct_same_owner(const struct ct_entry *entry, const struct flow *flow)
{
	__u8 side = flow->side & 1;

	return entry->opener == side &&
	       entry->endpoint[side] == holder_of(flow->source.endpoint, &flow->packet.source) &&
	       (flow->source.endpoint || entry->identity[side] == flow->source.identity);
}

/* Takes what a new connection needs: a port if it leaves the node, and its place in the quota. A
 * connection that is opened again keeps both, but pays again if it had ended, without the service
 * that it went through before, and what was under its key goes, with the port that it had. Returns
 * a drop reason. */
static __always_inline int ct_reserve(struct __sk_buff *skb, struct flow *flow, bool port,
				      bool *again)
{
	struct ct_entry *entry;
	int reason;

	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	*again = entry && ct_same_owner(entry, flow);
	if (*again && HAS_MAPPINGS && entry->nat_port) {
		flow->nat_port = entry->nat_port;
		*again = port && !entry->strange && !mapping_hold(flow);
		flow->nat_port = *again ? flow->nat_port : 0;
	}
	if (*again && (!port || flow->nat_port)) {
		reason = ct_is_paid(entry->flags)
				 ? tenant_charge(flow->source.identity, TENANT_OPENS)
				 : ct_charge(flow, false);
		if (!reason && CONFIG(enable_services))
			translation_remove(&flow->key, flow->side);
		return reason;
	}
	if (entry)
		ct_remove(&flow->key);
	*again = false;
	reason = ct_charge(flow, port);
	if (reason || !port)
		return reason;
	reason = port_take(skb, flow);
	if (reason)
		ct_refund(flow, true);
	return reason;
}

/* Remembers a new connection that the packet's source opened; `again`: in the place of what it
 * opened before. Returns a drop reason. */
VERIFIED_ONCE int ct_insert(const struct flow *flow, __u8 flags, bool again)
{
	struct ct_entry entry = {};

	if (!flow)
		return DROP_INTERNAL;
	ct_fill(&entry, flow, flags);
	if (bpf_map_update_elem(&conntrack, &flow->key, &entry, again ? BPF_EXIST : BPF_NOEXIST) ==
	    0)
		return 0;
	/* The table is full, or another packet of the same connection was quicker on another CPU.
	 */
	if (!again) {
		ct_refund(flow, flow->nat_port);
		if (HAS_MAPPINGS)
			mapping_drop(flow);
	}
	return DROP_CT_FULL;
}

/* What is known of a new connection at its first packet. */
static __always_inline __u8 ct_first_flags(const struct flow *flow, bool midstream)
{
	__u8 flags = midstream ? CT_MIDSTREAM | CT_REPLIED : 0;

	if (flow->source.kind == SIDE_HOST || flow->destination.kind == SIDE_HOST)
		flags |= CT_HOST;
	if ((CONFIG(enable_services) || CONFIG(enable_stack)) && flow->service)
		flags |= CT_SERVICE;
	if (!midstream && (flow->source.kind == SIDE_OTHER || flow->packet.protocol == IPPROTO_TCP))
		flags |= CT_OPENING;
	if (midstream && (flow->packet.tcp_flags & TCP_RST))
		flags |= CT_CLOSING;
	return flags;
}

/* Keeps a verdict that was taken anew. The entry is replaced whole, so that no reader ever pairs
 * the stamps of two verdicts. Apart for the sake of the stack. Returns a drop reason. */
VERIFIED_ONCE int ct_restamp(const struct flow *flow)
{
	struct ct_entry *entry;
	struct ct_entry next;

	if (!flow)
		return DROP_INTERNAL;
	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	if (!entry)
		return DROP_CT_MIDSTREAM;
	next = *entry;
	ct_stamp(&next, flow);
	return bpf_map_update_elem(&conntrack, &flow->key, &next, BPF_EXIST) < 0 ? DROP_CT_FULL : 0;
}

/* The verdict was taken under other words: ask policy again for whoever opened, and keep the answer
 * if it is yes. A refused connection keeps its entry until it runs out: it is what tells a late
 * reply from a new connection. Returns a drop reason. */
VERIFIED_ONCE int ct_rejudge(struct __sk_buff *skb, struct flow *flow)
{
	struct ct_entry *entry;
	bool from_opener;
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	if (!entry)
		return DROP_CT_MIDSTREAM;
	from_opener = entry->opener == flow->side;
	if (entry->flags & CT_MIDSTREAM)
		reason = may_both_open(flow);
	else
		reason = may_open(flow, !from_opener, opener_port(&flow->packet, from_opener));
	if (reason) {
		bool policy = reason == DROP_POLICY_EGRESS || reason == DROP_POLICY_INGRESS;

		return policy && !from_opener ? DROP_REVOKED : reason;
	}
	reason = ct_restamp(flow);
	if (!reason)
		emit(skb, flow, EVENT_RENEW, 0);
	return reason;
}

/* Goes out of the node under the node's address: a pod's packet to the world, and one from outside
 * to a backend elsewhere, whose answers have to come back here. Through the overlay they do, so
 * that whoever is outside of the cluster keeps his address; of a node others believe that only
 * when it is said by the node itself. */
static __always_inline bool needs_snat(const struct flow *flow)
{
	if (flow->destination.kind != SIDE_OTHER || flow->packet.ethertype != ETH_P_IP)
		return false;
	/* Pods of other nodes know a pod by its address. */
	if (CONFIG(enable_native) && flow->hook != HOOK_FROM_NETDEV &&
	    identity_is_cluster(flow->destination.identity))
		return false;
	if (CONFIG(enable_stack) && (flow->service & FLOW_STACK))
		return CONFIG(enable_masquerade) && flow->hook == HOOK_TO_NETDEV;
	if (CONFIG(enable_masquerade) && flow->hook == HOOK_FROM_POD)
		return !CONFIG(enable_overlay) || !flow->destination.tunnel;
	if (!CONFIG(enable_services) || flow->hook != HOOK_FROM_NETDEV || !flow->service)
		return false;
	return !CONFIG(enable_overlay) || !flow->destination.tunnel || flow->nat_port ||
	       !identity_is_outside(flow->source.identity);
}

/* A packet of a connection that leaves the node goes under a port that is this connection's, or not
 * at all. Returns a drop reason, or 0 and flow->nat_port. */
VERIFIED_ONCE int ct_keep_port(struct __sk_buff *skb, struct flow *flow)
{
	struct ct_entry *entry;
	__be16 old;
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	if (!entry)
		return DROP_CT_MIDSTREAM;
	flow->nat_port = entry->nat_port;
	if (flow->nat_port && !(entry->strange && flow->packet.kind == PACKET_OPENS))
		return mapping_hold(flow);
	/* The old one is held meanwhile: it is not to be found again. */
	old = flow->nat_port;
	reason = old ? 0 : tenant_charge(flow->source.identity, TENANT_HAS_PORT);
	if (reason)
		return reason;
	reason = port_take(skb, flow);
	if (reason) {
		if (!old)
			tenant_release(flow->source.identity, TENANT_HAS_PORT);
		return reason;
	}
	entry->nat_port = flow->nat_port;
	entry->strange = 0;
	flow->nat_port = old;
	mapping_drop(flow);
	flow->nat_port = entry->nat_port;
	return 0;
}

/* A connection that nothing is known of, or that nothing known belongs to. Returns a drop reason.
 */
VERIFIED_ONCE int ct_open(struct __sk_buff *skb, struct flow *flow, bool midstream)
{
	bool again = false;
	__u8 flags;
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	if (midstream)
		reason = may_both_open(flow);
	else
		reason = may_open(flow, false, flow->packet.policy_port);
	if (reason)
		return reason;
	flags = ct_first_flags(flow, midstream);
	if (CONFIG(ct_quota) && flow->source.kind == SIDE_OTHER && (flags & CT_OPENING))
		opening_enter(flow);
	reason = ct_reserve(skb, flow, needs_snat(flow), &again);
	if (!reason)
		reason = ct_insert(flow, flags, again);
	if (reason)
		return reason;
	if (flags & CT_CLOSING)
		closed_enter(&flow->key);
	if (CONFIG(enable_services) && flow->service)
		flow->service |= FLOW_OPENED;
	emit(skb, flow, EVENT_OPEN, 0);
	return 0;
}

/* Does the packet come from where its connection is: through the overlay from the very node, or not
 * through it? Under its own address alone a pod of another node is not believed. */
static __always_inline bool ct_same_way(const struct ct_entry *entry, const struct flow *flow)
{
	if (!CONFIG(enable_overlay) || flow->source.kind != SIDE_OTHER)
		return true;
	return entry->way[flow->side & 1] ==
	       (flow->hook == HOOK_FROM_OVERLAY ? flow->source.tunnel : 0);
}

/* Was the verdict about whom the packet says that it is of? Neither in the overlay nor behind
 * another proxy does its address say that. */
static __always_inline bool ct_same_sender(const struct ct_entry *entry, const struct flow *flow)
{
	bool may_differ =
		(CONFIG(enable_overlay) && flow->hook == HOOK_FROM_OVERLAY) ||
		(CONFIG(enable_stack) && flow->hook == HOOK_TO_POD && (flow->service & FLOW_STACK));

	return !may_differ || entry->identity[flow->side & 1] == flow->source.identity;
}

/* How the packets of a connection are translated. */
static __always_inline void ct_service(struct flow *flow, const struct ct_entry *entry)
{
	if (CONFIG(enable_stack) && entry->stack)
		flow->service |= FLOW_STACK;
	else if (CONFIG(enable_services) && (entry->flags & CT_SERVICE))
		flow->service |= FLOW_TRANSLATED;
}

/* Does another connection of the same opener have the packet's ports, one of the two through the
 * stack and one past it? Their answers could not be told apart. */
static __always_inline bool ct_crosses_stack(const struct ct_entry *entry, const struct flow *flow)
{
	return CONFIG(enable_stack) && entry->opener == flow->side &&
	       !(entry->flags & CT_CLOSING) && !entry->stack != !(flow->service & FLOW_STACK);
}

/* Judges one packet whose two ends are known. Returns a drop reason, or 0 and flow->nat_port.
 * `settled`: nobody needs to ask whether a connection through a service has the packet's ports;
 * else that is left to the caller, with DROP_SERVICE_CONFLICT and nothing done. */
VERIFIED_ONCE int judge(struct __sk_buff *skb, struct flow *flow, bool settled)
{
	struct ct_entry *entry;
	const struct packet *p;
	__u8 side, other, host;
	__u32 now = 0;
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
	/* What time it is costs a call, and of what is new nobody asks it. */
	if (entry)
		now = ct_now();
	known = entry && entry->expires > now;
	own = known && entry->endpoint[side] == holder_of(flow->source.endpoint, &p->source) &&
	      entry->endpoint[other] == holder_of(flow->destination.endpoint, &p->destination) &&
	      (entry->flags & CT_HOST) == host && ct_same_way(entry, flow);
	/* What came to a port of the node is for the connection that holds this port. */
	if (own && flow->came_to)
		own = entry->nat_port == flow->came_to && entry->opener == other;
	judged = own && entry->stamp[side] == flow->source.word &&
		 entry->stamp[other] == flow->destination.word && ct_same_sender(entry, flow);
	/* A node, and who came to one from outside, is answered by the way he came. */
	if (CONFIG(enable_overlay) && own && entry->opener == other && p->kind != PACKET_OPENS &&
	    flow->destination.kind == SIDE_OTHER &&
	    (identity_is_node(flow->destination.identity) ||
	     identity_is_outside(flow->destination.identity)))
		flow->destination.tunnel = entry->way[other];
	if (CONFIG(enable_services) && !settled && p->ethertype == ETH_P_IP &&
	    p->protocol != IPPROTO_ICMP &&
	    (!own || ((entry->flags & CT_SERVICE) && entry->opener == side)))
		return DROP_SERVICE_CONFLICT;
	if (own && p->kind != PACKET_ERROR && ct_crosses_stack(entry, flow))
		return DROP_SERVICE_CONFLICT;

	switch (p->kind) {
	case PACKET_OPENS:
		/* A repeated request of the same opener; anything else that opens is judged as new.
		 */
		if (judged && entry->opener == side && !(entry->flags & CT_CLOSING) &&
		    (!(entry->flags & CT_REPLIED) || p->protocol == IPPROTO_ICMP ||
		     p->protocol == IPPROTO_ICMPV6))
			break;
		/* Anybody can write this address; if it was the client, the server's answer makes
		 * it open anew. */
		if (judged && entry->opener == side && source_is_claimed(flow) &&
		    p->protocol == IPPROTO_TCP && !(entry->flags & (CT_CLOSING | CT_OPENING)))
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
		ct_service(flow, entry);
		reason = judged ? 0 : ct_rejudge(skb, flow);
		return !reason && !flow->is_reply && needs_snat(flow) ? ct_keep_port(skb, flow)
								      : reason;
	default:
		if (own)
			break;
		/* The other end of a flow of a former owner goes on sending to the address: that is
		 * no new flow, and must not earn the present owner the right to answer. */
		return ct_open(skb, flow, known && entry->opener != side);
	}

	flow->is_reply = entry->opener != side;
	flow->nat_port = entry->nat_port;
	ct_service(flow, entry);
	if (!judged) {
		reason = ct_rejudge(skb, flow);
		if (reason)
			return reason;
		entry = bpf_map_lookup_elem(&conntrack, &flow->key);
		if (!entry)
			return DROP_CT_MIDSTREAM;
	}
	if (!tcp_answers(flow, entry)) {
		entry->strange = 1;
		return DROP_TCP_WINDOW;
	}
	if (!flow->is_reply && needs_snat(flow)) {
		reason = ct_keep_port(skb, flow);
		if (reason)
			return reason;
	}
	ct_follow(skb, flow, entry, now);
	return 0;
}
