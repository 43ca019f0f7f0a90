// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Layouts shared with user space. This file is the only place where they are written: the
 * TypeScript codecs in src/datapath/gen/ are made from the BTF of these types, and so is the layout
 * in the name of each map's pin: maps with rows of another layout, or written with other numbers,
 * stay pinned while the agent is replaced, and are not taken for these. */
#pragma once

#include <linux/types.h>

#include "reserved.h"

/* What a field means beyond its bytes, for user space; it stays in BTF and costs no instruction.
 *
 *   identity, endpoint, ifindex, revision, rule, table   a number of that kind and no other
 *   enum NAME      one of the enum; of an enum NAME_flag any of its bits
 *   by enum NAME   of an array: its indexes are the enum's
 *   bool           0 or 1
 *   number         64 bits of which user space needs no more than 53
 *   ip, mac        an address of that kind; all zero: none
 *   none           of a union addr: all zero is no address
 *   of NUMBER      of a map: see maps.h
 */
#define __tag(meaning) __attribute__((btf_decl_tag(#meaning)))

/* Raised when the same bytes come to mean something else, which their types do not show. */
#define LAYOUT_VERSION 6

/* 16 bytes in network order; IPv4 as ::ffff:a.b.c.d, so that one core serves both families. */
union addr {
	struct {
		__u32 p1;
		__u32 p2;
		__u32 p3; /* bpf_htonl(0xffff) for IPv4 */
		__be32 v4;
	};
	struct {
		__u64 hi;
		__u64 lo;
	};
	__u8 bytes[16];
};

/* The state word of an endpoint: its identity and the policy revision that is in force, changed
 * together by one 64-bit store, so that neither a relabel nor a policy change is ever seen half
 * done. 0: not ready, every packet is dropped. The word doubles as the stamp of a conntrack
 * verdict: a verdict is good while the words it was taken under stand. From FIRST_OUTSIDE on the
 * words belong to addresses that are no pod's of this node, each address to one of 1,024 by a hash:
 * identity host, and as revision a number that changes when an address of the word gets another
 * owner, so that the connections with this thousandth of the outside are judged anew, and no
 * others. */
#define WORD_IDENTITY(word) ((__u32)(word))
#define WORD_REVISION(word) ((__u32)((word) >> 32))
#define MAX_ENDPOINTS 65536
#define FIRST_OUTSIDE 64512
#define OUTSIDE_BITS 10
#define OUTSIDE_FACTOR 0x9e3779b97f4a7c15ULL /* of the hash: 2^64 / golden ratio */

/* Who a conntrack entry is charged to, as an index of ct_usage: the endpoint that opened it, of a
 * pod elsewhere the number of the word of its address (FIRST_OUTSIDE and above), or one of these.
 */
#define ACCOUNT_NODE 0 /* processes of the node */
#define ACCOUNT_WORLD MAX_ENDPOINTS
#define ACCOUNT_COMMON (MAX_ENDPOINTS + 1)    /* beyond what is guaranteed to each endpoint */
#define ACCOUNT_OPENINGS (MAX_ENDPOINTS + 2)  /* no account: the next place in world_openings */
#define ACCOUNT_ELSEWHERE (MAX_ENDPOINTS + 3) /* the same of pods elsewhere */
#define ACCOUNT_CLOSED (MAX_ENDPOINTS + 4)    /* no account: the next place in closed_connections */
#define ACCOUNT_COUNT (MAX_ENDPOINTS + 5)

/* Who owns a local address. Looked up for new connections only. */
struct endpoint_value {
	__u16 endpoint __tag(endpoint); /* 0: the node itself */
	__u16 pad;			/* zero */
	__u32 ifindex __tag(ifindex); /* host side of the pod's veth pair; 0 for the node itself */
	__u32 cidr_identity __tag(identity); /* 0: no policy names a prefix that covers the
				     address */
};

/* Which pod the sockets of a network namespace are of, so that what is refused at a socket is told
 * of it. By the namespace's cookie, which is never used again. */
struct netns_endpoint {
	union addr addr; /* of the pod */
	__u16 endpoint __tag(endpoint);
	__u8 pad[6]; /* zero */
};

