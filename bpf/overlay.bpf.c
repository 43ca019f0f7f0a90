// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The two programs at the overlay's device: what comes from other nodes, and what processes of this
 * one send to their pods. What pods send is encapsulated by their own programs. A packet says who
 * its sender is and whom he was allowed to reach; it is believed as far as its node may say so. */
#include "lib/fragment.h"
#include "lib/overlay.h"
#include "lib/stack.h"
#include "lib/to_node.h"

/* What a packet says, in words of skb->cb: the stack has no room for it beside the rest. */
#define CB_NODE 0     /* who sent it */
#define CB_IDENTITY 1 /* who is said to be the sender */
#define CB_REACH 2    /* whom he was allowed to reach */

/* Apart for the sake of the stack. False: it says nothing. */
VERIFIED_ONCE int open_envelope(struct __sk_buff *skb)
{
	struct vxlan_metadata group = {};
	struct bpf_tunnel_key key = {};

	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0) < 0)
		return false;
	/* There is none in a packet of somebody who does not say whom he means. */
	bpf_skb_get_tunnel_opt(skb, &group, sizeof(group));
	skb->cb[CB_NODE] = bpf_htonl(key.remote_ipv4);
	skb->cb[CB_IDENTITY] = key.tunnel_id;
	skb->cb[CB_REACH] = group.gbp & GBP_MASK;
	return true;
}

static __always_inline struct ipcache_value *ipcache_row(const union addr *addr)
{
	struct ipcache_key key = {.prefixlen = 128, .addr = *addr};

	return bpf_map_lookup_elem(&ipcache, &key);
}

/* May this address be that of a client outside, who came to a port of another node? Who it is then
 * is this node's to know, not the other's to say. */
static __always_inline bool may_be_outside(const struct flow *flow)
{
	__be32 addr = flow->packet.source.v4;

	return identity_is_outside(flow->source.identity) && !v4_is_loopback(addr) &&
	       !v4_is_multicast(addr) && addr != CONFIG(gateway_ipv4);
}

/* Who sent it: a node says of its own pods, known here or not yet, who they are, of its own
 * addresses that they are a node's, and of clients outside that they came to it. Everything else is
 * this node's to know. Fills flow->source, whose address is resolved. Returns a drop reason. */
VERIFIED_ONCE int believe(struct __sk_buff *skb, struct flow *flow)
{
	struct ipcache_value *node, *source;
	__be32 tunnel, known;
	union addr outer;
	__u32 here;

	if (!flow)
		return DROP_INTERNAL;
	here = flow->source.identity;
	known = flow->source.tunnel;
	flow->source.identity = IDENTITY_UNKNOWN;
	addr_set_v4(&outer, skb->cb[CB_NODE]);
	node = ipcache_row(&outer);
	if (!node || !identity_is_node(node->identity) || !node->tunnel)
		return DROP_UNKNOWN_NODE;
	/* It may send from any of its addresses. */
	tunnel = node->tunnel;
	if (flow->source.kind != SIDE_OTHER)
		return DROP_SPOOFED_IP;
	/* Of a node's address only its row says so. */
	if (identity_is_node(here)) {
		source = ipcache_row(&flow->packet.source);
		known = source ? source->tunnel : 0;
	}
	if (skb->cb[CB_IDENTITY] == IDENTITY_WORLD && !known) {
		flow->source.identity = here;
		flow->source.tunnel = tunnel;
		return may_be_outside(flow) ? 0 : DROP_SPOOFED_IP;
	}
	if (known != tunnel)
		return DROP_SPOOFED_IP;
	if (identity_is_node(here)) {
		if (skb->cb[CB_IDENTITY] != IDENTITY_REMOTE_NODE)
			return DROP_FORGED_IDENTITY;
		flow->source.identity = here;
	} else {
		if (!identity_is_cluster(skb->cb[CB_IDENTITY]))
			return DROP_FORGED_IDENTITY;
		flow->source.identity = skb->cb[CB_IDENTITY];
	}
	flow->source.tunnel = tunnel;
	return 0;
}

