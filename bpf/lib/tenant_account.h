// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the pods of one tenant may have of the node together: who opens pays, as in quota.h, by the
 * identity that he opens with. Asked where something is made or goes, never about a packet of what
 * is open. A tenant without limits costs one look-up in an array. */
#pragma once

#include "flow.h"
#include "identity.h"
#include "maps.h"
#include "usage.h"

/* What is taken at once. */
#define TENANT_OPENS 1 /* a new connection, whatever becomes of it */
#define TENANT_HAS_CONNECTION 2
#define TENANT_HAS_PORT 4

/* Of a pod's identity. One that nobody said anything of is whose the cluster says. */
static __always_inline __u64 tenant_of(__u32 identity)
{
	__u64 *row = bpf_map_lookup_elem(&tenants, &identity);
	__u64 found = row ? *(volatile __u64 *)row : 0;

	if (found)
		return found;
	identity = IDENTITY_UNKNOWN;
	row = bpf_map_lookup_elem(&tenants, &identity);
	return row ? *(volatile __u64 *)row : 0;
}

/* Of who is no pod, and of a tenant without limits: none, and *limited is false. */
static __always_inline struct tenant_account *tenant_account_of(__u32 identity, bool *limited)
{
	__u64 row, number;

	*limited = false;
	if (!identity_is_cluster(identity))
		return 0;
	row = tenant_of(identity);
	if (!(row & TENANT_LIMITED))
		return 0;
	*limited = true;
	number = TENANT_NUMBER(row);
	return bpf_map_lookup_elem(&tenant_accounts, &number);
}

/* One more new connection? A second's worth may come at once; then each waits for its turn. Time
 * that is not used adds up to no more than that second. */
static __always_inline bool tenant_turn(struct tenant_account *account)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	__u32 interval = account->interval;

	if (!interval)
		return true;
	for (int i = 0; i < USAGE_TRIES; i++) {
		__u64 turn = *(volatile __u64 *)&account->turn;
		__u64 next = (turn > now ? turn : now) + interval;

		if (next > now + 1000000000)
			return false;
		if (__sync_val_compare_and_swap(&account->turn, turn, next) == turn)
			return true;
	}
	/* So many others were let in meanwhile. */
	return false;
}

/* Takes what `parts` says of the opener's tenant, all or nothing. Returns a drop reason. */
VERIFIED_ONCE int tenant_charge(__u32 identity, __u32 parts)
{
	struct tenant_account *account;
	bool limited;

	account = tenant_account_of(identity, &limited);
	if (!account)
		return limited ? DROP_INTERNAL : 0;
	if ((parts & TENANT_OPENS) && !tenant_turn(account))
		return DROP_TENANT_RATE;
	if ((parts & TENANT_HAS_CONNECTION) &&
	    !usage_take(&account->used[TENANT_CONNECTIONS], account->limit[TENANT_CONNECTIONS]))
		return DROP_TENANT_CONNECTIONS;
	if (!(parts & TENANT_HAS_PORT) ||
	    usage_take(&account->used[TENANT_NAT_PORTS], account->limit[TENANT_NAT_PORTS]))
		return 0;
	if (parts & TENANT_HAS_CONNECTION)
		usage_give(&account->used[TENANT_CONNECTIONS]);
	return DROP_TENANT_NAT_PORTS;
}

/* Gives back of the opener's tenant what `parts` says. */
VERIFIED_ONCE int tenant_release(__u32 identity, __u32 parts)
{
	struct tenant_account *account;
	bool limited;

	account = tenant_account_of(identity, &limited);
	if (!account)
		return 0;
	if (parts & TENANT_HAS_CONNECTION)
		usage_give(&account->used[TENANT_CONNECTIONS]);
	if (parts & TENANT_HAS_PORT)
		usage_give(&account->used[TENANT_NAT_PORTS]);
	return 0;
}