/* Prefix -> identity for everything that is not a local pod. */
struct ipcache_key {
	__u32 prefixlen; /* counts from the first bit of addr: 96 + n for an IPv4 prefix */
	union addr addr;
} __attribute__((
	packed,
	aligned(4))); /* the trie's bits begin right behind prefixlen: no hole may be there */

struct ipcache_value {
	__u32 identity __tag(identity);
	__u32 cidr_identity __tag(identity); /* second identity by prefix of a node or
				     remote pod; 0: none */
	__be32 tunnel __tag(ip); /* node by whose address the overlay knows the owner: of a pod of
				    another node, of the range that its pods get theirs from, and
				    of that node itself; 0: none */
};

/* The tables that hold for the endpoints with this revision in their word. Tables are shared by all
 * endpoints that the same rules are about, in either direction apart, so that a policy of a whole
 * namespace is written once; and a direction that must close at once takes another table without
 * touching what holds for the other one.
 *
 * Its place follows from the revision: the low bits say where, and what stands there says whether
 * it is still this one's. A place is empty, all zero, before another revision gets it, and that is
 * when so many numbers have been given since: whoever reads between the two finds nothing allowed.
 */
struct policy_pair {
	__u32 revision __tag(revision);			      /* 0: nobody's place */
	__u32 table[2] __tag(table) __tag(by enum direction); /* 0: nothing is allowed */
};

#define POLICY_PAIRS 131072

/* What a table may have is in its number, and stays as long as the table does: what it cannot have
 * is not looked for. Rows of group 0; and peers with a group of their own. */
#define POLICY_TABLE_EVERYBODY 0x80000000
#define POLICY_TABLE_PEERS 0x40000000

/* Which group of a table a peer belongs to. Ports are written once for each group, not for each
 * peer: 5,000 peers with one range of ports are 5,000 of these and 30 rows. A peer without a group
 * is judged by group 0 alone. */
struct policy_peer_key {
	__u32 table __tag(table);
	__u32 peer __tag(identity);
};

/* One row of a policy table. Exact fields first, then the fields that may be open, the widest last:
 * protocol without port is a longer prefix than neither, so one longest-prefix look-up serves exact
 * ports, ranges and wildcards. */
struct policy_key {
	__u32 prefixlen; /* 72: any protocol; 80: any port; 80 + n: n leading bits of the port */
	__u32 table __tag(table);
	__u32 group; /* 0: any peer */
	__u8 pad;    /* zero; part of the prefix */
	__u8 protocol;
	__be16 port; /* destination port; ICMP: type << 8 */
};

#define POLICY_PREFIX_GROUP 72
#define POLICY_PREFIX_PROTOCOL 80
#define POLICY_PREFIX_FULL 96

struct policy_value {
	__u32 precedence;	/* larger wins where two rows apply */
	__u32 rule __tag(rule); /* for explanation; 0: a default */
	__u16 proxy_port;	/* zero: none */
	__u8 verdict __tag(enum verdict);
	__u8 pad; /* zero */
};

enum direction {
	DIRECTION_INGRESS = 0,
	DIRECTION_EGRESS = 1,
};

enum verdict {
	VERDICT_DENY = 0,
	VERDICT_ALLOW = 1,
};

/* Whose an identity is: the tenant's number, and what its boundary says of those who are no pods.
 * Apart from policy, so that it holds whatever becomes of that. The number follows from the
 * tenant's name alone: it is the same on every node and in every life of the agent. 0: nobody said
 * yet; then row IDENTITY_UNKNOWN, which is nobody's identity, says whose such an identity is. */
#define TENANT_NUMBER(row) ((row) >> TENANT_FLAG_BITS)
#define TENANT_FLAG_BITS 16
#define TENANT_ROWS (IDENTITY_CLUSTER_MAX + 1)

