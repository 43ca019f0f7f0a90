// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Connections from the world that are half open. They stand in a circle, and each that comes takes
 * the place of the oldest: a flood of SYNs costs only what is as unfinished as itself. */
#pragma once

#include "removal.h"

/* Ends the connection whose place this one takes, if that one is half open still. What pods
 * elsewhere open is no matter of the world's. */
VERIFIED_ONCE int opening_enter(const struct flow *flow)
{
	__u32 index = ACCOUNT_OPENINGS;
	__u32 *cursor = bpf_map_lookup_elem(&ct_usage, &index);
	struct ct_entry *entry;
	struct ct_key *place;
	__u8 opener;

	if (!flow || !cursor || !CONFIG(ct_openings) || identity_is_cluster(flow->source.identity))
		return 0;
	index = __sync_fetch_and_add(cursor, 1) % CONFIG(ct_openings);
	place = bpf_map_lookup_elem(&world_openings, &index);
	if (!place)
		return 0;
	entry = bpf_map_lookup_elem(&conntrack, place);
	if (entry && (entry->flags & CT_OPENING)) {
		opener = entry->opener & 1;
		if (ct_account(entry->endpoint[opener], entry->identity[opener]) == ACCOUNT_WORLD)
			ct_remove(place);
	}
	*place = flow->key;
	return 0;
}