/* Is the destination still whom the sender was allowed to reach? Returns a drop reason. */
static __always_inline int check_reach(const struct flow *flow, __u32 reach)
{
	int reason;

	switch (flow->destination.kind) {
	case SIDE_POD:
		if (!flow->destination.word)
			return DROP_PEER_NOT_READY;
		return reach == flow->destination.identity ? 0 : DROP_STALE_DESTINATION;
	case SIDE_HOST:
		/* Clients outside come for pods, and through no node for another. */
		if (identity_is_outside(flow->source.identity))
			return DROP_WRONG_DESTINATION;
		return identity_is_node(reach) ? 0 : DROP_STALE_DESTINATION;
	default:
		reason = nobody_at(&flow->destination);
		if (reason)
			return reason;
		return identity_is_cluster(flow->source.identity) &&
				       identity_is_outside(flow->destination.identity) &&
				       reach == IDENTITY_WORLD
			       ? 0
			       : DROP_WRONG_DESTINATION;
	}
}

/* To this node itself: an answer to a process of it or to what left under its address, or nothing.
 * Returns a drop reason, or 0 and the action. */
static __always_inline int answer_node(struct __sk_buff *skb, struct flow *flow, int *action)
{
	int reason = to_node(skb, flow, action);

	if (reason || *action != TC_ACT_OK)
		return reason;
	if (flow->packet.kind == PACKET_OPENS)
		return DROP_WRONG_DESTINATION;
	/* To a client that another proxy has masqueraded. */
	if (CONFIG(enable_stack))
		stack_asked(flow);
	if (flow->packet.kind != PACKET_ERROR)
		flow->packet.kind = PACKET_ANSWERS;
	return judge(skb, flow, true);
}

/* An answer through a service gets the frontend's address. Apart for the sake of the stack. Returns
 * a drop reason. */
VERIFIED_ONCE int as_frontend(struct __sk_buff *skb, const struct flow *flow)
{
	struct rewrite rewrite = {};
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	reason = service_answer(flow, &rewrite);
	return reason ? reason : rewrite_packet(skb, flow, &rewrite);
}

/* An error from outside is about a connection of somebody outside, or nobody's: any router may send
 * it. Returns a drop reason. */
VERIFIED_ONCE int about_outside(struct __sk_buff *skb, struct flow *flow)
{
	__be32 tunnel;
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	reason = parse_quoted(skb, &flow->packet, false);
	if (reason)
		return reason;
	tunnel = flow->source.tunnel;
	resolve(&flow->packet.source, &flow->source);
	if (flow->source.kind != SIDE_OTHER || !identity_is_outside(flow->source.identity))
		return DROP_ICMP_UNRELATED;
	flow->source.tunnel = tunnel;
	return 0;
}

/* To a client outside, who came to this node for a pod of another. Only an answer, from there:
 * nobody is sent on to the world. Returns a drop reason, or 0 and the action. */
VERIFIED_ONCE int answer_outside(struct __sk_buff *skb, struct flow *flow, int *action)
{
	struct ct_entry *entry;
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	if (!CONFIG(enable_services) || flow->packet.kind == PACKET_OPENS)
		return DROP_WRONG_DESTINATION;
	entry = stack_entry(flow);
	if (!entry || entry->opener == flow->side || entry->nat_port ||
	    !(entry->flags & CT_SERVICE) || entry->stack)
		return DROP_WRONG_DESTINATION;
	if (flow->packet.kind != PACKET_ERROR)
		flow->packet.kind = PACKET_ANSWERS;
	reason = judge(skb, flow, true);
	if (reason)
		return reason;
	if (unfinished_elsewhere(skb, &flow->packet))
		return DROP_UNFINISHED_CHECKSUM;
	reason = as_frontend(skb, flow);
	return reason ? reason : route_out(skb, flow, action);
}

/* Has the packet of a client outside the ports of another connection that he has with the pod, by
 * another way? Nobody shall end that by writing his address in a packet to another node. */
static __always_inline bool crosses_way(struct flow *flow)
{
	struct ct_entry *entry = stack_entry(flow);
	__u8 side = flow->side & 1;

	return entry && entry->way[side] != flow->source.tunnel &&
	       entry->endpoint[side ^ 1] == flow->destination.endpoint &&
	       !(entry->flags & (CT_CLOSING | CT_OPENING));
}

/* To a pod of this node. What goes through a service was translated where its client is. Returns a
 * drop reason, or 0 and the action. */