enum tenant_flag {
	TENANT_KNOWN = 1,	/* of every row that is written */
	TENANT_CLOSED = 2,	/* nobody's: it reaches no one, itself neither, and only its node's
				   probes reach it */
	TENANT_NO_WORLD = 4,	/* nothing to or from what is outside of the cluster */
	TENANT_NO_TO_NODES = 8, /* opens nothing to nodes */
	TENANT_NO_FROM_NODES = 16, /* other nodes open nothing to it; its own one may */
	TENANT_LIMITED = 32,	   /* it has an account */
	TENANT_NO_METADATA = 64,   /* nothing to or from where clouds say who a machine is */
	TENANT_LISTED = 128,	   /* of TENANT_NO_WORLD but for what it has in `tenant_world` */
};

/* What a tenant lists of the world, in both directions. The trie's bits begin right behind
 * prefixlen: no hole may be there. Families apart, so that no prefix of IPv6 covers an IPv4
 * address, which is within ::ffff:0:0/96. */
struct tenant_world_key {
	__u32 prefixlen; /* counts from the first bit of tenant: 64 + 96 + n for an IPv4 prefix */
	__u64 tenant;	 /* its number << TENANT_FLAG_BITS | 4 or 6, the family */
	union addr addr;
} __attribute__((packed, aligned(4)));

#define TENANT_WORLD_SCOPE 64 /* bits before those of the address */

/* What an endpoint or a tenant may tell of in a second it may of each of these apart: a pod that
 * floods with the one does not hide what it does of another. */
enum event_share {
	EVENT_SHARE_PASSED = 0, /* connections that were let pass, and their end */
	EVENT_SHARE_DENIED = 1, /* what policy dropped or a socket was refused */
	EVENT_SHARE_BROKEN = 2, /* dropped for any other reason: forged, malformed, over quota */
};

#define EVENT_SHARES 3

/* What a tenant may have of the node at most, beside what each pod may. */
enum tenant_resource {
	TENANT_CONNECTIONS = 0, /* entries of conntrack that its pods opened, from wherever */
	TENANT_NAT_PORTS = 1,	/* of these, who leave the node under a port of it */
};

#define TENANT_RESOURCES 2
#define TENANT_UNLIMITED 0xffffffff

/* Of a tenant that has limits, by its number. The agent writes what it may have before the first
 * row of `tenants` says that there is one; the programs count, and the collector counts anew. */
struct tenant_account {
	__u64 turn __tag(number); /* ns, CLOCK_MONOTONIC: when one more new connection is due; far
				     ahead: it was too fast */
	__u32 interval; /* ns between two new connections, on average over a second; 0: as fast as
			   it likes */
	__u32 event_interval; /* the same of two events of one share */
	__u32 limit[TENANT_RESOURCES] __tag(by enum tenant_resource);
	__u32 used[TENANT_RESOURCES] __tag(by enum tenant_resource);
	__u32 before[TENANT_RESOURCES] __tag(
		by enum tenant_resource); /* `used` when the collector's present run began, less
					     what that has removed */
	__u32 found[TENANT_RESOURCES] __tag(by enum tenant_resource); /* by that run */
	/* As `turn`, for one more event: about what its pods open, and about what others send to
	 * them, so that nobody uses up what it says by sending to it. */
	__u64 event_out[EVENT_SHARES] __tag(number) __tag(by enum event_share);
	__u64 event_in[EVENT_SHARES] __tag(number) __tag(by enum event_share);
	__u64 untold __tag(number); /* events that had no turn */
};

/* What one tenant lets in of another: these pods, to that port of those. */
struct tenant_share_key {
	__u32 opener __tag(identity);
	__u32 responder __tag(identity);
	__be16 port; /* of the pod, not of the service */
	__u8 protocol;
	__u8 pad; /* zero */
};

struct tenant_share {
	__u32 until; /* tick from which it is over, whether the agent lives or not; 0: it has no end
		      */
};

/* The clock of conntrack: CLOCK_MONOTONIC in ticks of 2^30 ns (1.07 s). */
#define TICK_BITS 30

/* Ticks that an entry of an endpoint that is gone is kept after its last packet: it is what tells
 * the other end's late packets from a new connection to the address's next owner. */
#define STALE_OWNER_TICKS 120

/* The two ends of a connection in an order that does not depend on the packet's direction (the
 * smaller address, then port, is side 0), so that one look-up finds the entry from either end. ICMP
 * queries: both ports are the id. */
