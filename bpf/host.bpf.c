// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The program at the node's own devices: what comes from the world, for pods and for the node. */
#include "lib/fragment.h"
#include "lib/node_socket.h"
#include "lib/overlay.h"
#include "lib/service_established.h"
#include "lib/service_past.h"
#include "lib/stack.h"
#include "lib/to_node.h"

/* Whom a frame is for, as linux/if_packet.h has it. */
#define PACKET_HOST 0
#define PACKET_OTHERHOST 3
#define VLAN_ID_MASK 0x0fff

/* To a backend that is not on this node: under the node's address, so that answers come back here;
 * through the overlay they do, and a client from outside keeps his own. Returns a drop reason, or 0
 * and the action. */
VERIFIED_ONCE int forward(struct __sk_buff *skb, const struct flow *flow, int *action)
{
	struct rewrite rewrite = {.source = 1};
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	if (unfinished_elsewhere(skb, &flow->packet))
		return DROP_UNFINISHED_CHECKSUM;
	if (!flow->nat_port) {
		if (!CONFIG(enable_overlay) || !flow->destination.tunnel)
			return DROP_NO_ROUTE;
		reason = decrement_ttl(skb, flow->packet.ttl);
		return reason ? reason
			      : encapsulate(skb, flow->destination.tunnel, IDENTITY_WORLD,
					    flow->destination.identity, action);
	}
	rewrite.old_addr = flow->packet.source.v4;
	rewrite.new_addr = CONFIG(node_ipv4.v4);
	rewrite.old_port = flow->packet.source_port;
	rewrite.new_port = flow->nat_port;
	reason = rewrite_packet(skb, flow, &rewrite);
	if (reason)
		return reason;
	if (!CONFIG(enable_overlay) || !flow->destination.tunnel)
		return route_out(skb, flow, action);
	reason = decrement_ttl(skb, flow->packet.ttl);
	return reason ? reason
		      : encapsulate(skb, flow->destination.tunnel, IDENTITY_REMOTE_NODE,
				    flow->destination.identity, action);
}

/* Would a process of the node get what opens a connection to this address and port? */
static __always_inline bool node_listens(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_sock_tuple tuple = {};

	tuple.ipv4.saddr = p->source.v4;
	tuple.ipv4.daddr = p->destination.v4;
	tuple.ipv4.sport = p->source_port;
	tuple.ipv4.dport = p->destination_port;
	return node_has_socket(skb, &tuple, p->protocol);
}

/* May the node's stack answer for a frontend that has no backend, as it does for any port that
 * nobody has? Not where a process has the port since before there was the service; nor where only
 * this node has no backend (externalTrafficPolicy Local), since who asks shall ask another. */
VERIFIED_ONCE int stack_refuses(struct __sk_buff *skb, const struct flow *flow)
{
	struct service_key frontend = {.scope = SERVICE_INSIDE};
	struct service_value *service;
	const struct packet *p;

	if (!flow)
		return false;
	p = &flow->packet;
	if (flow->destination.kind != SIDE_HOST ||
	    (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP))
		return false;
	frontend.port = p->destination_port;
	frontend.protocol = p->protocol;
	service = bpf_map_lookup_elem(&services, &frontend);
	return service && !service->count && !node_listens(skb, p);
}

/* Does this packet to an address of the node belong to a process of the node, although a pod has
 * the port there (hostPort)? Such a port may be any: the node's own connections and sockets come
 * first, and a pod gets what opens a connection where nobody else would answer. */
VERIFIED_ONCE int belongs_to_node(struct __sk_buff *skb, const struct flow *flow)
{
	struct service_key frontend = {.scope = SERVICE_OUTSIDE};
	struct translation *known;
	const struct packet *p;

	if (!flow)
		return true;
	p = &flow->packet;
	frontend.addr = p->destination;
	frontend.port = p->destination_port;
	frontend.protocol = p->protocol;
	if (!bpf_map_lookup_elem(&services, &frontend))
		return false;
	known = translation_of(p);
	if (known && !(known->flags & TRANSLATION_ANSWER))
		return false;
	/* The answer to a pod that left the node under this port. */
	if (p->kind == PACKET_PLAIN && mapping_back(p))
		return true;
	if (p->kind != PACKET_OPENS && p->kind != PACKET_PLAIN)
		return p->kind != PACKET_ERROR;
	return node_listens(skb, p);
}

