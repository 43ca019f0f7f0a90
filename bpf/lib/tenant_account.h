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

/* Of who is no pod, of a tenant without limits, and of whom nobody said anything: none, and
 * *limited is false. */
static __always_inline struct tenant_account *tenant_account_of(__u32 identity, bool *limited)
{
	__u64 *row, found, number;

	*limited = false;
	if (!identity_is_cluster(identity))
		return 0;
	row = bpf_map_lookup_elem(&tenants, &identity);
	found = row ? *(volatile __u64 *)row : 0;
	if (!(found & TENANT_LIMITED))
		return 0;
	*limited = true;
	number = TENANT_NUMBER(found);
	return bpf_map_lookup_elem(&tenant_accounts, &number);
}

/* One more of what may come once an interval? A second's worth may come at once; then each waits
 * for its turn. Time that is not used adds up to no more than that second. */
static __always_inline bool tenant_turn(__u64 *due, __u32 interval)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	if (!interval)
		return true;
	for (int i = 0; i < USAGE_TRIES; i++) {
		__u64 turn = *(volatile __u64 *)due;
		__u64 next = (turn > now ? turn : now) + interval;

		if (next > now + 1000000000)
			return false;
		if (__sync_val_compare_and_swap(due, turn, next) == turn)
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
	if ((parts & TENANT_OPENS) && !tenant_turn(&account->turn, account->interval))
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

/* May the tenant of this identity tell of one more? What may not is counted. `inwards`: it is about
 * what somebody outside sends to its pod. An account that is missing limits nothing here: what
 * comes of that is to be seen. */
VERIFIED_ONCE int tenant_tells(__u32 identity, __u32 share, bool inwards)
{
	struct tenant_account *account;
	bool limited;

	account = tenant_account_of(identity, &limited);
	if (!account || share >= EVENT_SHARES)
		return 1;
	if (tenant_turn(inwards ? &account->event_in[share] : &account->event_out[share],
			account->event_interval))
		return 1;
	__sync_fetch_and_add(&account->untold, 1);
	return 0;
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