struct ct_key {
	union addr addr[2];
	__be16 port[2];
	__u8 protocol;
	__u8 pad[3]; /* zero */
};

/* One connection, both halves. It belongs to endpoints, not to addresses: an entry of a former
 * owner of an address names another endpoint id and is worth nothing. Everything an established
 * packet needs is in the first cache line. */
struct ct_entry {
	__u64 stamp[2]; /* state word of each side's endpoint when the verdict was taken */
	__u32 expires;	/* tick from which the entry is dead */
	__u16 timeout;	/* ticks by which a packet renews it */
	__u8 flags __tag(enum ct_flag);
	__u8 opener;			   /* side that opened the connection: 0 or 1 */
	__u16 endpoint[2] __tag(endpoint); /* endpoint id of each side; FIRST_OUTSIDE and
				     above: not a local pod */
	__u32 way[2]; /* to this side: host end of the pod's veth pair; of a side that is no local
			 pod, IPv4 address (network order) of the node that it is reached by
			 through the overlay; 0: the node's stack or the uplink */
	__be16 nat_port; /* source port (ICMP: id) on the node's address towards the world; 0: not
			    translated. Worth something only while its row in `snat` says so */
	__u8 strange;	 /* somebody outside answered the SYN who did not mean it */
	__u8 stack __tag(bool); /* with CT_SERVICE: its packets pass the node's stack, where another
				   proxy may translate them */
	__u32 identity[2] __tag(identity); /* identity of each side when the verdict was
				     taken, for events */
	__u32 rule[2] __tag(rule) __tag(by enum direction); /* the rules that allowed it */
	__u32 sequence[2]; /* TCP: about the number of the next byte of each side, host order */
};

enum ct_flag {
	CT_REPLIED = 1, /* the other side has answered */
	CT_CLOSING = 2, /* a RST that is to be believed, or FIN of both sides: nobody pays for it */
	CT_HOST = 4,	/* the side without an endpoint is this node, not the world */
	CT_MIDSTREAM =
		8, /* made from a packet in mid-stream, with the leave of both sides' policies */
	CT_FIN_0 = 16,	  /* side 0 has sent FIN */
	CT_FIN_1 = 32,	  /* side 1 has sent FIN */
	CT_SERVICE = 64,  /* packets are translated between a service's frontend and this backend */
	CT_OPENING = 128, /* TCP, and whatever the world opens: the opener has not spoken again
			     after the first answer */
};

/* The last packet that went up the stack on this CPU: what it was, for whoever sees it come out
 * under another address. */
struct passage {
	union addr source;
	__u32 ifindex __tag(ifindex);	/* where it came in */
	__be16 id;			/* of the IP header, as are ttl and protocol */
	__u16 endpoint __tag(endpoint); /* of the pod that sent it; 0: none */
	__u8 ttl;
	__u8 protocol;
	__u8 pad[6]; /* zero */
};

/* Whose a device is, so that what comes out of the stack under the node's address is known by the
 * device that it came in by: endpoint << 32 | ifindex, in one word; 0: nobody's yet. A device has
 * the place that the low bits of its number say. */
#define POD_DEVICES 65536

/* skb->mark of a pod's packet whose verdict stands, although its source is the node's address: a
 * bit that no proxy for services uses (kube-proxy has 0x4000 and 0x8000). It lives in the node's
 * network namespace only: the kernel clears the mark of what comes from another. */
#define MARK_JUDGED 0x10000000
/* The same of what the overlay's programs have said all of that a tunnel needs: where it leaves the
 * node, inside VXLAN, nobody has to be asked anything about it. */
#define MARK_TUNNELED 0x20000000

/* Reverse translation of masqueraded connections: what comes back to the node's address and this
 * port. The row is the title to the port: made where there is none, taken away by who ends the
 * connection, asked at every packet in either direction. */
struct snat_key {
	union addr remote;
	__be16 remote_port; /* ICMP: 0 */
	__be16 nat_port;
	__u8 protocol;
	__u8 pad[3]; /* zero */
};

struct snat_value {
	union addr pod;
	__be16 pod_port;
	__u16 endpoint __tag(endpoint);
	__u32 made; /* tick */
};

