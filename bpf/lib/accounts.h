// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counting, and who may tell how much. Counters are exact; events are written while the ring has
 * room and the rate allows, and what was not written is counted too. */
#pragma once

#include "config.h"
#include "maps.h"

static __always_inline void counter_add(struct counter *counter, __u32 length)
{
	if (!counter)
		return;
	counter->packets += 1;
	counter->bytes += length;
}

static __always_inline void count(__u32 reason, __u32 direction, __u32 length)
{
	__u32 index = reason * 2 + direction;

	counter_add(bpf_map_lookup_elem(&counters, &index), length);
}

/* The row of an endpoint's drops; none when there is no room. */
static __always_inline struct counter *drops_row(const struct drop_key *key)
{
	struct counter *row = bpf_map_lookup_elem(&drops, key);
	struct counter none = {};

	if (row)
		return row;
	bpf_map_update_elem(&drops, key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&drops, key);
}

/* A packet that was dropped: in sum, and for its endpoint while there is room. */
static __always_inline void count_drop(const struct drop_key *key, __u32 length)
{
	count(key->reason, key->direction, length);
	counter_add(drops_row(key), length);
}

/* A packet may come while a socket's program counts, not the other way round: only the latter has
 * to add without a gap. */
static __always_inline void counter_add_whole(struct counter *counter)
{
	if (counter)
		__sync_fetch_and_add(&counter->packets, 1);
}

/* The same of what was refused at a socket, before there was a packet. */
static __always_inline void count_refusal(const struct drop_key *key)
{
	__u32 index = key->reason * 2 + key->direction;

	counter_add_whole(bpf_map_lookup_elem(&counters, &index));
	counter_add_whole(drops_row(key));
}

/* True when the payer may write one more. Half of the ring is for those who stay within a 64th
 * of their rate: whoever writes more finds it closed, so that many busy ones, or many pods of one
 * tenant, do not take the word from the others. */
static __always_inline bool event_may(struct event_account *account)
{
	__u32 window = bpf_ktime_get_coarse_ns() >> 30, used;

	if (!CONFIG(event_rate))
		return true;
	if (account->window != window) {
		account->window = window;
		account->used = 0;
	}
	used = account->used;
	if (used >= CONFIG(event_rate))
		return false;
	if (used >= (CONFIG(event_rate) + 63) / 64 &&
	    bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >
		    bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2)
		return false;
	__sync_fetch_and_add(&account->used, 1);
	return true;
}

/* An event that is not written: for want of room in the ring, or of the payer's share. */
static __always_inline void event_missed(struct event_account *account, bool lost)
{
	__u32 zero = 0;
	struct event_state *state = bpf_map_lookup_elem(&event_state, &zero);

	__sync_fetch_and_add(&account->missed, 1);
	if (state && lost)
		state->lost += 1;
	else if (state)
		state->suppressed += 1;
}

/* True when the payer's share has room for one more event, which is taken. */
static __always_inline bool event_take(__u32 payer)
{
	struct event_account *account = bpf_map_lookup_elem(&event_accounts, &payer);

	if (!account)
		return false;
	if (event_may(account))
		return true;
	event_missed(account, false);
	return false;
}

/* Room in the ring for an event that its payer has taken, or zero. */
static __always_inline struct event *event_reserve(__u32 payer)
{
	struct event_account *account;
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (event)
		return event;
	account = bpf_map_lookup_elem(&event_accounts, &payer);
	if (account)
		event_missed(account, true);
	return 0;
}
