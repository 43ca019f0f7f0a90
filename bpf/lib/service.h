// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets to a frontend that no socket hook turned: from outside of the node, and raw ones. The
 * destination becomes a backend before anything is judged, so that policy sees the backend and the
 * client that really asked; answers get the frontend's address back. */
#pragma once

#include "client_port.h"
#include "conntrack.h"
#include "removal.h"
#include "tcp.h"

/* May this packet go where its connection went before? Only while both rows of the connection
 * belong together. What opens one, and a datagram, which does not depend on the one before it, only
 * to a backend that is still there. */
static __always_inline bool service_goes_on(const struct packet *p, const struct translation *known)
{
	struct ct_entry *entry =
		service_any_connection(p, known->client_port, &known->addr, known->port);
	struct translation *title;
	struct backend_value *backend;
	__u32 id = known->backend;

	if (!entry || !(entry->flags & CT_SERVICE) ||
	    !service_is_own(entry, &p->source, &known->addr))
		return false;
	title = translation_title(p, known->client_port, &known->addr, known->port);
	if (!title || !translation_names(title, p))
		return false;
	if (known->flags & TRANSLATION_HAIRPIN)
		return bpf_map_lookup_elem(&backends, &id);
	if (p->kind == PACKET_OPENS && (entry->flags & CT_CLOSING))
		return false;
	if ((known->flags & TRANSLATION_DIRECT) ||
	    (p->kind != PACKET_OPENS && p->kind != PACKET_PLAIN))
		return true;
	backend = bpf_map_lookup_elem(&backends, &id);
	return backend && !(backend->flags & BACKEND_DRAINING);
}

/* A new connection to a process of the node by its own port: what a client with the same port had
 * with it through a service is over, unless it is open. Then the process has that socket still, and
 * what it says about this packet, whoever sent it, is for that connection. */
static __always_inline void service_forget(const struct packet *p)
{
	struct ct_key key = {};
	struct ct_entry *entry;

	ct_key_of(&key, p->protocol, &p->source, p->source_port, &p->destination,
		  p->destination_port);
	entry = bpf_map_lookup_elem(&conntrack, &key);
	if (entry && (entry->flags & (CT_SERVICE | CT_HOST)) == (CT_SERVICE | CT_HOST) &&
	    (entry->flags & (CT_CLOSING | CT_OPENING)))
		ct_remove(&key);
}

enum service_found {
	SERVICE_NONE = 0,    /* no frontend */
	SERVICE_KNOWN = 1,   /* of a connection that has its backend */
	SERVICE_UNKNOWN = 2, /* of one that needs a backend */
};

/* The functions from here on are apart for the sake of the stack: together their frames would not
 * fit beside those of their callers. */

/* Fills query->frontend, and the backend of a connection that goes on. */
VERIFIED_ONCE int service_find(const struct flow *flow, struct lb_query *query, __u8 scope)
{
	struct translation *known;
	const struct packet *p;

	if (!flow || !query)
		return SERVICE_NONE;
	p = &flow->packet;
	if (p->kind == PACKET_ERROR) {
		/* About an answer: the quoted frontend's own port says nothing of a service. */
		known = translation_of(p);
		if (!known || known->flags)
			return SERVICE_NONE;
		query->addr = known->addr;
		query->port = known->port;
		query->client_port = known->client_port;
		return SERVICE_KNOWN;
	}
	query->frontend.addr = p->destination;
	query->frontend.port = p->destination_port;
	query->frontend.protocol = p->protocol;
	query->frontend.scope = scope;
	if (!bpf_map_lookup_elem(&services, &query->frontend)) {
		if (flow->destination.kind != SIDE_HOST || !is_node_port(p->destination_port))
			return SERVICE_NONE;
		query->frontend.addr.hi = 0;
		query->frontend.addr.lo = 0;
		if (!bpf_map_lookup_elem(&services, &query->frontend))
			return SERVICE_NONE;
	}
	known = translation_of(p);
	if (!known || (known->flags & TRANSLATION_ANSWER) || !service_goes_on(p, known))
		return SERVICE_UNKNOWN;
	query->addr = known->addr;
	query->port = known->port;
	query->client_port = known->client_port;
	query->backend = known->backend;
	return SERVICE_KNOWN;
}

/* Remembers both ways of a connection that is new, or whose backend was chosen anew. Only what may
 * pass comes here, with its entry of conntrack: an entry that was made for it and that does not get
 * its rows goes again. Returns a drop reason. */