static __always_inline int to_pod_here(struct __sk_buff *skb, struct flow *flow, int *action)
{
	const struct packet *p = &flow->packet;
	int reason;

	if (identity_is_outside(flow->source.identity) && crosses_way(flow))
		return DROP_SERVICE_CONFLICT;
	reason = judge(skb, flow, true);
	if (CONFIG(enable_stack) && (flow->service & FLOW_STACK)) {
		/* Only the stack knows whom the pod had asked. */
		*action = TC_ACT_OK;
		return reason;
	}
	if (!reason && CONFIG(enable_services) && is_translated(flow) && flow->is_reply)
		reason = as_frontend(skb, flow);
	if (reason)
		return reason;
	*action = deliver_to_pod(skb, p->ethertype, p->destination.v4, flow->destination.ifindex);
	return 0;
}

/* The device to deliver to, of a packet of a connection that was judged with the same two
 * identities and the same node, under words that still stand; 0: it has to be judged. Apart for the
 * sake of the stack. */
VERIFIED_ONCE int established(struct __sk_buff *skb, struct flow *flow)
{
	const struct packet *p;
	struct ct_entry *entry;
	__u32 now = ct_now(), way;
	__u8 side, other;
	__u16 outside;

	if (!flow)
		return 0;
	p = &flow->packet;
	if (p->kind != PACKET_PLAIN && p->kind != PACKET_CONTINUES)
		return 0;
	flow_key(flow);
	side = flow->side & 1;
	other = side ^ 1;
	entry = bpf_map_lookup_elem(&conntrack, &flow->key);
	if (!entry || entry->way[side] != skb->cb[CB_NODE] ||
	    identity_on_wire(entry->identity[side]) != skb->cb[CB_IDENTITY] ||
	    entry->identity[other] != skb->cb[CB_REACH] || !pod_of(entry->endpoint[other]))
		return 0;
	outside = entry->endpoint[side];
	if (pod_of(outside) || (entry->flags & CT_SERVICE) ||
	    !ct_stands(entry, side, outside, endpoint_word(outside), now))
		return 0;
	way = entry->way[other];
	if (ct_is_open(entry, side) && !(p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST))) {
		ct_renew(entry, now);
		if (skb->cb[CB_IDENTITY] == IDENTITY_WORLD)
			tcp_note(entry, side, p);
		return way;
	}
	/* Whether clients outside mean what they say of a connection is not known by the words. */
	if (skb->cb[CB_IDENTITY] == IDENTITY_WORLD || !ct_may_go_on(p))
		return 0;
	ct_ends(flow, entry);
	ct_follow(skb, flow, entry, now);
	return way;
}

/* At the ingress of the overlay's device. */
SEC("tc")
int from_overlay(struct __sk_buff *skb)
{
	struct flow flow = {.hook = HOOK_FROM_OVERLAY};
	struct packet *p = &flow.packet;
	struct iphdr *ip;
	__u32 ifindex;
	__u16 fragment;
	__be16 id;
	int reason, doubt, action = TC_ACT_OK;

	if (!CONFIG(enable_overlay))
		return TC_ACT_SHOT;
	p->ethertype = bpf_ntohs(skb->protocol);
	if (skb->vlan_present || p->ethertype == ETH_P_8021Q || p->ethertype == ETH_P_8021AD) {
		reason = DROP_VLAN;
		goto out;
	}
	if (p->ethertype != ETH_P_IP) {
		reason = p->ethertype == ETH_P_IPV6 ? DROP_IPV6_DISABLED : DROP_UNKNOWN_L3;
		goto out;
	}
	if (!open_envelope(skb)) {
		reason = DROP_UNENCAPSULATED;
		goto out;
	}
	/* Not copied: the stack has no room for it beside the rest. */
	ip = pull(skb, ETH_HLEN + sizeof(*ip)) ? (void *)(long)skb->data + ETH_HLEN : 0;
	if (!ip || (void *)(ip + 1) > (void *)(long)skb->data_end) {
		reason = DROP_MALFORMED;
		goto out;
	}
	reason = parse_ipv4(skb, ip, p);
	fragment = bpf_ntohs(ip->frag_off) & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK);
	id = ip->id;
	if (!reason && !fragment) {
		reason = parse_l4(skb, p);
		ifindex = reason ? 0 : established(skb, &flow);
		if (ifindex) {
			action = deliver_to_pod(skb, ETH_P_IP, p->destination.v4, ifindex);
			goto forwarded;
		}
	}
	/* Who sent it comes before what is wrong with it. */
	resolve(&p->source, &flow.source);
	doubt = believe(skb, &flow);
	if (doubt)
		reason = doubt;
	else if (!reason && fragment)
		reason = parse_fragment(skb, p, fragment & IP_OFFSET_MASK, id, 0);
	if (reason)
		goto out;
	resolve(&p->destination, &flow.destination);
	reason = check_reach(&flow, skb->cb[CB_REACH]);
	if (!reason && p->kind == PACKET_ERROR)
		reason = identity_is_outside(flow.source.identity) ? about_outside(skb, &flow)
								   : parse_quoted(skb, p, true);
	if (reason)
		goto out;
	if (flow.destination.kind == SIDE_HOST)
		reason = answer_node(skb, &flow, &action);
	else if (flow.destination.kind == SIDE_OTHER)
		reason = answer_outside(skb, &flow, &action);
	else
		reason = to_pod_here(skb, &flow, &action);
	if (reason)
		goto out;
	if (CONFIG(enable_stack) && action == TC_ACT_OK)
		stack_note(skb, &flow);
