// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What comes to an address of the node for somebody else: it left under that address. */
#pragma once

#include "deliver.h"
#include "judge.h"
#include "parse.h"
#include "service.h"
#include "unfinished.h"

/* To the node's own address: an answer to something that left under it, a pod's or a connection to
 * a service's backend elsewhere; or the node's own business. Returns a drop reason, or 0 and the
 * action. */
VERIFIED_ONCE int to_node(struct __sk_buff *skb, struct flow *flow, int *action)
{
	struct rewrite rewrite = {};
	struct snat_value *origin;
	struct packet *p;
	__be32 destination;
	__u8 kind;
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	p = &flow->packet;
	*action = TC_ACT_OK;
	if (!CONFIG(enable_masquerade) && !CONFIG(enable_services))
		return 0;
	/* What is about the node's own packets is the stack's to judge. */
	if (p->kind == PACKET_ERROR && parse_quoted(skb, p, false))
		return 0;
	/* A request to the node's own address is the node's, whatever id or port it guesses. */
	if (p->kind == PACKET_OPENS)
		return 0;
	origin = mapping_back(p);
	if (!origin)
		return 0;
	rewrite.old_addr = p->destination.v4;
	rewrite.old_port = p->destination_port;
	flow->came_to = p->destination_port;
	rewrite.new_addr = origin->pod.v4;
	rewrite.new_port = origin->pod_port;
	/* From here on it is the origin's packet; it passes as an answer or not at all. */
	p->destination = origin->pod;
	p->destination_port = origin->pod_port;
	if (p->protocol == IPPROTO_ICMP)
		p->source_port = origin->pod_port;
	resolve(&p->source, &flow->source);
	resolve(&p->destination, &flow->destination);
	kind = origin->endpoint ? SIDE_POD : SIDE_OTHER;
	if (flow->destination.kind != kind || flow->destination.endpoint != origin->endpoint)
		return DROP_WRONG_DESTINATION;
	if (p->kind != PACKET_ERROR)
		p->kind = PACKET_ANSWERS;
	reason = judge(skb, flow, true);
	if (reason)
		return reason;
	/* A client's from outside is there for the sake of a service only. */
	if (kind == SIDE_OTHER && !flow->service)
		return DROP_CT_MIDSTREAM;
	if (kind == SIDE_OTHER && unfinished_elsewhere(skb, p))
		return DROP_UNFINISHED_CHECKSUM;
	reason = rewrite_packet(skb, flow, &rewrite);
	if (reason)
		return reason;
	destination = rewrite.new_addr;
	if (CONFIG(enable_services) && is_translated(flow)) {
		reason = service_answer(flow, &rewrite);
		if (!reason)
			reason = rewrite_packet(skb, flow, &rewrite);
		if (reason)
			return reason;
	}
	/* Only the stack knows whom the pod had asked. */
	if (CONFIG(enable_stack) && (flow->service & FLOW_STACK))
		return 0;
	if (kind == SIDE_OTHER)
		return route_out(skb, flow, action);
	*action = deliver_to_pod(skb, ETH_P_IP, destination, flow->destination.ifindex);
	return 0;
}
