// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The only way an entry of conntrack goes. */
#pragma once

#include "mapping.h"
#include "quota.h"
#include "translation.h"

_Static_assert(!(CT_SERVICE & (TENANT_HAS_CONNECTION | TENANT_HAS_PORT)), "parts of an entry");

/* Takes the entry out, and with it its port, its translation, and its charge if it is paid for.
 * Only who really took it out gives back what it held. */
VERIFIED_ONCE int ct_remove(const struct ct_key *key)
{
	struct ct_entry *entry;
	__be16 nat_port;
	__u32 identity, parts; /* of what its tenant has, and CT_SERVICE */
	__u16 holder;
	__u8 opener;

	if (!key)
		return 0;
	entry = bpf_map_lookup_elem(&conntrack, key);
	if (!entry)
		return 0;
	opener = entry->opener & 1;
	parts = entry->flags & CT_SERVICE;
	if (ct_is_paid(entry->flags))
		parts |= TENANT_HAS_CONNECTION;
	identity = entry->identity[opener];
	holder = entry->endpoint[opener];
	nat_port = entry->nat_port;
	if (nat_port)
		parts |= TENANT_HAS_PORT;
	if (bpf_map_delete_elem(&conntrack, key) < 0)
		return 0;
	if (parts & TENANT_HAS_CONNECTION)
		ct_release(ct_account(holder, identity));
	tenant_release(identity, parts);
	if (HAS_MAPPINGS && nat_port)
		mapping_end(key, opener, pod_of(holder), nat_port);
	if (CONFIG(enable_services) && (parts & CT_SERVICE))
		translation_remove(key, opener);
	return 1;
}
