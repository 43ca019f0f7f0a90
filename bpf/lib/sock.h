// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sockets that are turned from a frontend to a backend. The packets then carry the backend's
 * address from the start: policy judges the real peer, and nothing is translated on the way. */
#pragma once

#include "lb.h"
#include "refusal.h"
#include "sock_origin.h"
#include "unserved.h"

/* errno.h needs headers of the C library. */
#define EADDRINUSE 98

/* Is this the frontend of a service? Then `key` is that of `services`: the address itself, or ::
 * for a node port. Another namespace's 127/8 is its own, whatever port it names. In the node's own
 * a pod may have a port of it (hostIP 127.0.0.1). */
static __always_inline bool sock_frontend(struct bpf_sock_addr *ctx, __be32 v4,
					  struct service_key *key)
{
	/* To connect to 0.0.0.0 is to connect to oneself. */
	if (v4_is_loopback(v4) || !v4) {
		if (bpf_get_netns_cookie(ctx) != CONFIG(node_cookie))
			return false;
		addr_set_v4(&key->addr, v4 ? v4 : bpf_htonl(0x7f000001));
		if (bpf_map_lookup_elem(&services, key))
			return true;
		if (!is_node_port(key->port))
			return false;
	} else {
		addr_set_v4(&key->addr, v4);
		if (bpf_map_lookup_elem(&services, key))
			return true;
		if (!is_node_port(key->port) || !is_node_address(&key->addr))
			return false;
	}
	key->addr.hi = 0;
	key->addr.lo = 0;
	return bpf_map_lookup_elem(&services, key);
}

/* Is the socket connected to this peer? Then the kernel lets nobody else's datagrams in. */
static __always_inline bool sock_is_connected(struct bpf_sock_addr *ctx, __be32 v4, __be16 port)
{
	return ctx->sk && port && ctx->sk->dst_ip4 == v4 && ctx->sk->dst_port == port;
}

/* The backend that this UDP socket already sends to when it names this frontend. One that it is
 * connected to it keeps while that is there, as what it sends without a name does. */
static __always_inline bool sock_keeps(struct bpf_sock_addr *ctx, __u64 cookie,
				       struct lb_query *query, __be32 v4, __be16 port)
{
	struct sock_origin *origin = bpf_map_lookup_elem(&sock_origins, &cookie);
	const struct sock_turn *kept;
	struct backend_value *backend;
	bool connected;
	__u32 id;

	if (!origin)
		return false;
	kept = &origin->connected;
	connected = sock_is_frontend(kept, v4, port) &&
		    sock_is_connected(ctx, kept->backend_ipv4, kept->backend_port);
	if (!connected)
		kept = sock_named(origin, v4, port);
	if (!kept)
		return false;
	id = kept->backend;
	backend = bpf_map_lookup_elem(&backends, &id);
	/* Answers are named by what was remembered. */
	if (!backend || (!connected && (backend->flags & BACKEND_DRAINING)) ||
	    backend->addr.v4 != kept->backend_ipv4 || backend->port != kept->backend_port)
		return false;
	lb_take(query, id, backend);
	return true;
}

/* A connection of a pod from a port that was bound before. Others may have this port, too, through
 * another frontend or straight to the backend: turned to one backend they would have the same ends,
 * which the kernel refuses (EADDRNOTAVAIL). Its packets are translated instead, under another port
 * where that is needed. */
static __always_inline bool sock_is_bound(struct bpf_sock_addr *ctx)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);

	return ctx->protocol == IPPROTO_TCP && ctx->sk && ctx->sk->src_port &&
	       bpf_map_lookup_elem(&netns_endpoints, &cookie);
}

/* Turns a destination to a backend. Returns what the hook answers. */
static __always_inline int sock_turn(struct bpf_sock_addr *ctx, __be32 *v4, __be16 *port,
				     bool datagram)
{
	struct lb_query query = {};
	struct sock_turn turn = {};
	union addr frontend;
	__u64 cookie;

	query.frontend.port = *port;
	query.frontend.protocol = ctx->protocol;
	query.frontend.scope = SERVICE_INSIDE;
	addr_set_v4(&frontend, *v4);
	cookie = bpf_get_socket_cookie(ctx);
	if (!sock_frontend(ctx, *v4, &query.frontend)) {
		if (is_unserved(&frontend))
			return sock_refuse(ctx, &frontend, *port, DROP_SERVICE_UNKNOWN);
		if (!datagram && ctx->protocol == IPPROTO_UDP)
			sock_disconnected(cookie);
		return SOCK_GO_ON;
	}
	if (!datagram || !sock_keeps(ctx, cookie, &query, *v4, *port)) {
		query.client.hi = bpf_get_netns_cookie(ctx);
		if (lb_select(&query))
			return sock_refuse(ctx, &frontend, *port, DROP_NO_BACKEND);
		if (!datagram && sock_is_bound(ctx))
			return SOCK_GO_ON;
		turn.frontend_ipv4 = *v4;
		turn.frontend_port = *port;
		turn.backend_ipv4 = query.addr.v4;
		turn.backend_port = query.port;
		turn.backend = query.backend;
		if (!sock_remember(cookie, query.client.hi, &turn, datagram, ctx->protocol))
			return sock_refuse(ctx, &frontend, *port, DROP_SOCK_QUOTA);
	}
	*v4 = query.addr.v4;
	*port = query.port;
	return SOCK_GO_ON;
}

/* Whom the process thinks it talks to, when this peer is a backend that its socket was turned to:
 * of one that is connected to it by that, whatever else it named.
 */
static __always_inline bool sock_name(struct bpf_sock_addr *ctx, __be32 *v4, __be16 *port)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct sock_origin *origin = bpf_map_lookup_elem(&sock_origins, &cookie);
	const struct sock_turn *turn;

	if (!origin)
		return false;
	turn = sock_is_connected(ctx, *v4, *port) ? sock_connected_to(origin, *v4, *port)
						  : sock_turn_to(origin, *v4, *port);
	if (!turn)
		return false;
	*v4 = turn->frontend_ipv4;
	*port = turn->frontend_port;
	return true;
}
