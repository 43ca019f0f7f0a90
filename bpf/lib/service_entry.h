// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The entry of conntrack between the client of a service and a backend. */
#pragma once

#include "identity.h"
#include "translation.h"

/* The key of a connection between whoever this packet's source is to the backend, by that port, and
 * the backend. Returns the client's side of it. */
static __always_inline __u8 service_key_of(struct ct_key *key, const struct packet *p,
					   const union addr *client, __be16 client_port,
					   const union addr *backend, __be16 backend_port)
{
	key->protocol = p->protocol;
	if (addr_less(client, backend)) {
		key->addr[0] = *client;
		key->addr[1] = *backend;
		key->port[0] = client_port;
		key->port[1] = backend_port;
		return 0;
	}
	key->addr[0] = *backend;
	key->addr[1] = *client;
	key->port[0] = backend_port;
	key->port[1] = client_port;
	return 1;
}

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

	service_key_of(&key, p, &p->source, client_port, backend, backend_port);
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
	service_key_of(&key, p, &client, client_port, backend, backend_port);
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
