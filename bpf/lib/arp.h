// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ARP from a pod: it may ask for its gateway, and is answered here. Nothing else leaves its device.
 */
#pragma once

/* RFC 826; linux/if_arp.h needs headers of the C library. */
#define ARPHRD_ETHER 1
#define ARPOP_REQUEST 1
#define ARPOP_REPLY 2

#include "flow.h"
#include "packet.h"

struct arp_ipv4 {
	__be16 hardware_type;
	__be16 protocol_type;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender_ip[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target_ip[4];
} __attribute__((packed));

/* Answers, or returns a drop reason. */
VERIFIED_ONCE int answer_arp(struct __sk_buff *skb, int *action)
{
	void *data, *end;
	struct ethhdr *eth;
	struct arp_ipv4 *arp;
	__be32 sender, target, own = CONFIG(ipv4.v4), gateway = CONFIG(gateway_ipv4);

	if (!action || !pull(skb, ETH_HLEN + sizeof(*arp)))
		return DROP_MALFORMED;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	eth = data;
	arp = (void *)(eth + 1);
	if ((void *)(arp + 1) > end)
		return DROP_MALFORMED;
	if (arp->hardware_type != bpf_htons(ARPHRD_ETHER) ||
	    arp->protocol_type != bpf_htons(ETH_P_IP) || arp->hardware_length != ETH_ALEN ||
	    arp->protocol_length != 4)
		return DROP_MALFORMED;
	__builtin_memcpy(&sender, arp->sender_ip, 4);
	__builtin_memcpy(&target, arp->target_ip, 4);
	if (sender != own && sender != 0)
		return DROP_ARP_FOREIGN;
	if (!mac_equal(arp->sender_mac, eth->h_source))
		return DROP_ARP_FOREIGN;
	if (arp->operation != bpf_htons(ARPOP_REQUEST))
		return DROP_ARP_UNEXPECTED;
	if (target != gateway)
		return DROP_ARP_FOREIGN;
	arp->operation = bpf_htons(ARPOP_REPLY);
	__builtin_memcpy(arp->target_mac, arp->sender_mac, ETH_ALEN);
	__builtin_memcpy(arp->target_ip, &sender, 4);
	mac_copy(arp->sender_mac, config.gateway_mac);
	__builtin_memcpy(arp->sender_ip, &gateway, 4);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	mac_copy(eth->h_source, config.gateway_mac);
	bpf_skb_change_type(skb, 0 /* PACKET_HOST */);
	/* Into the pod at the other end of this very pair. */
	*action = bpf_redirect_peer(CONFIG(ifindex), 0);
	return 0;
}
