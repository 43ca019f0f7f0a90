// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is told of packets. */
#pragma once

#include "accounts.h"
#include "flow.h"
#include "identity.h"

/* Pods, of here and elsewhere, send through their own devices: at others their address says nothing
 * about who it was, and is told as an address. At the overlay's nobody has an identity before it is
 * believed, and out of the stack comes a pod's under its own name once it is known which one sent
 * it. Without the overlay, who is elsewhere is who has the address. */
static __always_inline bool event_source_is_claimed(const struct flow *flow, __u8 reason)
{
	return flow->hook != HOOK_FROM_POD && flow->hook != HOOK_FROM_OVERLAY &&
	       (flow->source.endpoint ||
		(identity_is_cluster(flow->source.identity) && !CONFIG(enable_native))) &&
	       !(CONFIG(enable_stack) && (flow->service & FLOW_STACK) && flow->source.endpoint &&
		 reason != DROP_SPOOFED_IP);
}

/* The endpoint that pays. Who opened the connection pays for what is told of it; for what comes
 * from outside, the pod that it is for, on another account than for what that opens itself. At
 * other devices than its own a source is only claimed. */
static __always_inline __u32 event_account_of(const struct flow *flow)
{
	__u32 source = flow->hook == HOOK_FROM_POD ? flow->source.endpoint : 0;
	__u32 destination = flow->destination.endpoint;
	__u32 opener = flow->is_reply ? destination : source;
	__u32 other = flow->is_reply ? source : destination;

	return opener ? opener * 2 + DIRECTION_EGRESS : other * 2 + DIRECTION_INGRESS;
}

/* The same, `account`, with the tenant: that of the pod that opened, wherever it is, if it is known
 * which one did; else that of the pod that it is for. */
static __always_inline struct event_payer event_payer(const struct flow *flow, __u32 account,
						      __u8 reason)
{
	struct event_payer payer = {.account = account};
	const struct side *opener = flow->is_reply ? &flow->destination : &flow->source;
	const struct side *other = flow->is_reply ? &flow->source : &flow->destination;

	if ((payer.account & 1) == DIRECTION_EGRESS ||
	    (identity_is_cluster(opener->identity) &&
	     (flow->is_reply || !event_source_is_claimed(flow, reason)))) {
		payer.identity = opener->identity;
	} else if (payer.account >> 1) {
		payer.identity = other->identity;
		payer.inwards = true;
	}
	return payer;
}

/* Writes an event that its payer has taken. */
VERIFIED_ONCE int event_write(struct __sk_buff *skb, const struct flow *flow, __u8 type,
			      __u8 reason)
{
	const struct packet *p;
	struct event *event;
	bool claimed;

	if (!flow || !CONFIG(enable_events))
		return 0;
	event = event_reserve(event_account_of(flow));
	if (!event)
		return 0;
	p = &flow->packet;
	claimed = event_source_is_claimed(flow, reason);
	event->timestamp = bpf_ktime_get_boot_ns();
	event->source = p->source;
	event->destination = p->destination;
	event->source_port = p->source_port;
	event->destination_port = p->destination_port;
	event->source_identity = claimed ? 0 : flow->source.identity;
	event->destination_identity = flow->destination.identity;
	event->source_endpoint = claimed ? 0 : flow->source.endpoint;
	event->destination_endpoint = flow->destination.endpoint;
	event->rule[0] = flow->rule[0];
	event->rule[1] = flow->rule[1];
	event->length = skb->len;
	event->ifindex = skb->ifindex;
	event->ethertype = p->ethertype;
	event->type = type;
	event->reason = reason;
	event->hook = flow->hook;
	event->protocol = p->protocol;
	event->tcp_flags = p->tcp_flags;
	event->is_reply = flow->is_reply;
	/* Wakes the reader if it had read everything: at most once for each of its looks. */
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Apart for the sake of those who let pass what they tell of. */
VERIFIED_ONCE int emit(struct __sk_buff *skb, const struct flow *flow, __u8 type, __u8 reason)
{
	struct event_account *account;
	struct event_payer payer;
	__u32 index;

	if (!flow || !CONFIG(enable_events))
		return 0;
	index = event_account_of(flow);
	account = event_room(index, EVENT_SHARE_PASSED, 0);
	if (!account)
		return 0;
	payer = event_payer(flow, index, reason);
	if (event_take(account, &payer, EVENT_SHARE_PASSED, 0))
		event_write(skb, flow, type, reason);
	return 0;
}

/* What policy or the floor of tenants drops anybody may cause at will, apart from what no pod may
 * send. */
static __always_inline enum event_share event_share_of(__u8 reason)
{
	return reason == DROP_POLICY_EGRESS || reason == DROP_POLICY_INGRESS ||
			       reason == DROP_REVOKED || reason == DROP_TENANT_METADATA ||
			       (reason >= DROP_TENANT_BOUNDARY && reason <= DROP_TENANT_NODES)
		       ? EVENT_SHARE_DENIED
		       : EVENT_SHARE_BROKEN;
}

/* Most of a flood is not written: that much is known without a call. */
static __always_inline void tell_drop(struct __sk_buff *skb, const struct flow *flow,
				      const struct drop_key *key, struct drop_counter *row)
{
	enum event_share share = event_share_of(key->reason);
	__u32 index = event_account_of(flow);
	struct event_account *account;
	struct event_payer payer;

	if (index >> 1 != key->endpoint)
		row = 0;
	account = event_room(index, share, row);
	if (!account)
		return;
	payer = event_payer(flow, index, key->reason);
	if (event_take(account, &payer, share, row))
		event_write(skb, flow, EVENT_DROP, key->reason);
}

/* The only way out for a packet that must not go on. */
VERIFIED_ONCE int drop(struct __sk_buff *skb, const struct flow *flow, __u32 reason)
{
	struct drop_key key = {};
	struct drop_counter *row;

	if (!flow)
		return TC_ACT_SHOT;
	key.reason = reason;
	if (flow->hook == HOOK_FROM_POD) {
		key.endpoint = flow->source.endpoint;
		key.direction = DIRECTION_EGRESS;
	} else if (flow->hook == HOOK_TO_NETDEV || flow->hook == HOOK_TO_OVERLAY) {
		key.direction = DIRECTION_EGRESS;
	} else if (flow->hook == HOOK_TO_POD || flow->hook == HOOK_FROM_OVERLAY) {
		key.endpoint = flow->destination.endpoint;
	}
	row = count_drop(&key, skb->len);
	if (CONFIG(enable_events))
		tell_drop(skb, flow, &key, row);
	return TC_ACT_SHOT;
}
