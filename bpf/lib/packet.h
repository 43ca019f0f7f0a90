// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is known of a packet once it is parsed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "drop.h"

#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif

/* A function that is not static is verified once, by itself, instead of at every call: without
 * that, loading an endpoint would take hundreds of milliseconds. The price: its pointers may be
 * null as far as the verifier knows, and are checked. */
#define VERIFIED_ONCE __noinline

/* From the uapi, which has them as bit fields only. */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* RFC 792. linux/icmp.h needs headers of the C library. */
struct icmphdr {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 id;
	__be16 sequence;
};

#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_REDIRECT 5
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

#define IPV4_MAPPED bpf_htonl(0xffff)
#define IP_OFFSET_MASK 0x1fff
#define IP_MORE_FRAGMENTS 0x2000
#define IP_DONT_FRAGMENT 0x4000

#define SCTP_INIT 1

/* RFC 9260, and the head of the first chunk. */
struct sctphdr {
	__be16 source;
	__be16 destination;
	__be32 tag;
	__le32 checksum;
	__u8 chunk;
	__u8 flags;
	__be16 length;
};

enum fragment {
	FRAGMENT_NONE = 0,
	FRAGMENT_FIRST = 1,
	FRAGMENT_LATER = 2,
	FRAGMENT_TORN = 3, /* the first, which others overtook */
};

/* What a packet may do to the state of its connection. */
enum packet_kind {
	PACKET_PLAIN = 0,     /* opens where nothing is known, belongs where something is: UDP */
	PACKET_OPENS = 1,     /* asks for a new connection: SYN, SCTP INIT, an ICMP query */
	PACKET_CONTINUES = 2, /* proves nothing about who opened: TCP and SCTP in mid-stream */
	PACKET_ANSWERS = 3,   /* an ICMP reply: only ever right after its query */
	PACKET_ERROR = 4,     /* an ICMP error about a connection; the tuple is the connection's */
};

struct packet {
	union addr source;
	union addr destination;
	__be16 source_port;
	__be16 destination_port;
	__u16 ethertype; /* host order */
	__u16 l4;	 /* offset of the transport header */
	__u32 end;	 /* offset behind the packet: what a frame has after it is padding */
	__u32 sequence;	 /* TCP, host order */
	__u32 acknowledgement;
	__u16 inner; /* PACKET_ERROR: offset of the quoted IP header */
	__u8 protocol;
	__u8 tcp_flags;
	__u8 kind; /* enum packet_kind */
	__u8 fragment;
	__u8 ttl;
	__u8 pad;
	__be16 policy_port; /* what a policy compares: destination port; ICMP: type of the query <<
			       8 */
	__u16 pad2;
};

/* The compiler would call the library's memcmp. */
static __always_inline bool mac_equal(const volatile __u8 *a, const volatile __u8 *b)
{
	return *(const volatile __u32 *)a == *(const volatile __u32 *)b &&
	       *(const volatile __u16 *)(a + 4) == *(const volatile __u16 *)(b + 4);
}

static __always_inline void mac_copy(__u8 *to, const volatile __u8 *from)
{
	*(__u32 *)to = *(const volatile __u32 *)from;
	*(__u16 *)(to + 4) = *(const volatile __u16 *)(from + 4);
}

static __always_inline void addr_set_v4(union addr *addr, __be32 v4)
{
	addr->hi = 0;
	addr->p3 = IPV4_MAPPED;
	addr->v4 = v4;
}

static __always_inline bool addr_equal(const union addr *a, const union addr *b)
{
	return a->hi == b->hi && a->lo == b->lo;
}

/* Any total order will do, as long as both directions of a connection see the same one. */
static __always_inline bool addr_less(const union addr *a, const union addr *b)
{
	return a->hi != b->hi ? a->hi < b->hi : a->lo < b->lo;
}

static __always_inline bool v4_is_loopback(__be32 v4)
{
	return (v4 & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
}

/* Class D and E, the limited broadcast and "this network": nothing a pod may address. */
static __always_inline bool v4_is_multicast(__be32 v4)
{
	return (v4 & bpf_htonl(0xe0000000)) == bpf_htonl(0xe0000000) ||
	       (v4 & bpf_htonl(0xff000000)) == 0;
}

/* Makes sure that `length` bytes can be read directly. */
static __always_inline bool pull(struct __sk_buff *skb, __u32 length)
{
	if ((void *)(long)skb->data + length <= (void *)(long)skb->data_end)
		return true;
	if (skb->len < length)
		return false;
	return bpf_skb_pull_data(skb, length) == 0;
}