VERIFIED_ONCE int service_remember(const struct flow *flow, const struct rewrite *rewrite)
{
	bool opened;
	int reason;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	if (!rewrite->backend || !(flow->service & (FLOW_CHOSEN | FLOW_OPENED)))
		return 0;
	opened = flow->service & FLOW_OPENED;
	/* What is there is of an entry that is gone: two CPUs made and ended one at once. */
	if (opened)
		translation_remove(&flow->key, flow->side);
	reason = translation_make(&flow->packet, rewrite);
	if (reason && opened)
		ct_remove(&flow->key);
	return reason;
}

/* Is the destination a frontend? Then the flow is one to a backend from here on, flow->service is
 * set, and `rewrite` says what the packet needs; service_remember keeps it. Returns a drop reason.
 */
VERIFIED_ONCE int service_turn(struct flow *flow, struct rewrite *rewrite, __u8 scope)
{
	struct lb_query query = {};
	struct packet *p;
	__u8 chosen = 0;
	int reason;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	p = &flow->packet;
	if (p->ethertype != ETH_P_IP || p->protocol == IPPROTO_ICMP ||
	    flow->destination.kind == SIDE_POD)
		return 0;
	switch (service_find(flow, &query, scope)) {
	case SERVICE_NONE:
		return 0;
	case SERVICE_KNOWN:
		break;
	default:
		/* The rest of a datagram is refused as its beginning is: whoever answers for the
		 * frontend has to have all of it. */
		if (p->fragment == FRAGMENT_LATER && lb_choose(&query) == DROP_NO_BACKEND)
			return DROP_NO_BACKEND;
		if (p->kind != PACKET_OPENS && p->kind != PACKET_PLAIN)
			return midstream_reason(p);
		query.client = p->source;
		/* From one flow always the same: any mixing will do. */
		query.hash = (p->source.v4 ^ p->source.p1 ^ p->source.p2) * 2654435761u +
			     p->source_port * 40503u;
		query.hash ^= query.hash >> 15;
		reason = lb_select(&query);
		/* A pod that is its own backend is answered through its gateway, which is nobody
		 * else. */
		if (!reason && addr_equal(&query.addr, &p->source) && flow->source.kind != SIDE_POD)
			reason = DROP_SERVICE_CONFLICT;
		if (!reason)
			reason = client_port_choose(flow, &query);
		if (reason)
			return reason;
		chosen = FLOW_CHOSEN;
	}
	/* See rewrite_sctp: nothing shall be opened by what cannot go on. */
	if (p->protocol == IPPROTO_SCTP && p->fragment != FRAGMENT_NONE &&
	    (query.port != p->destination_port || query.client_port != p->source_port))
		return DROP_SERVICE_CONFLICT;
	rewrite->backend = query.backend;
	rewrite->old_addr = p->destination.v4;
	rewrite->new_addr = query.addr.v4;
	rewrite->old_port = p->destination_port;
	rewrite->new_port = query.port;
	rewrite->peer_old_port = p->source_port;
	rewrite->peer_new_port = query.client_port;
	rewrite->source = 0;
	p->source_port = query.client_port;
	p->destination = query.addr;
	p->destination_port = query.port;
	p->policy_port = query.port;
	resolve(&p->destination, &flow->destination);
	flow->service = addr_equal(&p->source, &p->destination) ? FLOW_HAIRPIN : FLOW_TRANSLATED;
	flow->service |= chosen;
	return 0;
}

/* An answer of a backend, judged already: what its client expects as the source. Returns a drop
 * reason. */
VERIFIED_ONCE int service_answer(const struct flow *flow, struct rewrite *rewrite)
{
	struct translation *frontend;
	const struct packet *p;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	p = &flow->packet;
	frontend = translation_of(p);
	/* Its client knows nothing of the backend. */
	if (!frontend || !(frontend->flags & TRANSLATION_ANSWER))
		return DROP_CT_MIDSTREAM;
	rewrite->old_addr = p->source.v4;
	rewrite->new_addr = frontend->addr.v4;
	rewrite->old_port = p->source_port;
	rewrite->new_port = frontend->port;
	rewrite->peer_old_port = p->destination_port;
	rewrite->peer_new_port = frontend->client_port;
	rewrite->source = 1;
	return 0;
}
