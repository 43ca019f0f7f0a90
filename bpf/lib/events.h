// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counting and telling. Counters are exact; events are written while the ring has room and the rate
 * allows, and what was not written is counted too. */
#pragma once

#include "flow.h"
#include "identity.h"
#include "maps.h"
#include "packet.h"

static __always_inline void count(__u32 reason, __u32 direction, __u32 length)
{
	__u32 index = reason * 2 + direction;
	struct counter *counter = bpf_map_lookup_elem(&counters, &index);

	if (counter) {
		counter->packets += 1;
		counter->bytes += length;
	}
}

/* Who opened the connection pays for what is told of it; for what comes from outside, the pod that
 * it is for, on another account than for what that opens itself. At other devices than its own a
 * source is only claimed. */
static __always_inline __u32 event_payer(const struct flow *flow)
{
	__u32 source = flow->hook == HOOK_FROM_POD ? flow->source.endpoint : 0;
	__u32 destination = flow->destination.endpoint;
	__u32 opener = flow->is_reply ? destination : source;
	__u32 other = flow->is_reply ? source : destination;

	return opener ? opener * 2 + DIRECTION_EGRESS : other * 2 + DIRECTION_INGRESS;
}

/* True when the payer may write one more. Half of the ring is for those who stay within an eighth
 * of their rate: whoever writes more finds it closed, so that many busy ones, or many pods of one
 * tenant, do not take the word from the others. */
static __always_inline bool event_may(struct event_account *account)
{
	__u32 window = bpf_ktime_get_coarse_ns() >> 30, used;

	if (!CONFIG(event_rate))
		return true;
	if (account->window != window) {
		account->window = window;
		account->used = 0;
	}
	used = account->used;
	if (used >= CONFIG(event_rate))
		return false;
	if (used >= (CONFIG(event_rate) + 7) / 8 &&
	    bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >
		    bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2)
		return false;
	__sync_fetch_and_add(&account->used, 1);
	return true;
}

/* Room in the payer's share and in the ring, or zero; what finds none is counted. */
static __always_inline struct event *event_reserve(const struct flow *flow)
{
	__u32 zero = 0, payer = event_payer(flow);
	struct event_account *account = bpf_map_lookup_elem(&event_accounts, &payer);
	struct event_state *state;
	struct event *event;
	bool may;

	if (!account)
		return 0;
	may = event_may(account);
	event = may ? bpf_ringbuf_reserve(&events, sizeof(*event), 0) : 0;
	if (event)
		return event;
	__sync_fetch_and_add(&account->missed, 1);
	state = bpf_map_lookup_elem(&event_state, &zero);
	if (state && may)
		state->lost += 1;
	else if (state)
		state->suppressed += 1;
	return 0;
}

VERIFIED_ONCE int emit(struct __sk_buff *skb, const struct flow *flow, __u8 type, __u8 reason)
{
	const struct packet *p;
	struct event *event;
	bool claimed;

	if (!flow)
		return 0;
	if (!CONFIG(enable_events))
		return 0;
	event = event_reserve(flow);
	if (!event)
		return 0;
	p = &flow->packet;
	/* Pods, of here and elsewhere, send through their own devices: at others their address says
	 * nothing about who it was, and is told as an address. */
	claimed = flow->hook != HOOK_FROM_POD &&
		  (flow->source.endpoint || identity_is_cluster(flow->source.identity));
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
	/* The reader looks at the ring at its own pace: waking it costs more than the record. */
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/* The only way out for a packet that must not go on. */
VERIFIED_ONCE int drop(struct __sk_buff *skb, const struct flow *flow, __u32 reason)
{
	struct drop_key key = {};
	struct counter *counter;

	if (!flow)
		return TC_ACT_SHOT;
	key.reason = reason;
	if (flow->hook == HOOK_FROM_POD) {
		key.endpoint = flow->source.endpoint;
		key.direction = DIRECTION_EGRESS;
	} else if (flow->hook == HOOK_TO_NETDEV) {
		key.direction = DIRECTION_EGRESS;
	} else if (flow->hook == HOOK_TO_POD) {
		key.endpoint = flow->destination.endpoint;
	}
	counter = bpf_map_lookup_elem(&drops, &key);
	count(reason, key.direction, skb->len);
	if (counter) {
		counter->packets += 1;
		counter->bytes += skb->len;
	} else {
		struct counter first = {.packets = 1, .bytes = skb->len};

		bpf_map_update_elem(&drops, &key, &first, BPF_ANY);
	}
	emit(skb, flow, EVENT_DROP, reason);
	return TC_ACT_SHOT;
}
