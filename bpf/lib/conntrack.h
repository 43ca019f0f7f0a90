// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Established connections: one look-up and two word compares. */
#pragma once

#include "flow.h"
#include "words.h"

/* Why a packet of a connection that is not known is dropped. A later fragment's is not known
 * because its first one did not get through. */
static __always_inline int midstream_reason(const struct packet *p)
{
	return p->fragment == FRAGMENT_LATER ? DROP_FRAGMENT_UNKNOWN : DROP_CT_MIDSTREAM;
}

static __always_inline void ct_renew(struct ct_entry *entry, __u32 now)
{
	__u32 expires = now + entry->timeout;

	/* Coarse, so that a busy connection does not write to its entry with every packet. */
	if (expires - entry->expires > 2)
		entry->expires = expires;
}

/* True when the entry is this endpoint's, and its verdict was taken under the words that stand now.
 */
static __always_inline bool ct_stands(const struct ct_entry *entry, __u8 side, __u16 endpoint,
				      __u64 word, __u32 now)
{
	__u8 other = side ^ 1;

	return entry->endpoint[side] == endpoint && entry->stamp[side] == word &&
	       entry->stamp[other] == endpoint_word(entry->endpoint[other]) && entry->expires > now;
}

/* True when what comes from this side changes nothing of the connection, unless its flags do. */
static __always_inline bool ct_is_open(const struct ct_entry *entry, __u8 side)
{
	return !(entry->flags & (CT_CLOSING | CT_SERVICE | CT_OPENING)) &&
	       (entry->opener == side || (entry->flags & CT_REPLIED));
}

/* True when the entry alone lets this packet pass. */
static __always_inline bool ct_established(const struct ct_entry *entry, __u8 side, __u16 endpoint,
					   __u64 word, __u32 now)
{
	return ct_stands(entry, side, endpoint, word, now) && ct_is_open(entry, side);
}
