// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The program at the node's own devices: what comes from the world, for pods and for the node. */
#include "lib/deliver.h"
#include "lib/fragment.h"
#include "lib/judge.h"
#include "lib/parse.h"
#include "lib/service.h"

#define PACKET_HOST 0

/* Translates the datagram that an ICMP error quotes back to the pod that sent it. The quoted IP
 * header stays consistent, so its change of address and of checksum cancel out in the ICMP
 * checksum. Returns a drop reason. */
VERIFIED_ONCE int rewrite_quoted(struct __sk_buff *skb, const struct flow *flow,
				 const struct rewrite *rewrite)
{
	__be32 old_addr, new_addr;
	__be16 old_port, new_port;
	__u16 inner, l4, port_at;

	if (!flow || !rewrite)
		return DROP_INTERNAL;
	old_addr = rewrite->old_addr;
	new_addr = rewrite->new_addr;
	old_port = rewrite->old_port;
	new_port = rewrite->new_port;
	inner = flow->packet.inner;
	l4 = flow->packet.l4;
	port_at = inner + sizeof(struct iphdr);
	if (flow->packet.protocol == IPPROTO_ICMP)
		port_at += offsetof(struct icmphdr, id);
	if (bpf_l3_csum_replace(skb, inner + offsetof(struct iphdr, check), old_addr, new_addr,
				sizeof(new_addr)) < 0 ||
	    bpf_skb_store_bytes(skb, inner + offsetof(struct iphdr, saddr), &new_addr,
				sizeof(new_addr), 0) < 0)
		return DROP_INTERNAL;
	if (bpf_l4_csum_replace(skb, l4 + offsetof(struct icmphdr, checksum), old_port, new_port,
				sizeof(new_port)) < 0 ||
	    bpf_skb_store_bytes(skb, port_at, &new_port, sizeof(new_port), 0) < 0)
		return DROP_INTERNAL;
	if (bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), old_addr, new_addr,
				sizeof(new_addr)) < 0)
		return DROP_INTERNAL;
	return bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct iphdr, daddr), &new_addr,
				   sizeof(new_addr), 0) < 0
		       ? DROP_INTERNAL
		       : 0;
}

/* To the node's own address: an answer to something that a pod sent out masqueraded, or the node's
 * own business. Returns a drop reason, or 0 and the action. */
VERIFIED_ONCE int to_node(struct __sk_buff *skb, struct flow *flow, int *action)
{
	struct rewrite rewrite = {};
	struct snat_key key = {};
	struct snat_value *pod;
	struct packet *p;
	__be32 destination;
	__u32 ifindex;
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	p = &flow->packet;
	*action = TC_ACT_OK;
	if (!CONFIG(enable_masquerade))
		return 0;
	/* What is about the node's own packets is the stack's to judge. */
	if (p->kind == PACKET_ERROR && parse_quoted(skb, p, false))
		return 0;
	/* A request to the node's own address is the node's, whatever id or port it guesses. */
	if (p->kind == PACKET_OPENS)
		return 0;
	key.remote = p->source;
	key.remote_port = p->protocol == IPPROTO_ICMP ? 0 : p->source_port;
	key.nat_port = p->destination_port;
	key.protocol = p->protocol;
	pod = bpf_map_lookup_elem(&snat, &key);
	if (!pod)
		return 0;
	rewrite.old_addr = p->destination.v4;
	rewrite.old_port = key.nat_port;
	rewrite.new_addr = pod->pod.v4;
	rewrite.new_port = pod->pod_port;
	/* From here on it is the pod's packet; it passes as an answer or not at all. */
	p->destination = pod->pod;
	p->destination_port = pod->pod_port;
	if (p->protocol == IPPROTO_ICMP)
		p->source_port = pod->pod_port;
	resolve(&p->source, &flow->source);
	resolve(&p->destination, &flow->destination);
	if (flow->destination.kind != SIDE_POD || flow->destination.endpoint != pod->endpoint)
		return DROP_WRONG_DESTINATION;
	if (p->kind != PACKET_ERROR)
		p->kind = PACKET_ANSWERS;
	reason = judge(skb, flow);
	if (reason)
		return reason;
	if (flow->service && p->kind == PACKET_ERROR)
		return DROP_ICMP_UNRELATED;
	reason = p->kind == PACKET_ERROR ? rewrite_quoted(skb, flow, &rewrite)
					 : rewrite_v4(skb, flow, &rewrite);
	if (reason)
		return reason;
	ifindex = flow->destination.ifindex;
	destination = rewrite.new_addr;
	/* From a backend in the world. */
	if (CONFIG(enable_services) && flow->service) {
		reason = service_answer(flow, &rewrite);
		if (!reason)
			reason = rewrite_v4(skb, flow, &rewrite);
		if (reason)
			return reason;
	}
	*action = deliver_to_pod(skb, ETH_P_IP, destination, ifindex);
	return 0;
}

