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

/* Where clouds tell a machine who it is, and give out its credentials: whoever asks from it gets
 * them. The list of docs/TENANTS.md and src/net/metadata.ts. */
static __always_inline bool is_metadata(const union addr *addr)
{
	if (addr->p1 == 0 && addr->p2 == 0 && addr->p3 == bpf_htonl(0xffff))
		return addr->v4 == bpf_htonl(0xa9fea9fe) || /* 169.254.169.254: most */
		       addr->v4 == bpf_htonl(0xa9feaa02) || /* 169.254.170.2: AWS, of tasks */
		       addr->v4 == bpf_htonl(0x646464c8) || /* 100.100.100.200: Alibaba */
		       addr->v4 == bpf_htonl(0xc00000c0);   /* 192.0.0.192: Oracle */
	if (addr->p2 || addr->p3)
		return false;
	return (addr->p1 == bpf_htonl(0xfd000ec2) && addr->v4 == bpf_htonl(0x254)) || /* AWS */
	       (addr->p1 == bpf_htonl(0xfd2000ce) && addr->v4 == bpf_htonl(0x254)) || /* Google */
	       (addr->p1 == bpf_htonl(0xfe800000) &&
		addr->v4 == bpf_htonl(0xa9fea9fe)); /* OpenStack */
}

/* Both of one tenant, which is not closed: what most pods are to each other. */
static __always_inline bool tenant_is_one(__u32 opener, __u32 responder)
{
	__u64 of;

	if (!identity_is_cluster(opener) || !identity_is_cluster(responder))
		return false;
	of = tenant_of(opener);
	return (of & (TENANT_KNOWN | TENANT_CLOSED)) == TENANT_KNOWN && of == tenant_of(responder);
}

/* Has the tenant listed a prefix that covers the address? Apart for the sake of the stack. */
VERIFIED_ONCE int tenant_lists(__u64 tenant, const union addr *addr)
{
	struct tenant_world_key key = {.prefixlen = TENANT_WORLD_SCOPE + 128};

	if (!addr)
		return 0;
	key.tenant = TENANT_NUMBER(tenant) << TENANT_FLAG_BITS;
	key.tenant |= addr->p1 == 0 && addr->p2 == 0 && addr->p3 == bpf_htonl(0xffff) ? 4 : 6;
	key.addr = *addr;
	return bpf_map_lookup_elem(&tenant_world, &key) != 0;
}

/* Why nothing passes between a pod of this tenant and whoever is no pod; 0: it may. */
static __always_inline int tenant_outside(__u64 tenant, __u32 other, const union addr *addr,
					  bool pod_opens)
{
	if (other == IDENTITY_HOST && !pod_opens)
		return 0;
	if (tenant & TENANT_CLOSED)
		return DROP_TENANT_CLOSED;
	if ((tenant & TENANT_NO_METADATA) && is_metadata(addr))
		return DROP_TENANT_METADATA;
	if (other == IDENTITY_HOST || identity_is_node(other))
		return tenant & (pod_opens ? TENANT_NO_TO_NODES : TENANT_NO_FROM_NODES)
			       ? DROP_TENANT_NODES
			       : 0;
	if (!(tenant & TENANT_NO_WORLD))
		return 0;
	return (tenant & TENANT_LISTED) && tenant_lists(tenant, addr) ? 0 : DROP_TENANT_WORLD;
}

/* Do the tenants of both let the packet's source open a connection to its destination, to this
 * port, whatever policy says? `reversed` asks the same of its destination. Returns a drop reason, 0
 * when they do. Apart for the sake of the stack. */
VERIFIED_ONCE int tenant_refuses(const struct flow *flow, bool reversed, __be16 port)
{
	__u32 opener, responder;
	bool opener_pod, responder_pod;
	__u64 from, to;
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	opener = reversed ? flow->destination.identity : flow->source.identity;
	responder = reversed ? flow->source.identity : flow->destination.identity;
	opener_pod = identity_is_cluster(opener);
	responder_pod = identity_is_cluster(responder);
	if (!opener_pod && !responder_pod)
		return 0;
	from = opener_pod ? tenant_of(opener) : TENANT_KNOWN;
	to = responder_pod ? tenant_of(responder) : TENANT_KNOWN;
	if (!(from & to & TENANT_KNOWN))
		return DROP_TENANT_UNKNOWN;
	if (opener_pod && responder_pod) {
		if ((from | to) & TENANT_CLOSED)
			return DROP_TENANT_CLOSED;
		if (TENANT_NUMBER(from) == TENANT_NUMBER(to))
			return 0;
		reason = DROP_TENANT_BOUNDARY;
	} else {
		/* Whoever is no pod is the source when the pod does not open, or opened and is
		 * answered. */
		reason = tenant_outside(opener_pod ? from : to, opener_pod ? responder : opener,
					opener_pod == reversed ? &flow->packet.source
							       : &flow->packet.destination,
					opener_pod);
		if (reason != DROP_TENANT_NODES && reason != DROP_TENANT_WORLD)
			return reason;
	}
	return tenant_shared(opener, responder, flow->packet.protocol, port) ? 0 : reason;
}