/* Who may use a frontend. One that serves both has an entry for each, which may share a backend
 * set; they differ where a traffic policy is Local. */
enum service_scope {
	SERVICE_INSIDE = 0,  /* the node's processes and its pods */
	SERVICE_OUTSIDE = 1, /* what comes in at a device of the node */
};

/* A frontend. With address :: (all zero) it is a node port: any address of the node, and from the
 * node's own network namespace 127/8. */
struct service_key {
	union addr addr;
	__be16 port;
	__u8 protocol; /* IPPROTO_* */
	__u8 scope __tag(enum service_scope);
	__u32 pad; /* zero */
};

/* The backend set in force. A set is written whole under a fresh revision, then one update of this
 * value switches to it, then the slots of the former revision are deleted. */
struct service_value {
	__u32 revision;
	__u32 count;		/* slots 0 to count - 1 exist; 0: connections are refused */
	__u32 service;		/* stable number of the service, for affinity */
	__u32 affinity_seconds; /* 0: no session affinity */
	__u16 flags __tag(enum service_flag);
	__u16 pad; /* zero */
};

enum service_flag {
	SERVICE_HASHED = 1, /* packets choose their slot by a hash of the client's address and port
			       (the slots are a Maglev table), instead of at random */
};

struct service_slot_key {
	__u32 revision;
	__u32 slot;
};

struct service_slot {
	__u32 backend; /* key in `backends` */
};

/* Stays until what it serves is over, longer than it is in a slot: a UDP socket keeps to it while
 * it is here and not draining. Numbers are not reused soon. */
struct backend_value {
	union addr addr;
	__be16 port;
	__u8 protocol; /* IPPROTO_* */
	__u8 flags __tag(enum backend_flag);
	__u32 pad; /* zero */
};

enum backend_flag {
	BACKEND_DRAINING = 1, /* gets nothing new, by affinity neither, and no UDP from sockets that
				   name their destination with every datagram */
};

/* Session affinity: the client is a network namespace at a socket hook (addr.hi is its cookie,
 * addr.lo zero), an address on the packet path. */
struct affinity_key {
	union addr client;
	__u32 service;
	__u32 pad; /* zero: a hole would hold whatever the stack had, and never match */
};

struct affinity_value {
	__u64 used; /* ns, CLOCK_MONOTONIC */
	__u32 backend;
	__u32 seconds; /* after `used`, until the row is worth nothing */
};

struct affinity_usage {
	__u32 rows;  /* counted as they are made; the collector counts anew */
	__u32 found; /* by the collector */
};

/* A destination of a socket: what the process named, and what it became. IPv4, as all frontends. */
struct sock_turn {
	__be32 frontend_ipv4 __tag(ip);
	__be32 backend_ipv4 __tag(ip);
	__be16 frontend_port;
	__be16 backend_port; /* 0: this place is free */
	__u32 backend;	     /* key in `backends` */
};

/* Places of datagrams that name their destination: a power of two. */
#define SOCK_NAMED 4

/* What a socket was turned from and to; key: its cookie. One row a socket, so that it goes as a
 * whole when the socket does. */
struct sock_origin {
	__u64 account;			    /* who pays for it: key in `sock_accounts` */
	struct sock_turn connected;	    /* by connect() */
	struct sock_turn named[SOCK_NAMED]; /* a circle: a socket overwrites its own oldest */
	__u32 turns;			    /* so far in the circle */
	__u8 protocol;			    /* IPPROTO_* */
	__u8 pad[3];			    /* zero */
};

/* Rows of sock_origins that the sockets of one network namespace have. The key is the namespace's
 * cookie, which is never used again: the agent knows those of pods and the node's own. Whoever
 * makes namespaces of his own shares one account with all others who do. */
#define SOCK_OTHERS 0	 /* every namespace without an account */
#define SOCK_ALL (~0ULL) /* no account: the rows of all */

struct sock_account {
	__u32 used;
	__u32 found;			/* by the collector, in its present run */
	__u16 endpoint __tag(endpoint); /* 0: the node and others */
	__u16 pad[3];			/* zero */
};

