// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Established connections: one look-up and two word compares. */
#pragma once

#include "flow.h"
#include "words.h"

static __always_inline void ct_renew(struct ct_entry *entry, __u32 now)
{
	__u32 expires = now + entry->timeout;

	/* Coarse, so that a busy connection does not write to its entry with every packet. */
	if (expires - entry->expires > 2 && !(entry->flags & CT_CLOSING))
		entry->expires = expires;
}

/* True when the entry alone lets this packet pass: its verdict was taken under the words that stand
 * now. */
static __always_inline bool ct_established(const struct ct_entry *entry, __u8 side, __u16 endpoint,
					   __u64 word, __u32 now)
{
	__u8 other = side ^ 1;

	return entry->endpoint[side] == endpoint && entry->stamp[side] == word &&
	       entry->stamp[other] == endpoint_word(entry->endpoint[other]) &&
	       entry->expires > now && !(entry->flags & (CT_CLOSING | CT_SERVICE)) &&
	       (entry->opener == side || (entry->flags & CT_REPLIED));
}

/* Takes one connection from the quota of whoever opens it. The node's own and the world's share one
 * that is four times as large: an outsider must not use up a pod's. */
static __always_inline int ct_charge(const struct side *opener)
{
	__u32 id = opener->endpoint;
	__u32 quota = id ? CONFIG(ct_quota) : CONFIG(ct_quota) * 4;
	__u32 *usage;

	if (!CONFIG(ct_quota))
		return 0;
	usage = bpf_map_lookup_elem(&ct_usage, &id);
	if (!usage)
		return DROP_INTERNAL;
	if (*usage >= quota)
		return DROP_CT_QUOTA;
	__sync_fetch_and_add(usage, 1);
	return 0;
}
