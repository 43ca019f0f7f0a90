// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which backend a client of a service with session affinity had. Nothing is pushed out: a service
 * has a share of the table, above which its new clients are given a backend by a hash, and none is
 * remembered. Whoever floods a service, under as many addresses as he likes, leaves the rows of its
 * clients and of all others as they are. Rows go when they have run out (conntrack.bpf.c). */
#pragma once

#include "maps.h"
#include "packet.h"

/* Of one service: a sixteenth. */
#define AFFINITY_SHARE (AFFINITY_ROWS / 16)
/* From three quarters on only services that have few get any. */
#define AFFINITY_CROWDED (AFFINITY_ROWS / 4 * 3)
#define AFFINITY_SHARE_CROWDED (AFFINITY_ROWS / 1024)

/* Key of affinity_usage: all services together. No service has this number. */
#define AFFINITY_ALL 0

static __always_inline bool affinity_charge(__u32 service, __s32 limit)
{
	struct affinity_usage *usage = bpf_map_lookup_elem(&affinity_usage, &service);

	if (!usage) {
		struct affinity_usage none = {};

		bpf_map_update_elem(&affinity_usage, &service, &none, BPF_NOEXIST);
		usage = bpf_map_lookup_elem(&affinity_usage, &service);
		if (!usage)
			return false;
	}
	/* The collector may set the count between these two: signed, so that it does not wrap. */
	if ((__s32)__sync_fetch_and_add(&usage->rows, 1) < limit)
		return true;
	__sync_fetch_and_sub(&usage->rows, 1);
	return false;
}

/* May one more client of the service be remembered? Then it is counted. */
VERIFIED_ONCE int affinity_take(__u32 service)
{
	__u32 all = AFFINITY_ALL;
	struct affinity_usage *usage = bpf_map_lookup_elem(&affinity_usage, &all);
	bool crowded = usage && (__s32)usage->rows >= AFFINITY_CROWDED;

	return affinity_charge(service, crowded ? AFFINITY_SHARE_CROWDED : AFFINITY_SHARE) &&
	       affinity_charge(AFFINITY_ALL, AFFINITY_ROWS);
}

/* For a client that is not remembered: the same while the set is the same. Any mixing will do. */
static __always_inline __u32 affinity_hash(const struct affinity_key *key)
{
	__u64 hash = (key->client.hi * 0x9e3779b97f4a7c15 ^ key->client.lo) + key->service;

	hash = (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9;
	hash = (hash ^ (hash >> 32)) * 0x94d049bb133111eb;
	return hash >> 32;
}
