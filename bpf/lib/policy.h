// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verdict of policy about a new connection: egress at the opener, ingress at the one it opens
 * to. */
#pragma once

#include "conntrack-types.h"
#include "identity.h"
#include "maps.h"

struct policy_query {
	__u32 revision;
	__u32 peer;
	__u32 peer_cidr;
	__be16 port;
	__u8 protocol;
	__u8 direction;
};

/* The row that decides about one peer identity: its own longest match, else the longest match of
 * "any". */
static __always_inline struct policy_value *policy_row(struct policy_key *key, __u32 peer)
{
	struct policy_value *value;

	key->peer = peer;
	value = bpf_map_lookup_elem(&policy, key);
	if (value || !peer)
		return value;
	key->peer = 0;
	return bpf_map_lookup_elem(&policy, key);
}

/* True when policy allows. Sets *rule to the row's rule, 0 when no row matched. */
static __noinline int policy_allows(const struct policy_query *query, __u32 *rule)
{
	struct policy_key key = {
		.prefixlen = POLICY_PREFIX_FULL,
		.revision = query->revision,
		.direction = query->direction,
		.protocol = query->protocol,
		.port = query->port,
	};
	struct policy_value *value, *by_cidr;

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
	*rule = value ? value->rule : 0;
	return value && value->verdict == VERDICT_ALLOW;
}

/* May `opener` open a connection to `responder`? Returns a drop reason, 0 when it may. */
static __noinline int may_open(const struct side *opener, const struct side *responder,
			       const struct packet *p, __be16 port, __u32 *rule)
{
	struct policy_query query = {.protocol = p->protocol, .port = port};

	if (opener->kind == SIDE_POD && !opener->word)
		return DROP_NOT_READY;
	if (responder->kind == SIDE_POD && !responder->word)
		return DROP_PEER_NOT_READY;
	if (!CONFIG(enable_policy))
		return 0;
	if (opener->kind == SIDE_POD) {
		query.revision = WORD_REVISION(opener->word);
		query.direction = DIRECTION_EGRESS;
		query.peer = responder->identity;
		query.peer_cidr = responder->cidr_identity;
		if (!policy_allows(&query, &rule[DIRECTION_EGRESS]))
			return DROP_POLICY_EGRESS;
	}
	if (responder->kind == SIDE_POD) {
		query.revision = WORD_REVISION(responder->word);
		query.direction = DIRECTION_INGRESS;
		query.peer = opener->identity;
		query.peer_cidr = opener->cidr_identity;
		if (!policy_allows(&query, &rule[DIRECTION_INGRESS]))
			return DROP_POLICY_INGRESS;
	}
	return 0;
}
