// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The short way of connections through a service that the judge has let pass, between a client
 * outside and a pod of this node. */
#pragma once

#include "service.h"

/* Neither opens nor closes a connection, and has its ports in it. */
static __always_inline bool service_may_hurry(const struct packet *p)
{
	if (p->fragment != FRAGMENT_NONE)
		return false;
	if (p->protocol == IPPROTO_TCP)
		return (p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) == TCP_ACK;
	return p->protocol == IPPROTO_UDP;
}

/* Of a packet that may go the short way; `flags`: which way. */
static __always_inline struct translation *service_translation(const struct packet *p, __u16 flags)
{
	struct translation *known;

	if (!service_may_hurry(p))
		return 0;
	known = translation_of(p);
	return known && known->flags == flags ? known : 0;
}

/* Has the judge let this connection of a client outside and a pod of this node pass, under words
 * that still stand? `client`: its side of the entry. */
static __always_inline bool service_established(const struct ct_entry *entry, __u8 client)
{
	__u8 backend = client ^ 1;

	return (entry->flags & (CT_SERVICE | CT_CLOSING | CT_HOST | CT_OPENING)) == CT_SERVICE &&
	       entry->opener == client && !pod_of(entry->endpoint[client]) &&
	       pod_of(entry->endpoint[backend]) &&
	       entry->stamp[client] == endpoint_word(entry->endpoint[client]) &&
	       entry->stamp[backend] == endpoint_word(entry->endpoint[backend]);
}

/* The short way of an established connection from outside to its pod: two look-ups instead of ten.
 * 0: it has to be judged. Else the device to deliver to, and `rewrite` says what the packet needs.
 */
VERIFIED_ONCE int service_forth(const struct flow *flow, struct rewrite *rewrite)
{
	struct translation *known;
	struct backend_value *backend;
	struct ct_entry *entry;
	const struct packet *p;
	__u8 client;

	if (!flow || !rewrite)
		return 0;
	p = &flow->packet;
	known = service_translation(p, 0);
	if (!known)
		return 0;
	entry = service_connection(p, known->client_port, &known->addr, known->port);
	client = addr_less(&p->source, &known->addr) ? 0 : 1;
	if (!entry || !service_established(entry, client))
		return 0;
	if (p->protocol == IPPROTO_UDP) {
		__u32 id = known->backend;

		backend = bpf_map_lookup_elem(&backends, &id);
		if (!backend || (backend->flags & BACKEND_DRAINING))
			return 0;
	}
	ct_renew(entry, ct_now());
	tcp_note(entry, client, p);
	rewrite->old_addr = p->destination.v4;
	rewrite->new_addr = known->addr.v4;
	rewrite->old_port = p->destination_port;
	rewrite->new_port = known->port;
	rewrite->peer_old_port = p->source_port;
	rewrite->peer_new_port = known->client_port;
	rewrite->source = 0;
	return entry->way[client ^ 1];
}

/* The same for what the pod answers. False: it has to be judged. */
VERIFIED_ONCE int service_back(const struct flow *flow, struct rewrite *rewrite)
{
	struct translation *frontend;
	struct ct_entry *entry;
	const struct packet *p;
	__u8 client;

	if (!flow || !rewrite)
		return 0;
	p = &flow->packet;
	frontend = service_translation(p, TRANSLATION_ANSWER);
	if (!frontend)
		return 0;
	entry = service_connection(p, p->source_port, &p->destination, p->destination_port);
	client = addr_less(&p->source, &p->destination) ? 1 : 0;
	/* The first answer changes the entry. */
	if (!entry || !(entry->flags & CT_REPLIED) || !service_established(entry, client) ||
	    entry->endpoint[client ^ 1] != flow->source.endpoint)
		return 0;
	ct_renew(entry, ct_now());
	rewrite->old_addr = p->source.v4;
	rewrite->new_addr = frontend->addr.v4;
	rewrite->old_port = p->source_port;
	rewrite->new_port = frontend->port;
	rewrite->peer_old_port = p->destination_port;
	rewrite->peer_new_port = frontend->client_port;
	rewrite->source = 1;
	return 1;
}
