// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets straight to a backend, where a connection through a service has their ports: they are
 * translated as if the backend were a frontend of itself. */
#pragma once

#include "service.h"

/* Is it of a connection past services that goes on under another port already? Fills
 * query->client_port. */
VERIFIED_ONCE int service_past_known(const struct flow *flow, struct lb_query *query)
{
	struct translation *known;
	const struct packet *p;

	if (!flow || !query)
		return false;
	p = &flow->packet;
	known = translation_of(p);
	if (!known || known->flags != TRANSLATION_DIRECT ||
	    (p->kind != PACKET_ERROR && !service_goes_on(p, known)))
		return false;
	query->client_port = known->client_port;
	return true;
}

/* Has a connection of the packet's source through a service the packet's ports? */
VERIFIED_ONCE int service_past_taken(const struct flow *flow)
{
	const struct packet *p;
	struct ct_entry *entry;

	if (!flow)
		return true;
	p = &flow->packet;
	entry = service_connection(p, p->source_port, &p->destination, p->destination_port);
	return entry && (entry->flags & CT_SERVICE) && entry->opener == flow->side &&
	       service_is_own(entry, &p->source, &p->destination);
}

/* Of a packet past services, of which the judge says that it may meet a connection through one: it
 * goes on under another port of its source if it does. Returns a drop reason. */
VERIFIED_ONCE int service_past(struct flow *flow, struct rewrite *rewrite)
{
	struct lb_query query = {};
	struct packet *p;
	__u8 chosen = 0;
	int reason;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	p = &flow->packet;
	if (!service_past_known(flow, &query)) {
		if (!service_past_taken(flow))
			return 0;
		if (p->kind == PACKET_ERROR)
			return DROP_ICMP_UNRELATED;
		if (p->kind != PACKET_OPENS && p->kind != PACKET_PLAIN)
			return DROP_SERVICE_CONFLICT;
		query.addr = p->destination;
		query.port = p->destination_port;
		reason = client_port_choose(flow, &query);
		if (reason)
			return reason;
		chosen = FLOW_CHOSEN;
	}
	rewrite->backend = BACKEND_DIRECT;
	rewrite->old_addr = rewrite->new_addr = p->destination.v4;
	rewrite->old_port = rewrite->new_port = p->destination_port;
	rewrite->peer_old_port = p->source_port;
	rewrite->peer_new_port = query.client_port;
	rewrite->source = 0;
	p->source_port = query.client_port;
	flow->service = FLOW_TRANSLATED | chosen;
	return 0;
}