/* To a frontend: a node port, or an address of a service. Returns a drop reason, or 0 and the
 * action; flow->service stays 0 when the destination is none. */
VERIFIED_ONCE int to_service(struct __sk_buff *skb, struct flow *flow, int *action)
{
	struct rewrite rewrite = {};
	struct packet *p;
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	p = &flow->packet;
	/* An error about something else than an answer of a service is not for us. */
	if (p->kind == PACKET_ERROR && parse_quoted(skb, p, false))
		return 0;
	if (flow->destination.kind == SIDE_HOST && belongs_to_node(skb, flow))
		return 0;
	reason = service_turn(flow, &rewrite, SERVICE_OUTSIDE);
	/* Of a connection that another proxy has turned. */
	if (CONFIG(enable_stack) && reason && reason == midstream_reason(p) &&
	    flow->destination.kind == SIDE_HOST)
		return 0;
	if (reason || !flow->service)
		return reason;
	/* The rest is with the node's stack, where nobody waits for it. */
	if (p->fragment == FRAGMENT_TORN)
		return DROP_FRAGMENT_UNKNOWN;
	if (p->kind == PACKET_ERROR)
		resolve(&p->source, &flow->source);
	if (flow->source.kind != SIDE_OTHER)
		return DROP_SPOOFED_IP;
	reason = pretender(&flow->source);
	/* Nor may a pod be made to answer there, under the frontend's address. */
	if (!reason && (forges_tunnel(flow) || is_tunnel_port(p, rewrite.peer_old_port)))
		reason = DROP_FORGED_TUNNEL;
	/* Whoever may say where a service leads shall not have the node ask for its credentials,
	 * for clients that it does not know, and past what is refused to the pods of his tenant. */
	if (!reason && flow->destination.kind == SIDE_OTHER &&
	    !identity_is_cluster(flow->destination.identity) && is_metadata(&p->destination))
		reason = DROP_TENANT_METADATA;
	if (reason)
		return reason;
	reason = judge(skb, flow, true);
	if (!reason)
		reason = service_remember(flow, &rewrite);
	if (reason)
		return reason;
	reason = rewrite_packet(skb, flow, &rewrite);
	if (reason)
		return reason;
	switch (flow->destination.kind) {
	case SIDE_POD:
		*action =
			deliver_to_pod(skb, ETH_P_IP, rewrite.new_addr, flow->destination.ifindex);
		return 0;
	case SIDE_HOST:
		/* A process of the node; to_netdev translates what it answers. */
		return 0;
	default:
		return forward(skb, flow, action);
	}
}

/* To a frontend, of a connection that is established. Returns a drop reason, or 0 and the action,
 * which stays as it is when the packet has to be judged. */
VERIFIED_ONCE int hurry_to_service(struct __sk_buff *skb, const struct flow *flow, int *action)
{
	struct rewrite rewrite = {};
	int ifindex, reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	ifindex = service_forth(flow, &rewrite);
	if (!ifindex)
		return 0;
	reason = rewrite_v4(skb, flow, &rewrite);
	if (!reason)
		*action = deliver_to_pod(skb, ETH_P_IP, rewrite.new_addr, ifindex);
	return reason;
}

/* To a pod by its own address. Returns a drop reason, or 0 and the action. */
VERIFIED_ONCE int to_local_pod(struct __sk_buff *skb, struct flow *flow, int *action)
{
	struct rewrite rewrite = {};
	struct packet *p;
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	p = &flow->packet;
	reason = pretender(&flow->source);
	if (reason)
		return reason;
	if (p->kind == PACKET_ERROR) {
		reason = parse_quoted(skb, p, false);
		if (reason)
			return reason;
		resolve(&p->source, &flow->source);
		if (flow->source.kind == SIDE_POD)
			return DROP_ICMP_UNRELATED;
	}
	reason = judge(skb, flow, !CONFIG(enable_services));
	if (CONFIG(enable_services) && reason == DROP_SERVICE_CONFLICT) {
		reason = service_past(flow, &rewrite);
		if (!reason)
			reason = judge(skb, flow, true);
		if (!reason)
			reason = service_remember(flow, &rewrite);
		if (!reason && rewrite.new_addr)
			reason = rewrite_packet(skb, flow, &rewrite);
	}
	if (reason)
		return reason;
	/* What the pod sends there leaves by the stack: who tracks connections in it (a kube-proxy
	 * drops what is none) has to see both directions. Under another port it goes past it. */
	if ((CONFIG(enable_native) || CONFIG(enable_stack)) && !rewrite.new_addr)
		return 0;
	*action = deliver_to_pod(skb, ETH_P_IP, p->destination.v4, flow->destination.ifindex);
	return 0;
}

