// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A pod that is its own backend, where no socket hook turned it. It sees its gateway as the client,
 * which is nobody, and needs no policy's leave. What it says to itself has an entry of conntrack
 * like any connection, between its gateway and itself and of the pod on both sides: that is what it
 * pays for, and what its rows go with. */
#pragma once

#include "deliver.h"
#include "judge.h"
#include "service.h"

/* Makes or follows the entry of a packet whose source is given as the gateway, or whose destination
 * is. Returns a drop reason. */
VERIFIED_ONCE int hairpin_judge(struct __sk_buff *skb, struct flow *flow)
{
	struct ct_entry *entry;
	const struct packet *p;
	__u32 now = ct_now();
	bool again = false;
	__u8 flags;
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	p = &flow->packet;
	flow_key(flow);
	flow->nat_port = 0;
	entry = service_entry(&flow->key);
	if (entry && entry->endpoint[0] == flow->source.endpoint &&
	    entry->endpoint[1] == flow->source.endpoint && (entry->flags & CT_SERVICE) &&
	    !(p->kind == PACKET_OPENS && (entry->flags & (CT_CLOSING | CT_REPLIED)))) {
		ct_follow(skb, flow, entry, now);
		return 0;
	}
	if (p->kind != PACKET_OPENS && p->kind != PACKET_PLAIN)
		return midstream_reason(p);
	if (flow->service == 0)
		return midstream_reason(p);
	flags = CT_SERVICE | (p->protocol == IPPROTO_TCP ? CT_OPENING : 0);
	reason = ct_reserve(skb, flow, false, &again);
	if (!reason)
		reason = ct_insert(flow, flags, again);
	if (reason)
		return reason;
	flow->service |= FLOW_OPENED;
	emit(skb, flow, EVENT_OPEN, 0);
	return 0;
}

/* Sends what a pod says to itself through a service back to it, as `rewrite` says, from its
 * gateway. Returns a drop reason, or 0 and the action. */
VERIFIED_ONCE int service_hairpin(struct __sk_buff *skb, struct flow *flow,
				  const struct rewrite *rewrite, int *action)
{
	struct rewrite source = {.source = 1};
	__be32 pod;
	int reason;

	if (!flow || !rewrite || !action)
		return DROP_INTERNAL;
	pod = flow->packet.source.v4;
	flow->packet.source.v4 = CONFIG(gateway_ipv4);
	reason = hairpin_judge(skb, flow);
	flow->packet.source.v4 = pod;
	if (!reason)
		reason = service_remember(flow, rewrite);
	if (!reason)
		reason = rewrite_v4(skb, flow, rewrite);
	if (reason)
		return reason;
	source.old_addr = flow->packet.source.v4;
	source.new_addr = CONFIG(gateway_ipv4);
	source.old_port = source.new_port = flow->packet.source_port;
	reason = rewrite_v4(skb, flow, &source);
	if (!reason)
		*action =
			deliver_to_pod(skb, ETH_P_IP, flow->packet.source.v4, flow->source.ifindex);
	return reason;
}

/* Is it an answer of a pod to itself, through its gateway? Returns a drop reason, or 0 and the
 * action, which stays as it is when it is none. */
VERIFIED_ONCE int service_hairpin_answer(struct __sk_buff *skb, struct flow *flow, int *action)
{
	struct translation *frontend;
	struct rewrite rewrite = {.source = 1};
	__be16 client_port;
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	if (flow->packet.kind == PACKET_ERROR)
		return 0;
	frontend = translation_of(&flow->packet);
	if (!frontend || frontend->flags != (TRANSLATION_HAIRPIN | TRANSLATION_ANSWER))
		return 0;
	rewrite.old_addr = flow->packet.source.v4;
	rewrite.new_addr = frontend->addr.v4;
	rewrite.old_port = flow->packet.source_port;
	rewrite.new_port = frontend->port;
	client_port = frontend->client_port;
	reason = hairpin_judge(skb, flow);
	if (!reason)
		reason = rewrite_v4(skb, flow, &rewrite);
	if (reason)
		return reason;
	rewrite.source = 0;
	rewrite.old_addr = CONFIG(gateway_ipv4);
	rewrite.new_addr = flow->packet.source.v4;
	rewrite.old_port = flow->packet.destination_port;
	rewrite.new_port = client_port;
	reason = rewrite_v4(skb, flow, &rewrite);
	if (!reason)
		*action =
			deliver_to_pod(skb, ETH_P_IP, flow->packet.source.v4, flow->source.ifindex);
	return reason;
}
