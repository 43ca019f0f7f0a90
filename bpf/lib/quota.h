// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who pays for an entry of conntrack, from the packet that made it until the entry is gone. An
 * endpoint has a part that is guaranteed to it, and beyond that shares what is common; the node and
 * the world have accounts of their own. Together they are less than the table. */
#pragma once

#include "identity.h"
#include "usage.h"

/* `endpoint`: as a side or an entry of conntrack has it. */
static __always_inline __u32 ct_account(__u16 endpoint, __u32 identity)
{
	if (pod_of(endpoint))
		return endpoint;
	return identity == IDENTITY_HOST ? ACCOUNT_NODE : ACCOUNT_WORLD;
}

/* Returns what there was. */
static __always_inline __u32 account_give(__u32 account)
{
	__u32 *usage = bpf_map_lookup_elem(&ct_usage, &account);

	return usage ? usage_give(usage) : 0;
}

/* True when there was one left of `limit`. */
static __always_inline bool account_take(__u32 account, __u32 limit)
{
	__u32 *usage = bpf_map_lookup_elem(&ct_usage, &account);

	if (!usage)
		return false;
	if (__sync_fetch_and_add(usage, 1) < limit)
		return true;
	account_give(account);
	return false;
}

/* Returns a drop reason. */
VERIFIED_ONCE int account_charge(__u32 account)
{
	__u32 *usage, old;

	if (account == ACCOUNT_NODE)
		return account_take(account, CONFIG(ct_node)) ? 0 : DROP_CT_QUOTA;
	if (account == ACCOUNT_WORLD)
		return account_take(account, CONFIG(ct_world)) ? 0 : DROP_CT_QUOTA;
	usage = bpf_map_lookup_elem(&ct_usage, &account);
	if (!usage)
		return DROP_INTERNAL;
	old = __sync_fetch_and_add(usage, 1);
	if (old < CONFIG(ct_guaranteed))
		return 0;
	if (old < CONFIG(ct_quota) && account_take(ACCOUNT_COMMON, CONFIG(ct_common)))
		return 0;
	account_give(account);
	return DROP_CT_QUOTA;
}

static __always_inline void account_release(__u32 account)
{
	__u32 old = account_give(account);

	if (account != ACCOUNT_NODE && account != ACCOUNT_WORLD && old > CONFIG(ct_guaranteed))
		account_give(ACCOUNT_COMMON);
}

/* Takes one connection from whoever opens it. Returns a drop reason. */
static __always_inline int ct_charge(const struct side *opener)
{
	return CONFIG(ct_quota) ? account_charge(ct_account(opener->endpoint, opener->identity))
				: 0;
}

static __always_inline void ct_release(__u32 account)
{
	if (CONFIG(ct_quota))
		account_release(account);
}
