// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The two rows of a connection that is translated between a frontend and a backend: where the
 * client's packets go, and as whom the backend's answers come. They belong to the connection's
 * entry of conntrack: made after it, and gone with it, so that they are charged as it is and nobody
 * else's push them out. The row of the answers is the title: its key follows from the entry's, and
 * it is made only where there is none; the client's, by the client's own port, counts while that
 * one names its frontend and that port. */
#pragma once

#include "maps.h"
#include "nat.h"
#include "packet.h"

/* The row of this packet. */
static __always_inline struct translation *translation_of(const struct packet *p)
{
	struct translation_key key = {.protocol = p->protocol};

	key.source = p->source;
	key.source_port = p->source_port;
	key.destination = p->destination;
	key.destination_port = p->destination_port;
	return bpf_map_lookup_elem(&translations, &key);
}

/* Whom the backend takes for its client: a pod that is its own backend, for its gateway. */
static __always_inline void client_of(union addr *client, const struct packet *p,
				      const union addr *backend)
{
	if (addr_equal(&p->source, backend))
		addr_set_v4(client, CONFIG(gateway_ipv4));
	else
		*client = p->source;
}

/* The title of the connection between this packet's source, by that port, and a backend. */
static __always_inline struct translation *translation_title(const struct packet *p,
							     __be16 client_port,
							     const union addr *backend,
							     __be16 backend_port)
{
	struct translation_key key = {.protocol = p->protocol};

	key.source = *backend;
	key.source_port = backend_port;
	client_of(&key.destination, p, backend);
	key.destination_port = client_port;
	return bpf_map_lookup_elem(&translations, &key);
}

/* Is it the title of a connection from this packet's source through its destination? */
static __always_inline bool translation_names(const struct translation *title,
					      const struct packet *p)
{
	return (title->flags & TRANSLATION_ANSWER) && title->client_port == p->source_port &&
	       title->port == p->destination_port && addr_equal(&title->addr, &p->destination);
}

/* The entry of conntrack that a title was made for. */
static __always_inline void translation_entry_key(struct ct_key *entry,
						  const struct translation_key *title)
{
	ct_key_of(entry, title->protocol, &title->source, title->source_port, &title->destination,
		  title->destination_port);
}

/* The title that a row of a client belongs to. */
static __always_inline void translation_title_key(struct translation_key *title,
						  const struct translation_key *key,
						  const struct translation *row)
{
	title->source = row->addr;
	title->source_port = row->port;
	title->destination = key->source;
	if (row->flags & TRANSLATION_HAIRPIN)
		addr_set_v4(&title->destination, CONFIG(gateway_ipv4));
	title->destination_port = row->client_port;
	title->protocol = key->protocol;
}

/* The key of the title of a connection, by its entry. */
static __always_inline void translation_key_of_entry(struct translation_key *key,
						     const struct ct_key *entry, __u8 opener)
{
	if (opener) {
		key->source = entry->addr[0];
		key->source_port = entry->port[0];
		key->destination = entry->addr[1];
		key->destination_port = entry->port[1];
	} else {
		key->source = entry->addr[1];
		key->source_port = entry->port[1];
		key->destination = entry->addr[0];
		key->destination_port = entry->port[0];
	}
}

/* Takes out both rows of the connection whose entry this is. One key for both, for the sake of the
 * stack. */
VERIFIED_ONCE int translation_remove(const struct ct_key *entry, __u8 opener)
{
	struct translation_key key = {};
	struct translation *title, *row;

	if (!entry)
		return 0;
	key.protocol = entry->protocol;
	translation_key_of_entry(&key, entry, opener);
	title = bpf_map_lookup_elem(&translations, &key);
	if (!title || !(title->flags & TRANSLATION_ANSWER))
		return 0;
	if (!(title->flags & TRANSLATION_HAIRPIN))
		key.source = key.destination;
	key.source_port = title->client_port;
	key.destination = title->addr;
	key.destination_port = title->port;
	row = bpf_map_lookup_elem(&translations, &key);
	if (row && !(row->flags & TRANSLATION_ANSWER) && row->port == entry->port[opener ? 0 : 1] &&
	    row->client_port == entry->port[opener ? 1 : 0] &&
	    addr_equal(&row->addr, &entry->addr[opener ? 0 : 1]))
		bpf_map_delete_elem(&translations, &key);
	translation_key_of_entry(&key, entry, opener);
	bpf_map_delete_elem(&translations, &key);
	return 1;
}

/* Makes the title of a connection that has none. `title`: what it shall say. Returns a drop reason.
 */
VERIFIED_ONCE int translation_claim(const struct packet *p, const struct translation *title)
{
	struct translation_key key = {};
	struct translation *row;

	if (!p || !title)
		return DROP_INTERNAL;
	key.protocol = p->protocol;
	key.source = p->destination;
	key.source_port = p->destination_port;
	client_of(&key.destination, p, &p->destination);
	key.destination_port = p->source_port;
	if (bpf_map_update_elem(&translations, &key, title, BPF_NOEXIST) == 0)
		return 0;
	row = bpf_map_lookup_elem(&translations, &key);
	if (!row)
		return DROP_CT_FULL;
	/* Another packet of the client, to another frontend or from another port, was quicker. */
	if (!(row->flags & TRANSLATION_ANSWER) || row->port != title->port ||
	    row->client_port != title->client_port || !addr_equal(&row->addr, &title->addr))
		return DROP_SERVICE_CONFLICT;
	return 0;
}

/* Makes both rows of the connection of this packet, whose ends are as the backend sees them but for
 * a pod that is its own backend, from what `rewrite` says it was before. Returns a drop reason. */
VERIFIED_ONCE int translation_make(const struct packet *p, const struct rewrite *rewrite)
{
	struct translation value = {.flags = TRANSLATION_ANSWER}, *row;
	struct translation_key key = {};
	int reason;

	if (!p || !rewrite)
		return DROP_INTERNAL;
	if (addr_equal(&p->source, &p->destination))
		value.flags |= TRANSLATION_HAIRPIN;
	else if (rewrite->backend == BACKEND_DIRECT)
		value.flags |= TRANSLATION_DIRECT;
	addr_set_v4(&value.addr, rewrite->old_addr);
	value.port = rewrite->old_port;
	value.client_port = rewrite->peer_old_port;
	value.backend = rewrite->backend;
	reason = translation_claim(p, &value);
	if (reason)
		return reason;
	key.protocol = p->protocol;
	key.source = p->source;
	key.source_port = value.client_port;
	key.destination = value.addr;
	key.destination_port = value.port;
	value.addr = p->destination;
	value.port = p->destination_port;
	value.client_port = p->source_port;
	value.flags &= ~TRANSLATION_ANSWER;
	row = bpf_map_lookup_elem(&translations, &key);
	if (row && (row->flags & TRANSLATION_ANSWER))
		return DROP_SERVICE_CONFLICT;
	return bpf_map_update_elem(&translations, &key, &value, BPF_ANY) < 0 ? DROP_CT_FULL : 0;
}
