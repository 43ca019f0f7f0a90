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
