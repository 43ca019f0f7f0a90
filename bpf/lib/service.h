// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets to a frontend that no socket hook turned: from outside of the node, and raw ones. The
 * destination becomes a backend before anything is judged, so that policy sees the backend and the
 * client that really asked; answers get the frontend's address back. */
#pragma once

#include "conntrack.h"
#include "deliver.h"
#include "identity.h"
#include "lb.h"
#include "nat.h"
#include "quota.h"
#include "tcp.h"

static __always_inline void translation_key_of(struct translation_key *key, const struct packet *p)
{
	key->source = p->source;
	key->source_port = p->source_port;
	key->destination = p->destination;
	key->destination_port = p->destination_port;
	key->protocol = p->protocol;
}

/* Of the packet's source, by that port, with a backend. */
static __always_inline struct ct_entry *service_connection(const struct packet *p,
							   __be16 client_port,
							   const union addr *backend,
							   __be16 backend_port)
{
	struct ct_key key = {.protocol = p->protocol};
	struct ct_entry *entry;

	if (addr_less(&p->source, backend)) {
		key.addr[0] = p->source;
		key.addr[1] = *backend;
		key.port[0] = client_port;
		key.port[1] = backend_port;
	} else {
		key.addr[0] = *backend;
		key.addr[1] = p->source;
		key.port[0] = backend_port;
		key.port[1] = client_port;
	}
	entry = bpf_map_lookup_elem(&conntrack, &key);
	return entry && entry->expires > ct_now() ? entry : 0;
}

static __always_inline __u16 owner_of(const union addr *addr)
{
	struct endpoint_value *local = bpf_map_lookup_elem(&endpoints, addr);

	return holder_of(local ? local->endpoint : 0, addr);
}

/* Does the entry belong to those who have the two addresses now? What a former owner of one has
 * opened is nobody's. */
static __always_inline bool service_is_own(const struct ct_entry *entry, const union addr *client,
					   const union addr *backend)
{
	__u16 first = entry->endpoint[0], second = entry->endpoint[1];

	if (addr_less(client, backend))
		return first == owner_of(client) && second == owner_of(backend);
	return second == owner_of(client) && first == owner_of(backend);
}

/* The row of what the backend answers to that port of the packet's source. */
static __always_inline struct translation *service_answers(const struct packet *p,
							   __be16 client_port,
							   const union addr *backend,
							   __be16 backend_port, bool hairpin)
{
	struct translation_key key = {};

	key.source = *backend;
	key.source_port = backend_port;
	if (hairpin)
		addr_set_v4(&key.destination, CONFIG(gateway_ipv4));
	else
		key.destination = p->source;
	key.destination_port = client_port;
	key.protocol = p->protocol;
	return bpf_map_lookup_elem(&translations, &key);
}

/* Do these answers go to where this packet comes from, from where it goes? */
static __always_inline bool service_answers_to(const struct translation *back,
					       const struct packet *p)
{
	return (back->flags & TRANSLATION_ANSWER) && back->client_port == p->source_port &&
	       back->port == p->destination_port && addr_equal(&back->addr, &p->destination);
}

/* May this packet go where its connection went before? What opens one, and a datagram, which does
 * not depend on the one before it, only to a backend that is still there. */
static __always_inline bool service_goes_on(const struct packet *p, const struct translation *known)
{
	struct ct_entry *entry;
	struct translation *back;
	struct backend_value *backend;
	__u32 id = known->backend;

	back = service_answers(p, known->client_port, &known->addr, known->port,
			       known->flags & TRANSLATION_HAIRPIN);
	if (!back || !service_answers_to(back, p))
		return false;
	if (known->flags & TRANSLATION_HAIRPIN)
		return bpf_map_lookup_elem(&backends, &id);
	entry = service_connection(p, known->client_port, &known->addr, known->port);
	if (!entry || !(entry->flags & CT_SERVICE) ||
	    !service_is_own(entry, &p->source, &known->addr))
		return false;
	if (p->kind == PACKET_OPENS && (entry->flags & CT_CLOSING))
		return false;
	if ((known->flags & TRANSLATION_DIRECT) ||
	    (p->kind != PACKET_OPENS && p->kind != PACKET_PLAIN))
		return true;
	backend = bpf_map_lookup_elem(&backends, &id);
	return backend && !(backend->flags & BACKEND_DRAINING);
}

/* Is the client's own port taken towards this backend, by a connection past services or through
 * another frontend? Answers could not be told apart. One that is closed has it until it is
 * forgotten: late packets are not the next one's. */
