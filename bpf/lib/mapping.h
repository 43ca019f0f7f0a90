// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Titles to the ports that connections leave the node with. There is one row a port and remote end.
 * It is made only where there is none, so two connections never hold one port; and it goes with the
 * entry of conntrack that it was made for: who takes the entry out takes out the row, if it still
 * is that connection's. */
#pragma once

#include "flow.h"
#include "maps.h"
#include "packet.h"

/* True where rows are made at all. */
#define HAS_MAPPINGS (CONFIG(enable_masquerade) || CONFIG(enable_services))

static __always_inline bool mapping_is(const struct snat_value *row, const struct snat_value *owner)
{
	return addr_equal(&row->pod, &owner->pod) && row->pod_port == owner->pod_port &&
	       row->endpoint == owner->endpoint;
}

/* The row of a packet on its way out. */
static __always_inline void mapping_of(struct snat_key *key, struct snat_value *owner,
				       const struct flow *flow)
{
	const struct packet *p = &flow->packet;

	key->remote = p->destination;
	key->remote_port = p->protocol == IPPROTO_ICMP ? 0 : p->destination_port;
	key->nat_port = flow->nat_port;
	key->protocol = p->protocol;
	owner->pod = p->source;
	owner->pod_port = p->source_port;
	owner->endpoint = flow->source.endpoint;
	owner->made = ct_now();
}

/* The row of an entry of conntrack, by its opener's side. */
static __always_inline void mapping_of_entry(struct snat_key *mapping, struct snat_value *owner,
					     const struct ct_key *key, __u8 opener)
{
	if (opener) {
		mapping->remote = key->addr[0];
		mapping->remote_port = key->port[0];
		owner->pod = key->addr[1];
		owner->pod_port = key->port[1];
	} else {
		mapping->remote = key->addr[1];
		mapping->remote_port = key->port[1];
		owner->pod = key->addr[0];
		owner->pod_port = key->port[0];
	}
	mapping->protocol = key->protocol;
	if (key->protocol == IPPROTO_ICMP)
		mapping->remote_port = 0;
}

/* The entry of conntrack that a row was made for. */
static __always_inline void mapping_entry_key(struct ct_key *key, const struct snat_key *mapping,
					      const struct snat_value *row)
{
	__be16 remote_port =
		mapping->protocol == IPPROTO_ICMP ? row->pod_port : mapping->remote_port;

	ct_key_of(key, mapping->protocol, &row->pod, row->pod_port, &mapping->remote, remote_port);
}

/* The row of a packet that came back. */
static __always_inline struct snat_value *mapping_back(const struct packet *p)
{
	struct snat_key key = {};

	key.remote = p->source;
	key.remote_port = p->protocol == IPPROTO_ICMP ? 0 : p->source_port;
	key.nat_port = p->destination_port;
	key.protocol = p->protocol;
	return bpf_map_lookup_elem(&snat, &key);
}

/* Takes the row out, unless it is another connection's by now. */
static __always_inline void mapping_remove(const struct snat_key *key,
					   const struct snat_value *owner)
{
	struct snat_value *row = bpf_map_lookup_elem(&snat, key);

	if (row && mapping_is(row, owner))
		bpf_map_delete_elem(&snat, key);
}

/* Takes out the row of an entry of conntrack that is gone: of the one that this endpoint opened and
 * that had this port. Apart for the sake of the stack. */
VERIFIED_ONCE int mapping_end(const struct ct_key *entry, __u8 opener, __u16 endpoint,
			      __be16 nat_port)
{
	struct snat_value owner = {.endpoint = endpoint};
	struct snat_key key = {};

	if (!entry)
		return 0;
	mapping_of_entry(&key, &owner, entry, opener);
	key.nat_port = nat_port;
	mapping_remove(&key, &owner);
	return 0;
}

/* Does flow->nat_port still belong to this packet's connection? A row that is missing is made anew,
 * if nobody else was quicker. Returns a drop reason. */
VERIFIED_ONCE int mapping_hold(const struct flow *flow)
{
	struct snat_value owner = {}, *row;
	struct snat_key key = {};

	if (!flow)
		return DROP_INTERNAL;
	mapping_of(&key, &owner, flow);
	row = bpf_map_lookup_elem(&snat, &key);
	if (row)
		return mapping_is(row, &owner) ? 0 : DROP_NAT_EXHAUSTED;
	return bpf_map_update_elem(&snat, &key, &owner, BPF_NOEXIST) < 0 ? DROP_NAT_EXHAUSTED : 0;
}

/* Gives flow->nat_port up. */
VERIFIED_ONCE int mapping_drop(const struct flow *flow)
{
	struct snat_value owner = {};
	struct snat_key key = {};

	if (!flow || !flow->nat_port)
		return 0;
	mapping_of(&key, &owner, flow);
	mapping_remove(&key, &owner);
	return 0;
}
