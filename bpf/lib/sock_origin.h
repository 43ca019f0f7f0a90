// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is remembered of a socket that was turned. Only its own calls write its row, so that a lost
 * race between two of them costs nobody else anything. */
#pragma once

#include "sock_account.h"

/* The `i`th of the circle, the youngest first. */
static __always_inline __u32 sock_place(const struct sock_origin *origin, __u32 i)
{
	return (origin->turns - 1 - i) & (SOCK_NAMED - 1);
}

static __always_inline bool sock_is_frontend(const struct sock_turn *turn, __be32 v4, __be16 port)
{
	return turn->backend_port && turn->frontend_ipv4 == v4 && turn->frontend_port == port;
}

static __always_inline bool sock_is_backend(const struct sock_turn *turn, __be32 v4, __be16 port)
{
	return turn->backend_port && turn->backend_ipv4 == v4 && turn->backend_port == port;
}

/* What datagrams to this frontend became last. A younger one to the same backend hides it: then
 * answers would bear the other's name. */
static __always_inline const struct sock_turn *sock_named(const struct sock_origin *origin,
							  __be32 v4, __be16 port)
{
	for (__u32 i = 0; i < SOCK_NAMED; i++) {
		const struct sock_turn *turn = &origin->named[sock_place(origin, i)];

		if (!sock_is_frontend(turn, v4, port))
			continue;
		for (__u32 j = 0; j < i; j++) {
			const struct sock_turn *younger = &origin->named[sock_place(origin, j)];

			if (sock_is_backend(younger, turn->backend_ipv4, turn->backend_port))
				return 0;
		}
		return turn;
	}
	return 0;
}

/* What this peer was before its socket connected to it. */
static __always_inline const struct sock_turn *sock_connected_to(const struct sock_origin *origin,
								 __be32 v4, __be16 port)
{
	return sock_is_backend(&origin->connected, v4, port) ? &origin->connected : 0;
}

/* The socket connects to somebody else: who that is says its address. */
static __always_inline void sock_disconnected(__u64 cookie)
{
	struct sock_origin *origin = bpf_map_lookup_elem(&sock_origins, &cookie);

	if (origin)
		origin->connected.backend_port = 0;
}

/* What this peer was before its socket was turned to it. */
static __always_inline const struct sock_turn *sock_turn_to(const struct sock_origin *origin,
							    __be32 v4, __be16 port)
{
	for (__u32 i = 0; i < SOCK_NAMED; i++) {
		const struct sock_turn *turn = &origin->named[sock_place(origin, i)];

		if (sock_is_backend(turn, v4, port))
			return turn;
	}
	return sock_connected_to(origin, v4, port);
}

/* Remembers a turn. False: there is no room for this socket's namespace, and it must not go on: if
 * its backend went, nobody could tell. */
static __always_inline bool sock_remember(__u64 cookie, __u64 netns, const struct sock_turn *turn,
					  bool datagram, __u8 protocol)
{
	struct sock_origin *known = bpf_map_lookup_elem(&sock_origins, &cookie), origin = {};

	if (known)
		origin = *known;
	if (datagram) {
		origin.named[origin.turns & (SOCK_NAMED - 1)] = *turn;
		origin.turns += 1;
	} else {
		origin.connected = *turn;
	}
	if (known)
		return !bpf_map_update_elem(&sock_origins, &cookie, &origin, BPF_EXIST);
	origin.account = netns;
	origin.protocol = protocol;
	if (sock_charge(&origin.account)) {
		if (!bpf_map_update_elem(&sock_origins, &cookie, &origin, BPF_NOEXIST))
			return true;
		sock_give(origin.account);
	}
	return false;
}