static __always_inline bool client_port_conflicts(const struct packet *p,
						  const struct lb_query *query, bool hairpin)
{
	struct translation *back =
		service_answers(p, p->source_port, &query->addr, query->port, hairpin);
	struct ct_entry *entry;

	if (hairpin)
		return back && !service_answers_to(back, p);
	entry = service_connection(p, p->source_port, &query->addr, query->port);
	if (!entry || !service_is_own(entry, &p->source, &query->addr))
		return false;
	return !(entry->flags & CT_SERVICE) || (back && !service_answers_to(back, p));
}

/* Where one port in ten is free towards a backend, this finds it in 29 of 30 cases, and the next
 * SYN tries others. */
#define CLIENT_PORT_TRIES 32
#define CLIENT_PORT_MIN 1024

/* The port that the backend, query->addr, sees of this client: its own or, where that is taken, any
 * that is not. Ports are taken by address of the client and backend, so nobody runs out of them but
 * by connections of his own. Who is quicker with one at the same time on another CPU has it: both
 * write the same rows, and what comes next of the other finds that they are not its own. Returns a
 * drop reason. */
VERIFIED_ONCE int client_port_choose(const struct flow *flow, struct lb_query *query)
{
	const struct packet *p;
	bool hairpin;

	if (!flow || !query)
		return DROP_INTERNAL;
	p = &flow->packet;
	hairpin = addr_equal(&query->addr, &p->source);
	query->client_port = p->source_port;
	if (!client_port_conflicts(p, query, hairpin))
		return 0;
	/* Of SCTP the checksum could not be repaired. */
	if (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP)
		return DROP_SERVICE_CONFLICT;
	for (int i = 0; i < CLIENT_PORT_TRIES; i++) {
		query->client_port = bpf_htons(CLIENT_PORT_MIN +
					       bpf_get_prandom_u32() % (65536 - CLIENT_PORT_MIN));
		if (hairpin ? !service_answers(p, query->client_port, &query->addr, query->port,
					       true)
			    : !service_connection(p, query->client_port, &query->addr, query->port))
			return 0;
	}
	return DROP_SERVICE_CONFLICT;
}

/* A new connection to a process of the node by its own port: what a client with the same port had
 * with it through a service is over. */
static __always_inline void service_forget(const struct packet *p)
{
	struct translation_key key = {};
	struct translation *known;

	key.source = p->destination;
	key.source_port = p->destination_port;
	key.destination = p->source;
	key.destination_port = p->source_port;
	key.protocol = p->protocol;
	known = bpf_map_lookup_elem(&translations, &key);
	if (known && (known->flags & TRANSLATION_ANSWER))
		bpf_map_delete_elem(&translations, &key);
}

enum service_found {
	SERVICE_NONE = 0,    /* no frontend */
	SERVICE_KNOWN = 1,   /* of a connection that has its backend */
	SERVICE_UNKNOWN = 2, /* of one that needs a backend */
};

/* What flow->service says. */
enum flow_service {
	FLOW_TRANSLATED = 1,
	FLOW_HAIRPIN = 2, /* to the pod that sent it, which needs nobody's leave */
};

/* The functions from here on are apart for the sake of the stack: together their frames would not
 * fit beside those of their callers. */

