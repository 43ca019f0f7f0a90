// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who is behind an address. Asked for new connections only; a local pod is never identified by its
 * address when it sends, its own program knows it. */
#pragma once

#include "flow.h"
#include "maps.h"
#include "packet.h"
#include "reserved.h"
#include "words.h"

static __always_inline bool identity_is_cluster(__u32 identity)
{
	return identity >= IDENTITY_CLUSTER_MIN && identity <= IDENTITY_CLUSTER_MAX;
}

/* Why nothing may be sent there, whatever policy says: nobody of the cluster has the address, and
 * whoever answered from outside would be an impostor. 0: somebody may. */
static __always_inline int nobody_at(const struct side *destination)
{
	switch (destination->identity) {
	case IDENTITY_SERVICE_RANGE:
		return DROP_SERVICE_UNKNOWN;
	case IDENTITY_POD_RANGE:
		return DROP_NO_ENDPOINT;
	default:
		return 0;
	}
}

/* Why nobody is believed who comes from outside with such a source. Pods of other nodes come
 * through the overlay, which says who they are; an address alone does not, unless there is nothing
 * else to go by. 0: it may be who the ipcache says it is. */
static __always_inline int pretender(const struct side *source)
{
	if (source->identity == IDENTITY_SERVICE_RANGE)
		return DROP_SPOOFED_IP;
	return source->identity == IDENTITY_POD_RANGE ||
			       (identity_is_cluster(source->identity) && !CONFIG(enable_native))
		       ? DROP_UNENCAPSULATED
		       : 0;
}

static __always_inline bool identity_is_node(__u32 identity)
{
	return identity == IDENTITY_REMOTE_NODE || identity == IDENTITY_KUBE_APISERVER;
}

/* Of a row of the ipcache: the node to which the overlay takes what is sent to its addresses. Nodes
 * themselves are reached past it. */
static __always_inline __be32 tunnel_to(const struct ipcache_value *row)
{
	return !CONFIG(enable_overlay) || identity_is_node(row->identity) ? 0 : row->tunnel;
}

/* Fills `side` from an address: a local pod, this node, or what the ipcache says; unknown is world.
 */
VERIFIED_ONCE int resolve(const union addr *addr, struct side *side)
{
	struct endpoint_value *local;
	struct ipcache_key key;
	struct ipcache_value *value;
	__u64 outside;

	if (!addr || !side)
		return DROP_INTERNAL;
	/* Before both tables: what is found under a word may be newer than the word, never older.
	 */
	outside = endpoint_word(outside_of(addr));
	local = bpf_map_lookup_elem(&endpoints, addr);
	side->cidr_identity = 0;
	side->way = 0;
	side->endpoint = 0;
	if (local) {
		side->endpoint = local->endpoint;
		side->word = local->endpoint ? endpoint_word(local->endpoint) : outside;
		side->cidr_identity = local->cidr_identity;
		if (local->endpoint) {
			side->kind = SIDE_POD;
			side->ifindex = local->ifindex;
			side->identity = WORD_IDENTITY(side->word);
		} else {
			side->kind = SIDE_HOST;
			side->identity = IDENTITY_HOST;
		}
		return 0;
	}
	key.prefixlen = 128;
	key.addr = *addr;
	value = bpf_map_lookup_elem(&ipcache, &key);
	side->kind = SIDE_OTHER;
	side->word = outside;
	side->identity = value ? value->identity : IDENTITY_WORLD;
	side->cidr_identity = value ? value->cidr_identity : 0;
	side->tunnel = value ? tunnel_to(value) : 0;
	return 0;
}
