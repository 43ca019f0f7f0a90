// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The state words that the agent writes; see types.h. */
#pragma once

#include "maps.h"

/* One 64-bit read: identity and revision always belong together. */
static __always_inline __u64 endpoint_word(__u32 endpoint)
{
	__u64 *word = bpf_map_lookup_elem(&endpoint_words, &endpoint);

	return word ? *(volatile __u64 *)word : 0;
}

/* The number of the word of an address that is no pod's of this node; outside.ts has the same hash.
 */
static __always_inline __u16 outside_of(const union addr *addr)
{
	__u64 both = bpf_be64_to_cpu(addr->hi ^ addr->lo);

	return FIRST_OUTSIDE + ((both * OUTSIDE_FACTOR) >> (64 - OUTSIDE_BITS));
}

/* What a conntrack entry calls a side: the pod's endpoint id, else the number of the word of its
 * address. */
static __always_inline __u16 holder_of(__u16 endpoint, const union addr *addr)
{
	return endpoint ? endpoint : outside_of(addr);
}

/* The endpoint id that a conntrack entry has for a side; 0: not a local pod. */
static __always_inline __u16 pod_of(__u16 holder)
{
	return holder < FIRST_OUTSIDE ? holder : 0;
}
