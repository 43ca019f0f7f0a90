// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The only way an entry of conntrack goes. */
#pragma once

#include "mapping.h"
#include "quota.h"

/* Takes the entry out, and with it its charge and its port. Only who really took it out gives back
 * what it held. */
VERIFIED_ONCE int ct_remove(const struct ct_key *key)
{
	struct snat_value owner = {};
	struct snat_key mapping = {};
	struct ct_entry *entry;
	__u32 account;
	__u8 opener;

	if (!key)
		return 0;
	entry = bpf_map_lookup_elem(&conntrack, key);
	if (!entry)
		return 0;
	opener = entry->opener & 1;
	account = ct_account(entry->endpoint[opener], entry->identity[opener]);
	owner.endpoint = pod_of(entry->endpoint[opener]);
	mapping.nat_port = entry->nat_port;
	if (bpf_map_delete_elem(&conntrack, key) < 0)
		return 0;
	ct_release(account);
	if (HAS_MAPPINGS && mapping.nat_port) {
		mapping_of_entry(&mapping, &owner, key, opener);
		mapping_remove(&mapping, &owner);
	}
	return 1;
}
