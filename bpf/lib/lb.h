// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which backend a client of a service gets. */
#pragma once

#include "affinity.h"
#include "maps.h"
#include "packet.h"

/* A set may be switched between the look-up of its frontend and that of a slot. */
#define LB_TRIES 4

struct lb_query {
	struct service_key frontend; /* as it is in `services` */
	union addr client;	     /* see struct affinity_key */
	__u32 hash;		     /* for SERVICE_HASHED; 0: chooses at random all the same */
	/* Out. */
	__u32 backend;
	union addr addr;
	__be16 port;
	__be16 client_port; /* that the backend sees */
	__u8 affinity;	    /* enum lb_affinity */
};

/* What has become of session affinity. */
enum lb_affinity {
	LB_UNASKED = 0,
	LB_REMEMBER = 1, /* there is room for the client: any backend will do */
	LB_HASH = 2,	 /* there is none: the backend that its hash says */
};

/* Of lb_choose: the service has session affinity, and lb_ask was not. */
#define LB_ASK (-1)

static __always_inline bool is_node_port(__be16 port)
{
	__u16 number = bpf_ntohs(port);

	return number >= CONFIG(node_port_min) && number <= CONFIG(node_port_max);
}

static __always_inline bool is_node_address(const union addr *addr)
{
	struct endpoint_value *local = bpf_map_lookup_elem(&endpoints, addr);

	return local && !local->endpoint;
}

static __always_inline void lb_take(struct lb_query *query, __u32 id,
				    const struct backend_value *backend)
{
	query->backend = id;
	query->addr = backend->addr;
	query->port = backend->port;
}

/* The backend that the client of a service with session affinity had, while it may have it. */
static __always_inline bool lb_affine(struct lb_query *query, const struct service_value *service,
				      __u64 now)
{
	struct affinity_key key = {.client = query->client, .service = service->service};
	struct affinity_value *known = bpf_map_lookup_elem(&affinity, &key);
	struct backend_value *backend;
	__u32 id;

	if (!known || known->used + service->affinity_seconds * 1000000000ULL <= now)
		return false;
	id = known->backend;
	backend = bpf_map_lookup_elem(&backends, &id);
	if (!backend || (backend->flags & BACKEND_DRAINING))
		return false;
	known->used = now;
	known->seconds = service->affinity_seconds;
	lb_take(query, id, backend);
	return true;
}

/* The functions from here on are apart for the sake of the stack. */

/* Has the client a backend? Else whether it will be remembered, in query->affinity. */
VERIFIED_ONCE int lb_ask(struct lb_query *query)
{
	struct affinity_key key = {};
	struct service_value *service;

	if (!query)
		return 0;
	service = bpf_map_lookup_elem(&services, &query->frontend);
	if (!service)
		return 0;
	if (lb_affine(query, service, bpf_ktime_get_coarse_ns()))
		return 1;
	key.client = query->client;
	key.service = service->service;
	query->affinity = LB_REMEMBER;
	if (bpf_map_lookup_elem(&affinity, &key) || affinity_take(key.service))
		return 0;
	query->affinity = LB_HASH;
	query->hash = affinity_hash(&key);
	return 0;
}

/* Remembers what was chosen. */
VERIFIED_ONCE int lb_keep(struct lb_query *query)
{
	struct affinity_value value = {.used = bpf_ktime_get_coarse_ns()};
	struct affinity_key key = {};
	struct service_value *service;

	if (!query || query->affinity != LB_REMEMBER)
		return 0;
	service = bpf_map_lookup_elem(&services, &query->frontend);
	if (!service)
		return 0;
	key.client = query->client;
	key.service = service->service;
	value.backend = query->backend;
	value.seconds = service->affinity_seconds;
	/* Of two first connections at once, the one that comes second follows. */
	if (bpf_map_update_elem(&affinity, &key, &value, BPF_NOEXIST) < 0 &&
	    !lb_affine(query, service, value.used))
		bpf_map_update_elem(&affinity, &key, &value, BPF_ANY);
	return 0;
}

/* Chooses a backend of query->frontend. Returns 0, DROP_NO_BACKEND, or LB_ASK. */
VERIFIED_ONCE int lb_choose(struct lb_query *query)
{
	struct service_value *service;
	struct service_slot_key at = {};
	struct service_slot *slot;
	struct backend_value *backend;
	__u32 id;

	if (!query)
		return DROP_INTERNAL;
	for (int i = 0; i < LB_TRIES; i++) {
		service = bpf_map_lookup_elem(&services, &query->frontend);
		if (!service || !service->count)
			return DROP_NO_BACKEND;
		if (service->affinity_seconds && query->affinity == LB_UNASKED)
			return LB_ASK;
		at.revision = service->revision;
		if (i == 0 && query->hash &&
		    (query->affinity == LB_HASH || (service->flags & SERVICE_HASHED)))
			at.slot = query->hash % service->count;
		else
			at.slot = bpf_get_prandom_u32() % service->count;
		slot = bpf_map_lookup_elem(&service_slots, &at);
		if (!slot)
			continue;
		id = slot->backend;
		backend = bpf_map_lookup_elem(&backends, &id);
		if (!backend)
			continue;
		lb_take(query, id, backend);
		return 0;
	}
	return DROP_NO_BACKEND;
}

/* The backend of query->frontend that the client has, or one that is chosen for it. Returns 0, or
 * DROP_NO_BACKEND. */
static __always_inline int lb_select(struct lb_query *query)
{
	int reason = lb_choose(query);

	if (reason != LB_ASK)
		return reason;
	if (lb_ask(query))
		return 0;
	reason = lb_choose(query);
	if (!reason)
		lb_keep(query);
	return reason;
}
