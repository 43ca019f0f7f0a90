// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verdict about a new connection: of the tenants of both ends, then of policy, egress at the
 * opener and ingress at the one it opens to. */
#pragma once

#include "flow.h"
#include "identity.h"
#include "maps.h"
#include "tenant.h"

struct policy_query {
	__u32 revision;
	__u32 peer;
	__u32 peer_cidr;
	__be16 port;
	__u8 protocol;
	__u8 direction;
	__u32 rule; /* out */
};

/* The row that decides about one peer identity: the longest match of its group, else that of group
 * 0.
 */
static __always_inline struct policy_value *policy_row(struct policy_key *key, __u32 peer)
{
	struct policy_peer_key who = {.table = key->table, .peer = peer};
	struct policy_value *value;
	__u32 *group;

	if (key->table & POLICY_TABLE_PEERS) {
		group = bpf_map_lookup_elem(&policy_peers, &who);
		if (group) {
			key->group = *group;
			value = bpf_map_lookup_elem(&policy, key);
			if (value)
				return value;
		}
	}
	if (!(key->table & POLICY_TABLE_EVERYBODY))
		return 0;
	key->group = 0;
	return bpf_map_lookup_elem(&policy, key);
}

/* The table of one direction; 0, where nothing is allowed, when the revision has none. */
static __always_inline __u32 policy_table(__u32 revision, __u8 direction)
{
	__u32 place = revision & (POLICY_PAIRS - 1);
	struct policy_pair *pair = bpf_map_lookup_elem(&policy_revisions, &place);

	if (!pair || pair->revision != revision)
		return 0;
	return direction == DIRECTION_INGRESS ? pair->table[DIRECTION_INGRESS]
					      : pair->table[DIRECTION_EGRESS];
}

/* True when policy allows; query->rule is then the row's rule, and 0 when no row matched. */
VERIFIED_ONCE int policy_allows(struct policy_query *query)
{
	struct policy_key key = {.prefixlen = POLICY_PREFIX_FULL};
	struct policy_value *value, *by_cidr;

	if (!query)
		return 0;
	query->rule = 0;
	key.table = policy_table(query->revision, query->direction);
	key.protocol = query->protocol;
	key.port = query->port;
	value = policy_row(&key, query->peer);
	/* A pod or node is also judged as an address where a policy's CIDR covers it: the larger
	 * precedence decides. */
	if (CONFIG(enable_cidr_selects) && query->peer_cidr) {
		by_cidr = policy_row(&key, query->peer_cidr);
		if (by_cidr && (!value || by_cidr->precedence > value->precedence ||
				(by_cidr->precedence == value->precedence &&
				 by_cidr->verdict == VERDICT_DENY)))
			value = by_cidr;
	}
	query->rule = value ? value->rule : 0;
	return value && value->verdict == VERDICT_ALLOW;
}

/* With neither the overlay nor routes no pod of another node can be reached from a pod. Asked
 * before conntrack remembers a yes, which would let the next packet out under the pod's own
 * address. What the node forwards to a service's backend goes under the node's address, by the
 * node's routes. */
static __always_inline bool has_route(const struct flow *flow)
{
	if (CONFIG(enable_services) && flow->service && flow->source.kind == SIDE_OTHER)
		return true;
	if (CONFIG(enable_stack) && (flow->service & FLOW_STACK))
		return true;
	return flow->destination.kind != SIDE_OTHER ||
	       !identity_is_cluster(flow->destination.identity) || CONFIG(enable_native) ||
	       (CONFIG(enable_overlay) && flow->destination.tunnel);
}

/* Its own program knows the pod that sends; who has its address is asked for a new verdict only,
 * with what prefixes of policies cover it. False: somebody else has it, or nobody. */
static __always_inline bool sender_has_address(struct flow *flow)
{
	struct endpoint_value *own = bpf_map_lookup_elem(&endpoints, &flow->packet.source);

	if (!own || own->endpoint != flow->source.endpoint)
		return false;
	flow->source.cidr_identity = own->cidr_identity;
	return true;
}

/* May the packet's source open a connection to its destination, to this port? `reversed` asks the
 * same of its destination. Returns a drop reason, 0 when it may. */
VERIFIED_ONCE int may_open(struct flow *flow, bool reversed, __be16 port)
{
	const struct side *opener, *responder;
	struct policy_query query = {.port = port};
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	opener = reversed ? &flow->destination : &flow->source;
	responder = reversed ? &flow->source : &flow->destination;
	if (flow->hook == HOOK_FROM_POD && !sender_has_address(flow))
		return DROP_NOT_READY;
	if (!opener->word)
		return reversed ? DROP_PEER_NOT_READY : DROP_NOT_READY;
	if (!responder->word)
		return reversed ? DROP_NOT_READY : DROP_PEER_NOT_READY;
	/* Whom a service leads to is judged where it leaves the stack; and a pod that is led to
	 * itself needs nobody's leave. */
	if (CONFIG(enable_stack) && (flow->service & FLOW_STACK) &&
	    (responder->identity == IDENTITY_SERVICE_RANGE ||
	     (opener->endpoint && opener->endpoint == responder->endpoint)))
		return 0;
	if (!tenant_is_one(opener->identity, responder->identity)) {
		reason = tenant_refuses(flow, reversed, port);
		if (reason)
			return reason;
	}
	if (!CONFIG(enable_policy))
		return has_route(flow) ? 0 : DROP_NO_ROUTE;
	query.protocol = flow->packet.protocol;
	if (opener->kind == SIDE_POD) {
		query.revision = WORD_REVISION(opener->word);
		query.direction = DIRECTION_EGRESS;
		query.peer = responder->identity;
		query.peer_cidr = responder->cidr_identity;
		if (!policy_allows(&query)) {
			flow->rule[DIRECTION_EGRESS] = query.rule;
			return DROP_POLICY_EGRESS;
		}
		flow->rule[DIRECTION_EGRESS] = query.rule;
	}
	if (responder->kind == SIDE_POD) {
		query.revision = WORD_REVISION(responder->word);
		query.direction = DIRECTION_INGRESS;
		query.peer = opener->identity;
		query.peer_cidr = opener->cidr_identity;
		if (!policy_allows(&query)) {
			flow->rule[DIRECTION_INGRESS] = query.rule;
			return DROP_POLICY_INGRESS;
		}
		flow->rule[DIRECTION_INGRESS] = query.rule;
	}
	return has_route(flow) ? 0 : DROP_NO_ROUTE;
}