forwarded:
	if (CONFIG(enable_counters))
		count(DROP_NONE, DIRECTION_INGRESS, skb->len);
	return action;
out:
	return drop(skb, &flow, reason);
}

/* Apart for the sake of the stack. */
VERIFIED_ONCE int is_encapsulated(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {};

	return bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0) == 0;
}

/* The frame is a node's: peers take one with the MAC address of their own device for a loop. */
static __always_inline int stamp_frame(struct __sk_buff *skb)
{
	__be32 node = CONFIG(node_ipv4.v4);
	__u8 mac[ETH_ALEN] = {0x0a, 0x58};

	__builtin_memcpy(mac + 2, &node, sizeof(node));
	return bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_source), mac, sizeof(mac), 0) < 0
		       ? DROP_INTERNAL
		       : 0;
}

/* At the egress of the overlay's device: what processes of the node send to pods of others. */
SEC("tc")
int to_overlay(struct __sk_buff *skb)
{
	struct flow flow = {.hook = HOOK_TO_OVERLAY};
	struct packet *p = &flow.packet;
	__u32 identity = IDENTITY_REMOTE_NODE;
	struct iphdr ip;
	__u16 fragment;
	int reason;

	/* What came in somewhere was judged and encapsulated there, unless it was another proxy's
	 * to translate; what was not, and what is not IPv4, says nothing of where it goes, and the
	 * device drops it. */
	if ((skb->ingress_ifindex && (!CONFIG(enable_stack) || is_encapsulated(skb))) ||
	    skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	if (!load_ipv4(skb, &ip))
		return TC_ACT_SHOT;
	reason = parse_ipv4(skb, &ip, p);
	resolve(&p->destination, &flow.destination);
	resolve(&p->source, &flow.source);
	if (reason)
		goto out;
	fragment = bpf_ntohs(ip.frag_off);
	if (fragment & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
		reason = parse_fragment(skb, p, fragment & IP_OFFSET_MASK, ip.id, 0);
	else
		reason = parse_l4(skb, p);
	if (reason)
		goto out;
	if (CONFIG(enable_stack) && skb->ingress_ifindex && flow.source.kind != SIDE_OTHER) {
		if (flow.source.kind == SIDE_POD)
			identity = flow.source.identity;
		reason = stack_sender(skb, &flow);
	} else if (flow.source.kind != SIDE_HOST) {
		reason = DROP_SPOOFED_IP;
	}
	if (reason)
		goto out;
	reason = nobody_at(&flow.destination);
	if (reason)
		goto out;
	if (!flow.destination.tunnel || flow.destination.kind != SIDE_OTHER) {
		reason = DROP_NO_ROUTE;
		goto out;
	}
	if (p->kind == PACKET_ERROR) {
		reason = parse_quoted(skb, p, true);
		if (reason)
			goto out;
	}
	reason = judge(skb, &flow, true);
	if (!reason)
		reason = stamp_frame(skb);
	if (!reason)
		reason = tunnel_state(skb, flow.destination.tunnel, identity,
				      flow.destination.identity);
	if (reason)
		goto out;
	if (CONFIG(enable_counters))
		count(DROP_NONE, DIRECTION_EGRESS, skb->len);
	return TC_ACT_OK;
out:
	return drop(skb, &flow, reason);
}

char _license[] SEC("license") = "Dual BSD/GPL";
