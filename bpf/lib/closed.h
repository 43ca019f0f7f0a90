// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Connections that have ended. What is late of them is still to be told from something new, but
 * nobody shall be refused a connection for those that he had: they are given back to who paid for
 * them, and stand in a circle, in which each that comes takes the place of the oldest. */
#pragma once

#include "removal.h"

/* The connection has ended, or its ends say that it has. Called once for each time that it gets
 * CT_CLOSING. */
VERIFIED_ONCE int closed_enter(const struct ct_key *key)
{
	__u32 index = ACCOUNT_CLOSED, identity;
	__u32 *cursor = bpf_map_lookup_elem(&ct_usage, &index);
	struct ct_entry *entry;
	struct ct_key *place;
	__u8 opener;

	if (!key || !cursor || !CONFIG(ct_closed))
		return 0;
	entry = bpf_map_lookup_elem(&conntrack, key);
	if (!entry)
		return 0;
	opener = entry->opener & 1;
	identity = entry->identity[opener];
	ct_release(ct_account(entry->endpoint[opener], identity));
	tenant_release(identity, TENANT_HAS_CONNECTION);
	index = __sync_fetch_and_add(cursor, 1) % CONFIG(ct_closed);
	place = bpf_map_lookup_elem(&closed_connections, &index);
	if (!place)
		return 0;
	entry = bpf_map_lookup_elem(&conntrack, place);
	if (entry && (entry->flags & CT_CLOSING))
		ct_remove(place);
	*place = *key;
	return 0;
}

/* It goes on all the same. True when its opener can pay for it again. */
VERIFIED_ONCE int closed_leave(const struct ct_key *key)
{
	struct ct_entry *entry;
	__u32 account, identity;
	__u8 opener;

	if (!key)
		return false;
	if (!CONFIG(ct_closed))
		return true;
	entry = bpf_map_lookup_elem(&conntrack, key);
	if (!entry)
		return false;
	opener = entry->opener & 1;
	identity = entry->identity[opener];
	account = ct_account(entry->endpoint[opener], identity);
	if (CONFIG(ct_quota) && account_charge(account))
		return false;
	if (!tenant_charge(identity, TENANT_HAS_CONNECTION))
		return true;
	ct_release(account);
	return false;
}
