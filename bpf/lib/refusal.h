// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is refused at a socket: counted and told like a packet that is dropped, though there is
 * none. */
#pragma once

#include "accounts.h"
#include "identity.h"

/* errno.h needs headers of the C library. */
#define ENOBUFS 105
#define ECONNREFUSED 111

/* What a cgroup hook answers. */
#define SOCK_REFUSE 0
#define SOCK_GO_ON 1

/* In a network namespace of its own making a process is nobody's: it must use up neither the events
 * of a pod nor those of the node's own processes. */
static __always_inline __u32 refusal_payer(const struct netns_endpoint *pod, bool is_node)
{
	if (pod)
		return pod->endpoint * 2 + DIRECTION_EGRESS;
	return is_node ? DIRECTION_EGRESS : DIRECTION_INGRESS;
}

/* The address is that of a service, or of a node port, which may be the node's loopback. */
static __always_inline void resolve_frontend(const union addr *addr, struct side *side)
{
	resolve(addr, side);
	if (!v4_is_loopback(addr->v4) && addr->v4)
		return;
	side->endpoint = 0;
	side->identity = IDENTITY_HOST;
}

static __always_inline void tell_refusal(struct bpf_sock_addr *ctx, const union addr *addr,
					 __be16 port, __u32 reason)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);
	struct netns_endpoint *pod = bpf_map_lookup_elem(&netns_endpoints, &cookie);
	bool is_node = cookie == CONFIG(node_cookie);
	struct side destination = {};
	struct event_payer payer = {.account = refusal_payer(pod, is_node)};
	struct event_account *account = event_room(payer.account, EVENT_SHARE_DENIED, 0);
	struct event *event;

	if (!account)
		return;
	if (pod)
		payer.identity = WORD_IDENTITY(endpoint_word(pod->endpoint));
	event = event_take(account, &payer, EVENT_SHARE_DENIED, 0) ? event_reserve(payer.account)
								   : 0;
	if (!event)
		return;
	resolve_frontend(addr, &destination);
	__builtin_memset(event, 0, sizeof(*event));
	event->timestamp = bpf_ktime_get_boot_ns();
	if (pod) {
		event->source = pod->addr;
		event->source_endpoint = pod->endpoint;
		event->source_identity = payer.identity;
	} else if (is_node) {
		event->source = CONFIG(node_ipv4);
		event->source_identity = IDENTITY_HOST;
	}
	event->destination = *addr;
	event->destination_port = port;
	event->destination_identity = destination.identity;
	event->destination_endpoint = destination.endpoint;
	event->ethertype = ETH_P_IP;
	event->type = EVENT_DROP;
	event->reason = reason;
	event->hook = HOOK_SOCKET;
	event->protocol = ctx->protocol;
	bpf_ringbuf_submit(event, 0);
}

/* Returns what the hook answers. */
VERIFIED_ONCE int sock_refuse(struct bpf_sock_addr *ctx, const union addr *addr, __be16 port,
			      __u32 reason)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);
	struct netns_endpoint *pod = bpf_map_lookup_elem(&netns_endpoints, &cookie);
	struct drop_key key = {.reason = reason, .direction = DIRECTION_EGRESS};

	bpf_set_retval(reason == DROP_SOCK_QUOTA ? -ENOBUFS : -ECONNREFUSED);
	if (!addr)
		return SOCK_REFUSE;
	if (pod)
		key.endpoint = pod->endpoint;
	count_refusal(&key);
	if (CONFIG(enable_events))
		tell_refusal(ctx, addr, port, reason);
	return SOCK_REFUSE;
}
