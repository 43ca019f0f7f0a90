// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The entry of conntrack between the client of a service and a backend. */
#pragma once

#include "identity.h"
#include "translation.h"

static __always_inline struct ct_entry *service_entry(const struct ct_key *key)
{
	struct ct_entry *entry = bpf_map_lookup_elem(&conntrack, key);

	return entry && entry->expires > ct_now() ? entry : 0;
}

/* Of the packet's source, by that port, with a backend. */
static __always_inline struct ct_entry *service_connection(const struct packet *p,
							   __be16 client_port,
							   const union addr *backend,
							   __be16 backend_port)
{
	struct ct_key key = {};

	ct_key_of(&key, p->protocol, &p->source, client_port, backend, backend_port);
	return service_entry(&key);
}

/* The same, also where a pod is its own backend. */
static __always_inline struct ct_entry *service_any_connection(const struct packet *p,
							       __be16 client_port,
							       const union addr *backend,
							       __be16 backend_port)
{
	struct ct_key key = {};
	union addr client;

	client_of(&client, p, backend);
	ct_key_of(&key, p->protocol, &client, client_port, backend, backend_port);
	return service_entry(&key);
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