/* From node to node: no service's, whatever frontends there are, and who sent it, and what is in
 * it, is from_overlay's to judge. */
static __always_inline bool is_tunnel(const struct packet *p)
{
	return CONFIG(enable_overlay) && is_tunnel_port(p, p->destination_port);
}

/* Is it plainly from node to node, to the very port of the tunnel? All of it can be read without a
 * call; of what cannot, or is odd in any way, from_netdev says the same in its own time. */
static __always_inline bool is_plain_tunnel(struct __sk_buff *skb)
{
	struct iphdr *ip = (void *)(long)skb->data + ETH_HLEN;
	struct udphdr *udp = (void *)(ip + 1);

	return CONFIG(enable_overlay) && CONFIG(tunnel_port) &&
	       (void *)(udp + 1) <= (void *)(long)skb->data_end && ip->protocol == IPPROTO_UDP &&
	       udp->dest == CONFIG(tunnel_port) && ip->daddr == CONFIG(node_ipv4.v4) &&
	       ip->version == 4 && ip->ihl == 5 && !v4_is_loopback(ip->saddr) &&
	       !(ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK)) &&
	       bpf_ntohs(ip->tot_len) >= sizeof(*ip) + sizeof(*udp) &&
	       bpf_ntohs(ip->tot_len) + ETH_HLEN <= skb->len;
}

/* Did this node's overlay make it? It was judged before it was put into the tunnel. */
static __always_inline bool is_tunneled(struct __sk_buff *skb)
{
	struct iphdr *ip = (void *)(long)skb->data + ETH_HLEN;
	struct udphdr *udp = (void *)(ip + 1);

	return CONFIG(enable_overlay) && CONFIG(tunnel_port) && (skb->mark & MARK_TUNNELED) &&
	       (void *)(udp + 1) <= (void *)(long)skb->data_end && ip->protocol == IPPROTO_UDP &&
	       ip->ihl == 5 && udp->dest == CONFIG(tunnel_port) &&
	       ip->saddr == CONFIG(node_ipv4.v4);
}

