// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Load-time constants. The loader writes this struct into .rodata before the program is loaded; the
 * verifier then treats every field as a constant and removes what a configuration does not use: `if
 * (CONFIG(enable_x))`, never #ifdef. */
#pragma once

#include "types.h"

struct config {
	/* Features. 0: off, and no instruction of it stays in the loaded program. */
	__u8 enable_ipv6 __tag(bool);	      /* IPv6; off: every IPv6 packet is dropped */
	__u8 enable_events __tag(bool);	      /* flow events */
	__u8 enable_fragments __tag(bool);    /* IPv4 fragments; off: they are dropped */
	__u8 enable_masquerade __tag(bool);   /* pods reach the world under the node's address */
	__u8 enable_cidr_selects __tag(bool); /* a pod or node is also judged by the CIDR
				     identity of its address */
	__u8 enable_counters __tag(bool);     /* packets and bytes forwarded; drops are always
					 counted */
	__u8 enable_policy __tag(bool); /* who may talk to whom; off: only addresses are checked */
	__u8 enable_icmp_errors __tag(bool); /* deliver ICMP errors about known connections */
	__u8 enable_services __tag(bool);    /* ClusterIP, node ports and their like */
	__u8 enable_refusals __tag(bool); /* the world is told at once that a node port has none */
	__u8 enable_overlay
	__tag(bool);			/* pods of other nodes, with their identity in the packet */
	__u8 enable_stack __tag(bool);	/* services are another proxy's: what pods send to them
				   passes the node's stack, and is judged where it leaves that */
	__u8 enable_native __tag(bool); /* pods of other nodes, by the node's routes and known by
					   their addresses only */
	__u8 pad0[3];			/* zero */

	/* The endpoint; zero in programs of the node. */
	__u32 endpoint __tag(endpoint);
	__u32 ifindex __tag(ifindex); /* host side of the veth pair */
	union addr ipv4 __tag(none);  /* v4-mapped; zero: none */
	union addr ipv6 __tag(none);  /* zero: none */
	__u8 mac[6] __tag(mac);	      /* of the pod's side */

	/* The node. */
	__u8 gateway_mac[6] __tag(mac);	      /* of the host side of every veth pair */
	__be32 gateway_ipv4 __tag(ip);	      /* answered by ARP, nothing else */
	union addr node_ipv4 __tag(none);     /* masquerade address, v4-mapped */
	__u32 uplink_ifindex __tag(ifindex);  /* where the world is */
	__u32 overlay_ifindex __tag(ifindex); /* where pods of other nodes are */
	__be16 tunnel_port;  /* UDP port of the overlay: no pod may send to it but on pods; 0: none
			      */
	__u16 snat_port_min; /* host order */
	__u16 snat_port_max; /* host order, included */
	__u16 node_port_min; /* host order; node ports are looked for in this range only */
	__u16 node_port_max; /* host order, included */
	__u16 pad1[1];	     /* zero */
	__u64 node_cookie __tag(number); /* of the node's own network namespace */
	/* Conntrack entries; a connection counts until it has ended. */
	__u32 ct_quota;	     /* that one endpoint may have opened; 0: nothing is counted */
	__u32 ct_guaranteed; /* of these, how many no other can take away */
	__u32 ct_common;     /* that all endpoints together may have beyond that */
	__u32 ct_node;	     /* that processes of the node may have opened */
	__u32 ct_world;	     /* the same for the world */
	__u32 ct_openings;   /* of the world's, how many may be half open: the oldest make room; at
				most WORLD_OPENINGS */
	/* What pods of other nodes may have opened. */
	__u32 ct_elsewhere_guaranteed; /* each, to which no other comes but by the hash of words */
	__u32 ct_elsewhere_quota;      /* each at most */
	__u32 ct_elsewhere;	       /* all together beyond what is guaranteed */
	__u32 ct_closed; /* that have ended, count against nobody any more and are remembered, the
			  * newest; at most CLOSED_CONNECTIONS. 0: they count until they are gone */
	/* Sockets that services turned, see struct sock_account. */
	__u32 sock_quota;      /* that one network namespace may have; 0: nothing is counted */
	__u32 sock_guaranteed; /* of a pod's, how many no other can take away */
	__u32 sock_node;       /* the same for the node's own namespace, and for those of nobody */
	__u32 sock_common;     /* of all: above it only what is guaranteed is given */
	__u32 event_rate;      /* events a second of one endpoint and direction; above it events are
				  counted, not written; 0: no limit */
};

_Static_assert(sizeof(struct config) == 184, "config");

const volatile struct config config;

#define CONFIG(field) (config.field)
