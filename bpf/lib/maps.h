// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every map of the datapath. All are pinned by name under the node's pin directory with its
 * layout in the name (the loader adds it), so that programs of one endpoint and the next share
 * them and they outlive the agent.
 *
 * `__tag(of NUMBER)`: what is in the map depends on this shared number, or on all that begin so.
 * One that no map names counts for every map, which is then made anew when it changes, with all
 * connections; so name the maps of one that is new. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "drop.h"
#include "types.h"

/* State words by endpoint id; written by the agent through mmap. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, __u32);
	__type(value, __u64);
} endpoint_words SEC(".maps");

/* Local address -> endpoint. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, union addr);
	__type(value, struct endpoint_value);
} endpoints SEC(".maps");

/* Cookie of a pod's network namespace -> its endpoint. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct netns_endpoint);
} netns_endpoints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 524288);
	__type(key, struct ipcache_key);
	__type(value, struct ipcache_value);
} ipcache SEC(".maps");

typedef __u64 tenant_row __tag(enum tenant_flag);

/* Whose each identity is (struct tenant_share_key and above it, in types.h); written by the agent
 * through mmap. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TENANT_ROWS);
	__type(key, __u32);
	__type(value, tenant_row);
} tenants SEC(".maps") __tag(of TENANT_);

/* By tenant's number. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct tenant_account);
} tenant_accounts SEC(".maps") __tag(of TENANT_);

/* Exports that are imported. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1048576);
	__type(key, struct tenant_share_key);
	__type(value, struct tenant_share);
} tenant_shares SEC(".maps") __tag(of TENANT_);

/* What tenants list of the world. A value is 1. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct tenant_world_key);
	__type(value, __u32);
} tenant_world SEC(".maps") __tag(of TENANT_);

/* What the revision in an endpoint's word stands for. Mapped: to find some is to look at all. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, POLICY_PAIRS);
	__type(key, __u32);
	__type(value, struct policy_pair);
} policy_revisions SEC(".maps") __tag(of POLICY_);

/* The peers of all policy tables of the node, and each one's group there. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1048576);
	__type(key, struct policy_peer_key);
	__type(value, __u32);
} policy_peers SEC(".maps") __tag(of POLICY_);

/* The rows of all policy tables of the node. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2097152);
	__type(key, struct policy_key);
	__type(value, struct policy_value);
} policy SEC(".maps") __tag(of POLICY_);

/* Nothing is pushed out: what is in it is what tells a late answer from a new connection, and whose
 * a masquerade port is. The quotas leave room for everybody. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct ct_key);
	__type(value, struct ct_entry);
} conntrack SEC(".maps");

/* Entries of conntrack by account. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ACCOUNT_COUNT);
	__type(key, __u32);
	__type(value, __u32);
} ct_usage SEC(".maps") __tag(of ACCOUNT_);

#define WORLD_OPENINGS 16384

/* What the world opened last, in a circle. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WORLD_OPENINGS);
	__type(key, __u32);
	__type(value, struct ct_key);
} world_openings SEC(".maps") __tag(of WORLD_OPENINGS);

#define CLOSED_CONNECTIONS 16384

/* What ended last, in a circle. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CLOSED_CONNECTIONS);
	__type(key, __u32);
	__type(value, struct ct_key);
} closed_connections SEC(".maps") __tag(of CLOSED_CONNECTIONS);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct passage);
} passages SEC(".maps");

/* Of the devices of pods, from their first packet up the stack on. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, POD_DEVICES);
	__type(key, __u32);
	__type(value, __u64);
} pod_devices SEC(".maps") __tag(of POD_DEVICES);

/* A row an entry of conntrack, at most. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct snat_key);
	__type(value, struct snat_value);
} snat SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct fragment_key);
	__type(value, struct fragment_value);
} fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, struct service_key);
	__type(value, struct service_value);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1048576);
	__type(key, struct service_slot_key);
	__type(value, struct service_slot);
} service_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u32);
	__type(value, struct backend_value);
} backends SEC(".maps") __tag(of BACKEND_DIRECT);

#define AFFINITY_ROWS 65536

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, AFFINITY_ROWS);
	__type(key, struct affinity_key);
	__type(value, struct affinity_value);
} affinity SEC(".maps") __tag(of AFFINITY_ROWS);

/* Rows of `affinity` by number of the service; 0: of all. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, __u32);
	__type(value, struct affinity_usage);
} affinity_usage SEC(".maps") __tag(of AFFINITY_ROWS);

/* Nothing is pushed out: a row goes with its socket. Without one a socket that goes on sending to
 * a backend that is gone could not be told from others. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u64);
	__type(value, struct sock_origin);
} sock_origins SEC(".maps") __tag(of SOCK_);

/* Written by the agent, before a pod's first socket. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384 + 16);
	__type(key, __u64);
	__type(value, struct sock_account);
} sock_accounts SEC(".maps") __tag(of SOCK_);

/* Two rows an entry of conntrack, at most. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 524288);
	__type(key, struct translation_key);
	__type(value, struct translation);
} translations SEC(".maps") __tag(of BACKEND_DIRECT);

/* reason * 2 + direction. 0 and 1 (DROP_NONE) count what was forwarded. */
typedef __u32 counter_index __tag(by enum drop_reason) __tag(by enum direction);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DROP_REASON_COUNT * 2);
	__type(key, counter_index);
	__type(value, struct counter);
} counters SEC(".maps");

/* An endpoint has two rows a reason at the most, which go with it; so nobody fills this, and
 * nothing is pushed out. What finds no room is in `counters` all the same. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct drop_key);
	__type(value, struct drop_counter);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries,
	       1024 * 1024); /* bytes: what is written between two looks, 50 ms apart */
} events SEC(".maps");

/* Events that were not written, all of them. */
struct event_state {
	__u64 lost;	  /* the ring was full */
	__u64 suppressed; /* above config.event_rate */
	__u64 beyond;	  /* above what a tenant may tell */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_state);
} event_state SEC(".maps");

/* endpoint * 2 + direction. */
typedef __u32 event_account_index __tag(by enum direction);

/* What each endpoint has used of its share of events. Egress is
 * what it sends itself; ingress what comes for it from outside, so that nobody uses up what it says
 * by sending to it. Endpoint 0: the node; its ingress is also that of network namespaces that are
 * nobody's. */
struct event_account {
	__u32 window; /* second, of 2^30 ns, that `used` belongs to */
	__u32 used[EVENT_SHARES] __tag(by enum event_share);
	__u64 missed; /* events that were not written, but for those in `drops` */
	__u64 beyond; /* of these and those: what its own tenant might not tell */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_ENDPOINTS * 2);
	__type(key, event_account_index);
	__type(value, struct event_account);
} event_accounts SEC(".maps") __tag(of EVENT_SHARES);

typedef __u32 judge_index __tag(by enum judge);

/* The programs that an endpoint's own program hands a packet to when conntrack alone does not let
 * it pass. They are shared by all endpoints, so that an endpoint's own program is small and loads
 * in a millisecond. What they need to know travels in skb->cb. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, JUDGE_COUNT);
	__type(key, judge_index);
	__type(value, __u32);
} judges SEC(".maps") __tag(of MARK_) __tag(of CB_);

_Static_assert(sizeof(struct event_state) == 24, "event_state");
_Static_assert(sizeof(struct event_account) == 32, "event_account");
