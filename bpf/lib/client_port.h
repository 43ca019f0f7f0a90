// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The port that a backend sees of a client: the client's own or, where that is taken towards the
 * backend, another. */
#pragma once

#include "lb.h"
#include "service_entry.h"

/* Where one port in ten is free towards a backend, this finds it in 29 of 30 cases, and the next
 * SYN tries others. */
#define CLIENT_PORT_TRIES 32
#define CLIENT_PORT_MIN 1024

/* Is the client's own port taken towards this backend, by a connection past services, through
 * another frontend, or of the backend's? Answers could not be told apart. One that is closed has it
 * until it is forgotten: late packets are not the next one's. */
static __always_inline bool client_port_conflicts(const struct packet *p,
						  const struct lb_query *query)
{
	struct ct_key key = {};
	struct ct_entry *entry;
	struct translation *title;
	union addr client;
	__u8 side;

	client_of(&client, p, &query->addr);
	side = ct_key_of(&key, p->protocol, &client, p->source_port, &query->addr, query->port);
	entry = service_entry(&key);
	if (!entry || !service_is_own(entry, &p->source, &query->addr))
		return false;
	if (!(entry->flags & CT_SERVICE) || entry->opener != side)
		return true;
	title = translation_title(p, p->source_port, &query->addr, query->port);
	return title && !translation_names(title, p);
}

/* The port that the backend, query->addr, sees of this client. Ports are taken by address of the
 * client and backend, so nobody runs out of them but by connections of his own. Who is quicker with
 * one at the same time on another CPU has it: a connection has one entry and one title. Returns a
 * drop reason. */
VERIFIED_ONCE int client_port_choose(const struct flow *flow, struct lb_query *query)
{
	const struct packet *p;

	if (!flow || !query)
		return DROP_INTERNAL;
	p = &flow->packet;
	query->client_port = p->source_port;
	if (!client_port_conflicts(p, query))
		return 0;
	for (int i = 0; i < CLIENT_PORT_TRIES; i++) {
		query->client_port = bpf_htons(CLIENT_PORT_MIN +
					       bpf_get_prandom_u32() % (65536 - CLIENT_PORT_MIN));
		if (!service_any_connection(p, query->client_port, &query->addr, query->port))
			return 0;
	}
	return DROP_SERVICE_CONFLICT;
}
