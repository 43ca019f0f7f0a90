// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whom to believe about a TCP connection. A pod and the node are who they say, and may end what is
 * theirs. Anybody outside may write the address of somebody else: what does not fit the sequence
 * numbers of the connection changes nothing (RFC 5961), and is left to the receiver's own stack. */
#pragma once

#include "flow.h"
#include "packet.h"

/* How far a packet may be ahead of the last that was seen: more than any segment that the kernel
 * puts together, and one guess in 4,096. */
#define TCP_SPAN (1 << 20)
/* How much of what it sends with the SYN an opener may have acknowledged by the answer. */
#define TCP_FAST_OPEN 65536

/* Of pods and nodes elsewhere the node that sends them through the overlay says who they are; of
 * clients outside it knows no more than their address. */
static __always_inline bool source_is_claimed(const struct flow *flow)
{
	return flow->source.kind == SIDE_OTHER &&
	       (flow->hook != HOOK_FROM_OVERLAY || identity_is_outside(flow->source.identity));
}

static __always_inline bool tcp_fits(const struct ct_entry *entry, __u8 side, __u32 sequence)
{
	return sequence - entry->sequence[side & 1] < TCP_SPAN;
}

/* Of packets that take a short way from outside. */
static __always_inline void tcp_note(struct ct_entry *entry, __u8 side, const struct packet *p)
{
	if (p->protocol == IPPROTO_TCP && p->sequence != entry->sequence[side & 1] &&
	    tcp_fits(entry, side, p->sequence))
		entry->sequence[side & 1] = p->sequence;
}

/* Is the packet to be believed? Keeps up with the numbers of both sides. */
static __always_inline bool tcp_follow(const struct flow *flow, struct ct_entry *entry)
{
	const struct packet *p = &flow->packet;
	__u8 side = flow->side & 1, other = side ^ 1;
	bool outside = source_is_claimed(flow);

	if (p->tcp_flags & TCP_SYN) {
		if (!(entry->flags & CT_REPLIED))
			entry->sequence[side] = p->sequence + 1;
		return !outside;
	}
	if (!outside) {
		if (entry->sequence[side] != p->sequence)
			entry->sequence[side] = p->sequence;
		if ((p->tcp_flags & TCP_ACK) && entry->sequence[other] != p->acknowledgement)
			entry->sequence[other] = p->acknowledgement;
		return true;
	}
	if (!tcp_fits(entry, side, p->sequence))
		return false;
	if (entry->sequence[side] != p->sequence)
		entry->sequence[side] = p->sequence;
	return true;
}

/* The first answer to a SYN names it. What does not is about an earlier connection under the same
 * port, whose other end is still there: its numbers are nobody else's to know. */
static __always_inline bool tcp_answers(const struct flow *flow, const struct ct_entry *entry)
{
	const struct packet *p = &flow->packet;
	__u8 side = flow->side & 1;

	if (p->protocol != IPPROTO_TCP || !source_is_claimed(flow) || entry->opener == side ||
	    (entry->flags & (CT_OPENING | CT_REPLIED)) != CT_OPENING)
		return true;
	return (p->tcp_flags & TCP_ACK) && (p->tcp_flags & (TCP_SYN | TCP_RST)) &&
	       p->acknowledgement - entry->sequence[side ^ 1] < TCP_FAST_OPEN;
}