/* At the ingress of a device of the node. */
SEC("tc")
int from_netdev(struct __sk_buff *skb)
{
	struct flow flow = {};
	struct packet *p = &flow.packet;
	struct iphdr ip;
	__u16 fragment;
	bool to_all, whole;
	int reason, nobody, action = TC_ACT_OK;

	flow.hook = HOOK_FROM_NETDEV;
	if (skb->vlan_present) {
		/* Of a VLAN, whose device has this program, too, or nobody's. */
		if (skb->vlan_tci & VLAN_ID_MASK)
			return TC_ACT_OK;
		/* VLAN 0 is only a priority: the stack takes the tag off and goes on with what is
		 * inside, which is judged here or, below another tag, not at all. */
		if (skb->protocol == bpf_htons(ETH_P_8021Q) ||
		    skb->protocol == bpf_htons(ETH_P_8021AD)) {
			reason = DROP_VLAN;
			goto out;
		}
	}
	/* Pods have no IPv6 from outside yet, and everything else that is not IPv4 is the node's
	 * own. */
	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	if (skb->pkt_type == PACKET_HOST && is_plain_tunnel(skb))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return TC_ACT_OK;
	reason = parse_ipv4(skb, &ip, p);
	if (v4_is_loopback(ip.saddr) || v4_is_loopback(ip.daddr)) {
		reason = DROP_LOOPBACK_ADDRESS;
		goto out;
	}
	if (skb->pkt_type == PACKET_OTHERHOST)
		return TC_ACT_OK;
	to_all = skb->pkt_type != PACKET_HOST;
	fragment = bpf_ntohs(ip.frag_off) & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK);
	whole = (CONFIG(enable_services) || CONFIG(enable_overlay)) && !reason && !fragment &&
		!to_all && !parse_l4(skb, p);
	if (whole && ip.daddr == CONFIG(node_ipv4.v4) && is_tunnel(p))
		return TC_ACT_OK;
	if (CONFIG(enable_services) && whole) {
		reason = hurry_to_service(skb, &flow, &action);
		if (reason)
			goto out;
		if (action != TC_ACT_OK)
			goto forwarded;
	}
	resolve(&p->destination, &flow.destination);
	resolve(&p->source, &flow.source);
	/* Whoever it is for, and however odd the rest of it is: the stack, too, would take it for
	 * what a pod, or the node, has sent. */
	if (flow.source.kind != SIDE_OTHER) {
		reason = DROP_SPOOFED_IP;
		goto out;
	}
	/* From nobody's address, or one that only pods know; or to one of ours in a frame to many
	 * (RFC 1122, 3.3.6). */
	if (to_all || v4_is_multicast(ip.saddr) || ip.saddr == CONFIG(gateway_ipv4)) {
		if (flow.destination.kind == SIDE_OTHER)
			return TC_ACT_OK;
		reason = DROP_MARTIAN;
		goto out;
	}
	if (flow.destination.kind != SIDE_OTHER && nobody_at(&flow.source)) {
		reason = pretender(&flow.source);
		goto out;
	}
	nobody = nobody_at(&flow.destination);
	if (flow.destination.kind == SIDE_OTHER && !CONFIG(enable_services) && !nobody)
		goto stack;
	/* The node's own packets may have IP options, and what it forwards is not for pods; both
	 * are the stack's to judge. */
	if (reason) {
		if (nobody)
			reason = nobody;
		else if (flow.destination.kind != SIDE_POD)
			return TC_ACT_OK;
		goto out;
	}
	if (fragment)
		reason = parse_fragment(skb, p, fragment & IP_OFFSET_MASK, ip.id, 0);
	else
		reason = parse_l4(skb, p);
	if (CONFIG(enable_services) && !reason && flow.destination.kind != SIDE_POD) {
		reason = to_service(skb, &flow, &action);
		if (CONFIG(enable_refusals) && reason == DROP_NO_BACKEND &&
		    stack_refuses(skb, &flow)) {
			/* Counted and told all the same. */
			drop(skb, &flow, reason);
			return TC_ACT_OK;
		}
		if (reason)
			goto out;
		if (flow.service)
			goto forwarded;
	}
	if (nobody) {
		reason = nobody;
		goto out;
	}
	if (flow.destination.kind == SIDE_OTHER)
		goto stack;
	if (flow.destination.kind == SIDE_HOST) {
		if (reason)
			return TC_ACT_OK;
		if (CONFIG(enable_services) && p->kind == PACKET_OPENS)
			service_forget(p);
		reason = to_node(skb, &flow, &action);
	} else if (!reason) {
		reason = to_local_pod(skb, &flow, &action);
	}
	if (reason)
		goto out;
	if (CONFIG(enable_stack) && action == TC_ACT_OK)
		goto stack;
forwarded:
	if (CONFIG(enable_counters) && action != TC_ACT_OK)
		count(DROP_NONE, DIRECTION_INGRESS, skb->len);
	return action;
stack:
	/* It may leave the stack under another address. */
	if (CONFIG(enable_stack))
		stack_note(skb, &flow);
	return TC_ACT_OK;
out:
	return drop(skb, &flow, reason);
}

/* Gives a pod's packet the node's address at this device and the port of its connection. Returns a
 * drop reason. */
VERIFIED_ONCE int masquerade(struct __sk_buff *skb, const struct flow *flow)
{
	struct route route = {.source = CONFIG(node_ipv4.v4)};
	struct rewrite rewrite = {.source = 1};
	int reason;

	if (!flow)
		return DROP_INTERNAL;
	reason = skb->ifindex == CONFIG(uplink_ifindex)
			 ? 0
			 : route_find(skb, 0, flow->packet.destination.v4, &route);
	if (reason)
		return reason;
	rewrite.old_addr = flow->packet.source.v4;
	rewrite.new_addr = route.source;
	rewrite.old_port = flow->packet.source_port;
	rewrite.new_port = flow->nat_port;
	reason = own_fragment_id(skb, &flow->packet);
	return reason ? reason : rewrite_packet(skb, flow, &rewrite);
}

