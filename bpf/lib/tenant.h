// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The floor under all policy: who belongs to whom. Asked before policy about a new connection, on
 * the sender's node and on the receiver's; what it refuses no policy allows. */
#pragma once

#include "flow.h"
#include "identity.h"
#include "maps.h"
#include "tenant_account.h"

/* Do both tenants say that this pod may open to that one, to this port? */
static __always_inline bool tenant_shared(__u32 opener, __u32 responder, __u8 protocol, __be16 port)
{
	struct tenant_share_key key = {
		.opener = opener,
		.responder = responder,
		.port = port,
		.protocol = protocol,
	};
	struct tenant_share *share = bpf_map_lookup_elem(&tenant_shares, &key);

	return share && (!share->until || ct_now() < share->until);
}

/* Why nothing passes between a pod of this tenant and whoever is no pod; 0: it may. */
static __always_inline int tenant_outside(__u64 tenant, __u32 other, bool pod_opens)
{
	if (other == IDENTITY_HOST && !pod_opens)
		return 0;
	if (tenant & TENANT_CLOSED)
		return DROP_TENANT_CLOSED;
	if (other == IDENTITY_HOST || identity_is_node(other))
		return tenant & (pod_opens ? TENANT_NO_TO_NODES : TENANT_NO_FROM_NODES)
			       ? DROP_TENANT_NODES
			       : 0;
	return tenant & TENANT_NO_WORLD ? DROP_TENANT_WORLD : 0;
}

/* Do the tenants of both let the one open to the other, whatever policy says? Returns a drop
 * reason, 0 when they do. Apart for the sake of the stack. */
VERIFIED_ONCE int tenant_refuses(__u32 opener, __u32 responder, __u8 protocol, __be16 port)
{
	bool opener_pod = identity_is_cluster(opener);
	bool responder_pod = identity_is_cluster(responder);
	__u64 from = opener_pod ? tenant_of(opener) : TENANT_KNOWN;
	__u64 to = responder_pod ? tenant_of(responder) : TENANT_KNOWN;
	int reason;

	if (!opener_pod && !responder_pod)
		return 0;
	if (!(from & to & TENANT_KNOWN))
		return DROP_TENANT_UNKNOWN;
	if (opener_pod && responder_pod) {
		if ((from | to) & TENANT_CLOSED)
			return DROP_TENANT_CLOSED;
		if (TENANT_NUMBER(from) == TENANT_NUMBER(to))
			return 0;
		reason = DROP_TENANT_BOUNDARY;
	} else {
		reason = opener_pod ? tenant_outside(from, responder, true)
				    : tenant_outside(to, opener, false);
		if (!reason || reason == DROP_TENANT_CLOSED)
			return reason;
	}
	return tenant_shared(opener, responder, protocol, port) ? 0 : reason;
}