/* Translated connections of the packet path: client to frontend, and backend to client. */
struct translation_key {
	union addr source;
	union addr destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 pad[3]; /* zero */
};

/* The destination of the one, the source of the other after translation. */
struct translation {
	union addr addr;
	__be16 port;
	__be16 client_port; /* the client's after translation: another than its own where that is
			       taken towards the backend */
	__u16 flags __tag(enum translation_flag);
	__u16 pad0;    /* zero */
	__u32 backend; /* key in `backends`; BACKEND_DIRECT */
	__u32 pad1;    /* zero */
};

/* No number of a backend. */
#define BACKEND_DIRECT 0xffffffff

enum translation_flag {
	TRANSLATION_HAIRPIN =
		1, /* client and backend are one pod: it sees its gateway as the client */
	TRANSLATION_ANSWER = 2, /* from backend to client */
	TRANSLATION_DIRECT = 4, /* the client named the backend itself, and keeps only the name of
				   its port */
};

/* Where a first fragment is remembered: each sender has so many places and no more, so that a flood
 * of first fragments costs nobody else's datagrams. */
struct fragment_key {
	__u32 account; /* endpoint id of the sender; 0: from elsewhere */
	__u32 place;   /* by a hash of what the fragments of a datagram have in common */
};

/* What the first fragment of a datagram says about the rest of it. */
struct fragment_value {
	union addr source;
	union addr destination;
	__be16 id;
	__be16 port[2];	    /* source, destination */
	__be16 policy_port; /* see struct packet */
	__u8 protocol;
	__u8 kind;   /* enum packet_kind */
	__u8 early;  /* 1: the first was not seen yet; it has no ports */
	__u8 pad[5]; /* zero */
};

/* Out of the program `collect`: what the run saw. */
struct collect_result {
	__u32 scanned;
	__u32 removed;
};

/* In to the program `forget`: a socket. Out: whether anything of it was forgotten. */
struct forget_request {
	__u64 cookie;
	__u32 forgotten;
	__u32 pad; /* zero */
};

/* Out of the program `settle`: sockets that are remembered. */
struct settle_result {
	__u32 found;
};

/* Packets and bytes, per CPU. */
struct counter {
	__u64 packets;
	__u64 bytes;
};

/* The same of an endpoint's drops. */
struct drop_counter {
	__u64 packets;
	__u64 bytes;
	__u64 untold; /* events about them that were not written and were the endpoint's to pay */
};

/* Drops by endpoint and reason; endpoint 0 is the node's own devices and processes. What a socket
 * is refused counts as a packet of no bytes. */
struct drop_key {
	__u16 endpoint __tag(endpoint);
	__u8 reason __tag(enum drop_reason);
	__u8 direction __tag(enum direction); /* seen from the endpoint */
};

enum event_type {
	EVENT_OPEN = 1,	 /* a new connection was allowed */
	EVENT_DROP = 2,	 /* a packet was dropped */
	EVENT_CLOSE = 3, /* FIN of both sides or RST */
	EVENT_RENEW = 4, /* an established connection was judged anew and allowed, after a change of
			    policy */
};

enum hook {
	HOOK_FROM_POD = 1,
	HOOK_TO_POD = 2,
	HOOK_FROM_NETDEV = 3,
	HOOK_TO_NETDEV = 4,
	HOOK_SOCKET = 5, /* before there is a packet: no length, no device, no TCP flags */
	HOOK_FROM_OVERLAY = 6,
	HOOK_TO_OVERLAY = 7,
};

/* Indexes of the map `judges`. */
enum judge {
	JUDGE_FROM_POD = 0,
	JUDGE_TO_POD = 1,
	JUDGE_DROPPED = 2,
	JUDGE_COUNT = 3,
};

/* Words of skb->cb that tell a judge whose program ran, and at which device; and of what that
 * program has dropped, where and why. */
#define CB_ENDPOINT 0
#define CB_IFINDEX 1
#define CB_HOOK 2   /* enum hook */
#define CB_REASON 3 /* enum drop_reason */