/* Is the packet under the address of the node for the sake of another proxy? */
static __always_inline bool is_masqueraded(const struct flow *flow)
{
	struct endpoint_value *own = bpf_map_lookup_elem(&endpoints, &flow->packet.source);

	return !own || own->endpoint != flow->source.endpoint;
}

/* What a pod sent up the stack and the node forwards now: egress policy is asked about whom it goes
 * to, and it leaves under the node's address. Returns a drop reason. */
static __always_inline int leaves_stack(struct __sk_buff *skb, struct flow *flow)
{
	struct ct_entry *entry;
	int reason = stack_leaves(skb, flow);

	if (reason || !flow->service)
		return reason;
	if (is_masqueraded(flow))
		/* Its connection is the stack's. */
		return flow->packet.kind == PACKET_ERROR
			       ? 0
			       : may_open(flow, false, opener_port(&flow->packet, true));
	entry = stack_entry(flow);
	if (entry && !entry->stack)
		flow->service = 0;
	reason = judge(skb, flow, true);
	if (reason || !flow->nat_port || flow->is_reply)
		return reason;
	return masquerade(skb, flow);
}

/* At the egress of a device of the node, about what the node itself sends: nothing goes out to an
 * address of the cluster that is nobody's, and the answer of a process that is a service's backend
 * gets the frontend's address. Everything else is none of our business. */
SEC("tc")
int to_netdev(struct __sk_buff *skb)
{
	struct flow flow = {};
	struct packet *p = &flow.packet;
	struct rewrite rewrite = {};
	struct ct_entry *entry;
	struct iphdr ip;
	__u16 fragment;
	int reason;

	flow.hook = HOOK_TO_NETDEV;
	/* What came in somewhere was judged and translated there, unless another proxy may have
	 * translated it since. */
	if ((skb->ingress_ifindex && !CONFIG(enable_stack)) ||
	    skb->protocol != bpf_htons(ETH_P_IP) || is_tunneled(skb))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return TC_ACT_OK;
	reason = parse_ipv4(skb, &ip, p);
	if (CONFIG(enable_stack) && skb->ingress_ifindex) {
		resolve(&p->source, &flow.source);
		/* Only pods have come under a policy, and what is under the node's address may be
		 * a pod's. */
		if (flow.source.kind == SIDE_OTHER)
			return TC_ACT_OK;
		if (!reason) {
			fragment = bpf_ntohs(ip.frag_off) & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK);
			reason = fragment ? parse_fragment(skb, p, fragment & IP_OFFSET_MASK, ip.id,
							   flow.source.endpoint)
					  : parse_l4(skb, p);
		}
		if (!reason)
			reason = leaves_stack(skb, &flow);
		return reason ? drop(skb, &flow, reason) : TC_ACT_OK;
	}
	resolve(&p->destination, &flow.destination);
	if (nobody_at(&flow.destination)) {
		resolve(&p->source, &flow.source);
		if (!reason)
			parse_l4(skb, p);
		return drop(skb, &flow, nobody_at(&flow.destination));
	}
	if (!CONFIG(enable_services) || reason)
		return TC_ACT_OK;
	fragment = bpf_ntohs(ip.frag_off);
	if (fragment & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
		reason = parse_fragment(skb, p, fragment & IP_OFFSET_MASK, ip.id, 0);
	else
		reason = parse_l4(skb, p);
	if (!reason && p->kind == PACKET_ERROR)
		reason = parse_quoted(skb, p, true);
	if (reason || (is_tunnel(p) && identity_is_node(flow.destination.identity)) ||
	    service_answer(&flow, &rewrite))
		return TC_ACT_OK;
	/* The client may have opened a connection past the service meanwhile. */
	entry = service_connection(p, p->source_port, &p->destination, p->destination_port);
	if (!entry || (entry->flags & (CT_SERVICE | CT_HOST)) != (CT_SERVICE | CT_HOST))
		return TC_ACT_OK;
	resolve(&p->source, &flow.source);
	/* An error was read as one of its connection since. */
	resolve(&p->destination, &flow.destination);
	if (flow.source.kind != SIDE_HOST)
		return TC_ACT_OK;
	reason = judge(skb, &flow, true);
	if (!reason)
		reason = rewrite_packet(skb, &flow, &rewrite);
	return reason ? drop(skb, &flow, reason) : TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
