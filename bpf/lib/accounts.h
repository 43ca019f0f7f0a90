// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counting, and who may tell how much. Counters are exact; events are written while the ring has
 * room and the rate allows, and what was not written is counted too. */
#pragma once

#include "config.h"
#include "maps.h"
#include "tenant_account.h"

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
static __always_inline struct drop_counter *drops_row(const struct drop_key *key)
{
	struct drop_counter *row = bpf_map_lookup_elem(&drops, key);
	struct drop_counter none = {};

	if (row)
		return row;
	bpf_map_update_elem(&drops, key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&drops, key);
}

/* A packet that was dropped: in sum, and for its endpoint while there is room. Returns its row. */
static __always_inline struct drop_counter *count_drop(const struct drop_key *key, __u32 length)
{
	struct drop_counter *row;

	count(key->reason, key->direction, length);
	row = drops_row(key);
	if (row) {
		row->packets += 1;
		row->bytes += length;
	}
	return row;
}

/* A packet may come while a socket's program counts, not the other way round: only the latter has
 * to add without a gap. */
static __always_inline void add_whole(__u64 *packets)
{
	__sync_fetch_and_add(packets, 1);
}

/* The same of what was refused at a socket, before there was a packet. */
static __always_inline void count_refusal(const struct drop_key *key)
{
	__u32 index = key->reason * 2 + key->direction;
	struct counter *counter = bpf_map_lookup_elem(&counters, &index);
	struct drop_counter *row = drops_row(key);

	if (counter)
		add_whole(&counter->packets);
	if (row)
		add_whole(&row->packets);
}

/* Who pays for an event: an endpoint, and the tenant of whoever opened or else is meant. */
struct event_payer {
	__u32 account;	/* event_account_index */
	__u32 identity; /* of a pod of the tenant; 0: no tenant pays */
	bool inwards;	/* the endpoint is what it is for, and nobody is known to have opened */
};

/* Is the endpoint a pod of that tenant? One elsewhere opened what is on the account of who it is
 * for. */
static __always_inline bool event_payer_is_own(const struct event_payer *payer)
{
	return payer->inwards || (payer->account & 1) == DIRECTION_EGRESS;
}

/* Why an event is not written. */
enum event_loss {
	EVENT_LOST,	  /* the ring is full */
	EVENT_SUPPRESSED, /* the endpoint's share is used up */
	EVENT_BEYOND,	  /* the tenant's is */
};

/* True when the account has room for one more. Half of the ring is for those who stay within a 64th
 * of their rate: whoever writes more finds it closed, so that many busy ones, or many pods of one
 * tenant, do not take the word from the others. */
static __always_inline bool event_may(struct event_account *account, enum event_share share)
{
	__u32 window = bpf_ktime_get_coarse_ns() >> 30, used;

	if (!CONFIG(event_rate))
		return true;
	if (account->window != window) {
		account->window = window;
		__builtin_memset(account->used, 0, sizeof(account->used));
	}
	used = account->used[share];
	if (used >= CONFIG(event_rate))
		return false;
	return used < (CONFIG(event_rate) + 63) / 64 ||
	       bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) <=
		       bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2;
}

/* An event that is not written. `row`: that of the payer's drops, if this is one; it is this CPU's
 * own, and costs no lock. Without one it may be a socket's program that counts, see add_whole(). */
static __always_inline void event_missed(struct event_account *account, struct drop_counter *row,
					 enum event_loss loss)
{
	__u32 zero = 0;
	struct event_state *state = bpf_map_lookup_elem(&event_state, &zero);
	__u64 *sum = 0;

	if (state)
		sum = loss == EVENT_LOST     ? &state->lost
		      : loss == EVENT_BEYOND ? &state->beyond
					     : &state->suppressed;
	if (row) {
		row->untold += 1;
		if (sum)
			*sum += 1;
		return;
	}
	__sync_fetch_and_add(&account->missed, 1);
	if (sum)
		add_whole(sum);
}

/* The account when its share has room for one more event; else the event is counted as missed. Most
 * of a flood ends here: whose tenant would pay is not asked before. */
static __always_inline struct event_account *event_room(__u32 payer, enum event_share share,
							struct drop_counter *row)
{
	struct event_account *account = bpf_map_lookup_elem(&event_accounts, &payer);

	if (!account || event_may(account, share))
		return account;
	event_missed(account, row, EVENT_SUPPRESSED);
	return 0;
}

/* True when the tenant has room for one more event, too, and then it is taken of both: what the one
 * refuses costs the other nothing. `account`: with room. */
static __always_inline bool event_take(struct event_account *account,
				       const struct event_payer *payer, enum event_share share,
				       struct drop_counter *row)
{
	if (tenant_tells(payer->identity, share, payer->inwards)) {
		__sync_fetch_and_add(&account->used[share], 1);
		return true;
	}
	if (event_payer_is_own(payer))
		__sync_fetch_and_add(&account->beyond, 1);
	event_missed(account, row, EVENT_BEYOND);
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
		event_missed(account, 0, EVENT_LOST);
	return 0;
}