/* Fills query->frontend, and the backend of a connection that goes on. */
VERIFIED_ONCE int service_find(const struct flow *flow, struct lb_query *query, __u8 scope)
{
	struct translation_key key = {};
	struct translation *known;
	const struct packet *p;

	if (!flow || !query)
		return SERVICE_NONE;
	p = &flow->packet;
	translation_key_of(&key, p);
	if (p->kind == PACKET_ERROR) {
		/* About an answer: the quoted frontend's own port says nothing of a service. */
		known = bpf_map_lookup_elem(&translations, &key);
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
	known = bpf_map_lookup_elem(&translations, &key);
	if (!known || (known->flags & TRANSLATION_ANSWER) || !service_goes_on(p, known))
		return SERVICE_UNKNOWN;
	query->addr = known->addr;
	query->port = known->port;
	query->client_port = known->client_port;
	return SERVICE_KNOWN;
}

/* What the client has of its own had this port of the backend's before: its packets are not to
 * follow. */
static __always_inline void service_supersede(const struct packet *p,
					      const struct translation *former)
{
	struct translation_key key = {};
	struct translation *forth;

	key.source = p->source;
	key.source_port = former->client_port;
	key.destination = former->addr;
	key.destination_port = former->port;
	key.protocol = p->protocol;
	forth = bpf_map_lookup_elem(&translations, &key);
	if (forth && !(forth->flags & TRANSLATION_ANSWER) && forth->client_port == p->source_port &&
	    forth->port == p->destination_port && addr_equal(&forth->addr, &p->destination))
		bpf_map_delete_elem(&translations, &key);
}

/* Remembers both ways of a connection that service_turn chose a backend for. Only what may pass
 * comes here: what is forbidden must not push others' connections out of the table. Returns a drop
 * reason.
 */
VERIFIED_ONCE int service_remember(const struct flow *flow, const struct rewrite *rewrite)
{
	struct translation_key key = {};
	struct translation value = {};
	struct translation *former;
	const struct packet *p;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	if (!rewrite->backend)
		return 0;
	p = &flow->packet;
	key.source = p->destination;
	key.source_port = p->destination_port;
	key.destination = p->source;
	key.destination_port = p->source_port;
	key.protocol = p->protocol;
	value.flags = TRANSLATION_ANSWER;
	if (flow->service == FLOW_HAIRPIN) {
		addr_set_v4(&key.destination, CONFIG(gateway_ipv4));
		value.flags |= TRANSLATION_HAIRPIN;
	} else if (rewrite->backend == BACKEND_DIRECT) {
		value.flags |= TRANSLATION_DIRECT;
	}
	addr_set_v4(&value.addr, rewrite->old_addr);
	value.port = rewrite->old_port;
	value.client_port = rewrite->peer_old_port;
	value.backend = rewrite->backend;
	former = bpf_map_lookup_elem(&translations, &key);
	if (former)
		service_supersede(p, former);
	if (bpf_map_update_elem(&translations, &key, &value, BPF_ANY) < 0)
		return DROP_CT_FULL;
	key.source = p->source;
	key.source_port = value.client_port;
	key.destination = value.addr;
	key.destination_port = value.port;
	value.addr = p->destination;
	value.port = p->destination_port;
	value.client_port = p->source_port;
	value.flags &= ~TRANSLATION_ANSWER;
	return bpf_map_update_elem(&translations, &key, &value, BPF_ANY) < 0 ? DROP_CT_FULL : 0;
}

/* Is the destination a frontend? Then the flow is one to a backend from here on, flow->service is
 * set, and `rewrite` says what the packet needs; service_remember keeps it. Returns a drop reason.
 */
VERIFIED_ONCE int service_turn(struct flow *flow, struct rewrite *rewrite, __u8 scope)
{
	struct lb_query query = {};
	struct packet *p;
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
		if (p->kind != PACKET_OPENS && p->kind != PACKET_PLAIN)
			return DROP_CT_MIDSTREAM;
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
		rewrite->backend = query.backend;
	}
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
	return 0;
}

/* Sends what a pod says to itself through a service back to it, as `rewrite` says, from its
 * gateway. Returns a drop reason, or 0 and the action. */
VERIFIED_ONCE int service_hairpin(struct __sk_buff *skb, const struct flow *flow,
				  const struct rewrite *rewrite, int *action)
{
	struct rewrite source = {.source = 1};
	int reason;

	if (!flow || !rewrite || !action)
		return DROP_INTERNAL;
	if (rewrite->backend) {
		reason = ct_charge(&flow->source);
		if (!reason)
			reason = service_remember(flow, rewrite);
		if (reason)
			return reason;
	}
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
VERIFIED_ONCE int service_hairpin_answer(struct __sk_buff *skb, const struct flow *flow,
					 int *action)
{
	struct translation_key key = {};
	struct translation *frontend;
	struct rewrite rewrite = {.source = 1};
	__be16 client_port;
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	translation_key_of(&key, &flow->packet);
	frontend = bpf_map_lookup_elem(&translations, &key);
	if (!frontend || frontend->flags != (TRANSLATION_HAIRPIN | TRANSLATION_ANSWER))
		return 0;
	rewrite.old_addr = flow->packet.source.v4;
	rewrite.new_addr = frontend->addr.v4;
	rewrite.old_port = flow->packet.source_port;
	rewrite.new_port = frontend->port;
	client_port = frontend->client_port;
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

/* An answer of a backend, judged already: what its client expects as the source. Returns a drop
 * reason. */
VERIFIED_ONCE int service_answer(const struct flow *flow, struct rewrite *rewrite)
{
	struct translation_key key = {};
	struct translation *frontend;
	const struct packet *p;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	p = &flow->packet;
	translation_key_of(&key, p);
	frontend = bpf_map_lookup_elem(&translations, &key);
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
