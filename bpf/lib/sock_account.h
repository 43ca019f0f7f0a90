// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who pays for a row of sock_origins, from the socket's first turn until it is closed. Each network
 * namespace has a part that is guaranteed to it; beyond that it gets what is left. */
#pragma once

#include "config.h"
#include "maps.h"
#include "packet.h"
#include "usage.h"

static __always_inline void sock_count_down(__u64 of)
{
	struct sock_account *account = bpf_map_lookup_elem(&sock_accounts, &of);

	if (account)
		usage_give(&account->used);
}

static __always_inline void sock_give(__u64 of)
{
	if (!CONFIG(sock_quota))
		return;
	sock_count_down(of);
	sock_count_down(SOCK_ALL);
}

/* Takes one row for a namespace. `of`: its cookie, and afterwards the account that pays. False: it
 * has its share. */
static __always_inline bool sock_charge(__u64 *of)
{
	__u64 all = SOCK_ALL;
	struct sock_account *account = bpf_map_lookup_elem(&sock_accounts, of), *total;
	__u32 guaranteed, used, before;

	if (!account) {
		*of = SOCK_OTHERS;
		account = bpf_map_lookup_elem(&sock_accounts, of);
	}
	if (!CONFIG(sock_quota))
		return true;
	total = bpf_map_lookup_elem(&sock_accounts, &all);
	if (!account || !total)
		return false;
	guaranteed = account->endpoint ? CONFIG(sock_guaranteed) : CONFIG(sock_node);
	used = __sync_fetch_and_add(&account->used, 1);
	before = __sync_fetch_and_add(&total->used, 1);
	if (used < guaranteed || (used < CONFIG(sock_quota) && before < CONFIG(sock_common)))
		return true;
	sock_give(*of);
	return false;
}
