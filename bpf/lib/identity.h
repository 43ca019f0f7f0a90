// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who is behind an address. Asked for new connections only; a local pod is never identified by its
 * address when it sends, its own program knows it. */
#pragma once

#include "flow.h"
#include "maps.h"
#include "packet.h"
#include "words.h"

#define IDENTITY_HOST 1
#define IDENTITY_WORLD 2
#define IDENTITY_REMOTE_NODE 6
#define IDENTITY_KUBE_APISERVER 7
#define IDENTITY_CLUSTER_MIN 256
#define IDENTITY_CLUSTER_MAX 65535

static __always_inline bool identity_is_cluster(__u32 identity)
{
	return identity >= IDENTITY_CLUSTER_MIN && identity <= IDENTITY_CLUSTER_MAX;
}

/* Fills `side` from an address: a local pod, this node, or what the ipcache says; unknown is world.
 */
VERIFIED_ONCE int resolve(const union addr *addr, struct side *side)
{
	struct endpoint_value *local;
	struct ipcache_key key;
	struct ipcache_value *value;

	if (!addr || !side)
		return DROP_INTERNAL;
	local = bpf_map_lookup_elem(&endpoints, addr);
	side->cidr_identity = 0;
	side->ifindex = 0;
	side->endpoint = 0;
	if (local) {
		side->endpoint = local->endpoint;
		side->word = endpoint_word(local->endpoint);
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
	side->word = endpoint_word(0);
	side->identity = value ? value->identity : IDENTITY_WORLD;
	side->cidr_identity = value ? value->cidr_identity : 0;
	return 0;
}