/* One record of the ring buffer. */
struct event {
	__u64 timestamp __tag(number); /* ns, CLOCK_BOOTTIME */
	union addr source;
	union addr destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 source_identity __tag(identity);	    /* 0: unknown */
	__u32 destination_identity __tag(identity); /* 0: unknown */
	__u16 source_endpoint __tag(endpoint);
	__u16 destination_endpoint __tag(endpoint);
	__u32 rule[2] __tag(rule) __tag(by enum direction); /* 0: a default or none */
	__u32 length;					    /* bytes of the packet */
	__u32 ifindex __tag(ifindex);			    /* device whose program wrote this */
	__u16 ethertype;				    /* host order */
	__u8 type __tag(enum event_type);
	__u8 reason __tag(enum drop_reason); /* of EVENT_DROP */
	__u8 hook __tag(enum hook);
	__u8 protocol;
	__u8 tcp_flags;
	__u8 is_reply __tag(bool);
};

_Static_assert(FIRST_OUTSIDE + (1 << OUTSIDE_BITS) == MAX_ENDPOINTS, "outside");
_Static_assert(sizeof(union addr) == 16, "addr");
_Static_assert(sizeof(struct endpoint_value) == 12, "endpoint_value");
_Static_assert(sizeof(struct netns_endpoint) == 24, "netns_endpoint");
_Static_assert(sizeof(struct ipcache_key) == 20, "ipcache_key");
_Static_assert(sizeof(struct policy_pair) == 12, "policy_pair");
_Static_assert(POLICY_PAIRS == 2 * MAX_ENDPOINTS, "two pairs an endpoint");
_Static_assert(sizeof(struct policy_peer_key) == 8, "policy_peer_key");
_Static_assert(sizeof(struct policy_key) == 16, "policy_key");
_Static_assert(sizeof(struct policy_value) == 12, "policy_value");
_Static_assert(sizeof(struct tenant_share_key) == 12, "tenant_share_key");
_Static_assert(sizeof(struct tenant_share) == 4, "tenant_share");
_Static_assert(sizeof(struct tenant_account) == 104, "tenant_account");
_Static_assert(sizeof(struct tenant_world_key) == 28, "tenant_world_key");
_Static_assert(sizeof(struct ct_key) == 40, "ct_key");
_Static_assert(sizeof(struct ct_entry) == 64, "ct_entry");
_Static_assert(sizeof(struct passage) == 32, "passage");
_Static_assert(sizeof(struct snat_value) == 24, "snat_value");
_Static_assert(sizeof(struct event) == 80, "event");
_Static_assert(sizeof(struct service_key) == 24, "service_key");
_Static_assert(sizeof(struct service_value) == 20, "service_value");
_Static_assert(sizeof(struct backend_value) == 24, "backend_value");
_Static_assert(sizeof(struct affinity_key) == 24, "affinity_key");
_Static_assert(sizeof(struct sock_turn) == 16, "sock_turn");
_Static_assert(sizeof(struct sock_origin) == 96, "sock_origin");
_Static_assert(sizeof(struct sock_account) == 16, "sock_account");
_Static_assert(sizeof(struct translation_key) == 40, "translation_key");
_Static_assert(sizeof(struct translation) == 32, "translation");
_Static_assert(sizeof(struct ipcache_value) == 12, "ipcache_value");
_Static_assert(sizeof(struct snat_key) == 24, "snat_key");
_Static_assert(sizeof(struct service_slot_key) == 8, "service_slot_key");
_Static_assert(sizeof(struct service_slot) == 4, "service_slot");
_Static_assert(sizeof(struct affinity_value) == 16, "affinity_value");
_Static_assert(sizeof(struct affinity_usage) == 8, "affinity_usage");
_Static_assert(sizeof(struct fragment_key) == 8, "fragment_key");
_Static_assert(sizeof(struct fragment_value) == 48, "fragment_value");
_Static_assert(sizeof(struct collect_result) == 8, "collect_result");
_Static_assert(sizeof(struct forget_request) == 16, "forget_request");
_Static_assert(sizeof(struct settle_result) == 4, "settle_result");
_Static_assert(sizeof(struct counter) == 16, "counter");
_Static_assert(sizeof(struct drop_key) == 4, "drop_key");
_Static_assert(sizeof(struct drop_counter) == 24, "drop_counter");
