// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Addresses of services that nobody serves, as a socket hook sees them: before there is a packet,
 * so that a client is told at once instead of waiting for an answer that nobody sends. */
#pragma once

#include "identity.h"

/* Asked when `services` does not know the place. Most addresses are in no range of services: they
 * cost one look-up. Some process of this node may have such an address (a cache of DNS answers has
 * that of the service before it); see resolve(). */
static __always_inline bool is_unserved(const union addr *addr)
{
	struct ipcache_key key = {.prefixlen = 128, .addr = *addr};
	struct ipcache_value *value = bpf_map_lookup_elem(&ipcache, &key);

	return value && value->identity == IDENTITY_SERVICE_RANGE &&
	       !bpf_map_lookup_elem(&endpoints, addr);
}
