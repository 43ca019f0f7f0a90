// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who pays for an entry of conntrack, from the packet that made it until the connection has ended,
 * or the entry is gone without that. An
 * endpoint has a part that is guaranteed to it, and beyond that shares what is common; so has a pod
 * of another node, by the hash of its address, in a part of theirs. The node and the world have
 * accounts of their own. Together they are less than the table. What a tenant may have at most
 * counts beside that. */
#pragma once

#include "identity.h"
#include "tenant_account.h"
#include "usage.h"

/* `holder`: as an entry of conntrack has it. Only through the overlay somebody has the identity of
 * a pod elsewhere: whoever just writes an address pays as the world. */
static __always_inline __u32 ct_account(__u16 holder, __u32 identity)
{
	if (pod_of(holder) || identity_is_cluster(identity))
		return holder;
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

	return usage && usage_take(usage, limit);
}

static __always_inline bool account_is_elsewhere(__u32 account)
{
	return account >= FIRST_OUTSIDE && account < MAX_ENDPOINTS;
}

/* Returns a drop reason. */
static __always_inline int account_charge(__u32 account)
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
	if (account_is_elsewhere(account)) {
		if (old < CONFIG(ct_elsewhere_guaranteed) ||
		    (old < CONFIG(ct_elsewhere_quota) &&
		     account_take(ACCOUNT_ELSEWHERE, CONFIG(ct_elsewhere))))
			return 0;
	} else if (old < CONFIG(ct_guaranteed) ||
		   (old < CONFIG(ct_quota) && account_take(ACCOUNT_COMMON, CONFIG(ct_common)))) {
		return 0;
	}
	account_give(account);
	return DROP_CT_QUOTA;
}

static __always_inline void account_release(__u32 account)
{
	__u32 old = account_give(account);

	if (account == ACCOUNT_NODE || account == ACCOUNT_WORLD)
		return;
	if (account_is_elsewhere(account)) {
		if (old > CONFIG(ct_elsewhere_guaranteed))
			account_give(ACCOUNT_ELSEWHERE);
	} else if (old > CONFIG(ct_guaranteed)) {
		account_give(ACCOUNT_COMMON);
	}
}

/* The account of a packet's source, which opens a connection. */
static __always_inline __u32 ct_opener(const struct flow *flow)
{
	return ct_account(holder_of(flow->source.endpoint, &flow->packet.source),
			  flow->source.identity);
}

/* Does anybody pay for an entry with these flags? Else it stands in closed_connections. */
static __always_inline bool ct_is_paid(__u8 flags)
{
	return !(flags & CT_CLOSING) || !CONFIG(ct_closed);
}

static __always_inline void ct_release(__u32 account)
{
	if (CONFIG(ct_quota))
		account_release(account);
}

/* Takes one connection from whoever opens it, and from his tenant, with a port of the node if it
 * needs one. Apart for the sake of the stack, as is the other way. Returns a drop reason. */
VERIFIED_ONCE int ct_charge(const struct flow *flow, bool port)
{
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	/* First the opener himself: what he is refused uses up nothing of his tenant's. */
	reason = CONFIG(ct_quota) ? account_charge(ct_opener(flow)) : 0;
	if (reason)
		return reason;
	reason = tenant_charge(flow->source.identity,
			       TENANT_OPENS | TENANT_HAS_CONNECTION | (port ? TENANT_HAS_PORT : 0));
	if (reason)
		ct_release(ct_opener(flow));
	return reason;
}

/* Gives back what ct_charge has taken. */
VERIFIED_ONCE int ct_refund(const struct flow *flow, bool port)
{
	if (!flow)
		return 0;
	ct_release(ct_opener(flow));
	return tenant_release(flow->source.identity,
			      TENANT_HAS_CONNECTION | (port ? TENANT_HAS_PORT : 0));
}