/* To a frontend: a node port, or an address of a service. Returns a drop reason, or 0 and the
 * action, which stays as it is when the destination is none. */
VERIFIED_ONCE int to_service(struct __sk_buff *skb, struct flow *flow, int *action)
{
	struct rewrite rewrite = {};
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	reason = service_turn(flow, &rewrite, SERVICE_OUTSIDE);
	if (reason || !flow->service)
		return reason;
	if (flow->source.kind != SIDE_OTHER)
		return DROP_SPOOFED_IP;
	if (identity_is_cluster(flow->source.identity))
		return DROP_UNENCAPSULATED;
	/* Its answers would not come by here. */
	if (flow->destination.kind != SIDE_POD)
		return DROP_NO_ROUTE;
	reason = judge(skb, flow);
	if (reason)
		return reason;
	reason = rewrite_v4(skb, flow, &rewrite);
	if (reason)
		return reason;
	*action = deliver_to_pod(skb, ETH_P_IP, rewrite.new_addr, flow->destination.ifindex);
	return 0;
}

/* To a pod by its own address. Returns a drop reason, or 0 and the action. */
VERIFIED_ONCE int to_local_pod(struct __sk_buff *skb, struct flow *flow, int *action)
{
	struct packet *p;
	int reason;

	if (!flow || !action)
		return DROP_INTERNAL;
	p = &flow->packet;
	/* Pods of other nodes come through the overlay, which says who they are; an address alone
	 * does not. */
	if (identity_is_cluster(flow->source.identity))
		return DROP_UNENCAPSULATED;
	if (p->kind == PACKET_ERROR) {
		reason = parse_quoted(skb, p, false);
		if (reason)
			return reason;
		resolve(&p->source, &flow->source);
		if (flow->source.kind == SIDE_POD)
			return DROP_ICMP_UNRELATED;
	}
	reason = judge(skb, flow);
	if (reason)
		return reason;
	*action = deliver_to_pod(skb, ETH_P_IP, p->destination.v4, flow->destination.ifindex);
	return 0;
}

/* At the ingress of a device of the node. */
SEC("tc")
int from_netdev(struct __sk_buff *skb)
{
	struct flow flow = {};
	struct packet *p = &flow.packet;
	struct iphdr ip;
	__u16 fragment;
	int reason, action = TC_ACT_OK;

	flow.hook = HOOK_FROM_NETDEV;
	/* Pods have no IPv6 from outside yet, and everything else that is not IPv4 is the node's
	 * own. */
	if (skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present)
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return TC_ACT_OK;
	reason = parse_ipv4(skb, &ip, p);
	if (v4_is_loopback(ip.saddr) || v4_is_loopback(ip.daddr)) {
		reason = DROP_LOOPBACK_ADDRESS;
		goto out;
	}
	if (skb->pkt_type != PACKET_HOST)
		return TC_ACT_OK;
	resolve(&p->destination, &flow.destination);
	if (flow.destination.kind == SIDE_OTHER && !CONFIG(enable_services))
		return TC_ACT_OK;
	/* The node's own packets may have IP options, and what it forwards is not for pods; both
	 * are the stack's to judge. */
	if (reason) {
		if (flow.destination.kind != SIDE_POD)
			return TC_ACT_OK;
		goto out;
	}
	resolve(&p->source, &flow.source);
	if (flow.source.kind != SIDE_OTHER && flow.destination.kind != SIDE_OTHER) {
		reason = DROP_SPOOFED_IP;
		goto out;
	}
	fragment = bpf_ntohs(ip.frag_off);
	if (fragment & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
		reason = parse_fragment(skb, p, fragment & IP_OFFSET_MASK, ip.id);
	else
		reason = parse_l4(skb, p);
	if (CONFIG(enable_services) && !reason && flow.destination.kind != SIDE_POD) {
		reason = to_service(skb, &flow, &action);
		if (reason)
			goto out;
		if (flow.service)
			goto forwarded;
	}
	if (flow.destination.kind == SIDE_OTHER)
		return TC_ACT_OK;
	if (flow.destination.kind == SIDE_HOST) {
		if (reason)
			return TC_ACT_OK;
		reason = to_node(skb, &flow, &action);
	} else if (!reason) {
		reason = to_local_pod(skb, &flow, &action);
	}
	if (reason)
		goto out;
forwarded:
	if (CONFIG(enable_counters) && action != TC_ACT_OK)
		count(DROP_NONE, DIRECTION_INGRESS, skb->len);
	return action;
out:
	return drop(skb, &flow, reason);
}

char _license[] SEC("license") = "Dual BSD/GPL";
