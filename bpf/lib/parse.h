// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From bytes to a tuple. What cannot be read whole is dropped, never guessed. */
#pragma once

#include "packet.h"

/* Bytes of the packet itself, never of padding: a receiver would not find them. */
static __always_inline bool load(struct __sk_buff *skb, const struct packet *p, __u32 offset,
				 void *to, __u32 length)
{
	return offset + length <= p->end && bpf_skb_load_bytes(skb, offset, to, length) == 0;
}

/* The IPv4 header. Most often it is in the linear part of the buffer, where it costs no call. */
static __always_inline bool load_ipv4(struct __sk_buff *skb, struct iphdr *ip)
{
	struct iphdr *at = (void *)(long)skb->data + ETH_HLEN;

	if ((void *)(at + 1) <= (void *)(long)skb->data_end) {
		*ip = *at;
		return true;
	}
	return bpf_skb_load_bytes(skb, ETH_HLEN, ip, sizeof(*ip)) == 0;
}

/* The same of a TCP header, behind an IPv4 header. */
static __always_inline bool load_tcp(struct __sk_buff *skb, const struct packet *p,
				     struct tcphdr *tcp)
{
	struct tcphdr *at = (void *)(long)skb->data + ETH_HLEN + sizeof(struct iphdr);

	if (p->l4 == ETH_HLEN + sizeof(struct iphdr) && p->l4 + sizeof(*tcp) <= p->end &&
	    (void *)(at + 1) <= (void *)(long)skb->data_end) {
		*tcp = *at;
		return true;
	}
	return load(skb, p, p->l4, tcp, sizeof(*tcp));
}

/* The transport header at p->l4; p->protocol is set. Returns a drop reason. */
VERIFIED_ONCE int parse_l4(struct __sk_buff *skb, struct packet *p)
{
	__u16 l4;

	if (!p)
		return DROP_INTERNAL;
	l4 = p->l4;
	switch (p->protocol) {
	case IPPROTO_TCP: {
		struct tcphdr tcp;

		if (!load_tcp(skb, p, &tcp))
			return DROP_MALFORMED;
		if (tcp.doff < 5)
			return DROP_MALFORMED;
		p->source_port = tcp.source;
		p->destination_port = tcp.dest;
		p->policy_port = tcp.dest;
		p->sequence = bpf_ntohl(tcp.seq);
		p->acknowledgement = bpf_ntohl(tcp.ack_seq);
		p->tcp_flags = ((__u8 *)&tcp)[13];
		if ((p->tcp_flags & TCP_SYN) && (p->tcp_flags & (TCP_FIN | TCP_RST)))
			return DROP_MALFORMED;
		if (!(p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)))
			return DROP_MALFORMED;
		p->kind = (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? PACKET_OPENS
									  : PACKET_CONTINUES;
		return 0;
	}
	case IPPROTO_UDP: {
		struct udphdr udp;

		if (!load(skb, p, l4, &udp, sizeof(udp)))
			return DROP_MALFORMED;
		p->source_port = udp.source;
		p->destination_port = udp.dest;
		p->policy_port = udp.dest;
		p->kind = PACKET_PLAIN;
		return 0;
	}
	case IPPROTO_SCTP: {
		struct sctphdr sctp;

		if (!load(skb, p, l4, &sctp, sizeof(sctp)))
			return DROP_MALFORMED;
		p->source_port = sctp.source;
		p->destination_port = sctp.destination;
		p->policy_port = sctp.destination;
		p->kind = sctp.chunk == SCTP_INIT ? PACKET_OPENS : PACKET_CONTINUES;
		return 0;
	}
	case IPPROTO_ICMP: {
		struct icmphdr icmp;

		if (p->ethertype != ETH_P_IP)
			return DROP_UNKNOWN_L4;
		if (!load(skb, p, l4, &icmp, sizeof(icmp)))
			return DROP_MALFORMED;
		p->policy_port = bpf_htons((__u16)icmp.type << 8);
		p->source_port = icmp.id;
		p->destination_port = icmp.id;
		switch (icmp.type) {
		/* The only query: with a second one, conntrack would have to tell them apart, or
		 * the leave to send the one would be leave to send the other. */
		case ICMP_ECHO:
			p->kind = PACKET_OPENS;
			return 0;
		case ICMP_ECHOREPLY:
			p->policy_port = bpf_htons(ICMP_ECHO << 8);
			p->kind = PACKET_ANSWERS;
			return 0;
		case ICMP_DEST_UNREACH:
		case ICMP_TIME_EXCEEDED:
		case ICMP_PARAMETERPROB:
			p->kind = PACKET_ERROR;
			p->inner = l4 + sizeof(icmp);
			return 0;
		case ICMP_REDIRECT:
			return DROP_ICMP_REDIRECT;
		default:
			return DROP_ICMP_UNRELATED;
		}
	}
	case IPPROTO_ICMPV6: {
		struct icmp6hdr icmp;

		if (!CONFIG(enable_ipv6) || p->ethertype != ETH_P_IPV6)
			return DROP_UNKNOWN_L4;
		if (!load(skb, p, l4, &icmp, sizeof(icmp)))
			return DROP_MALFORMED;
		p->policy_port = bpf_htons((__u16)icmp.icmp6_type << 8);
		p->source_port = icmp.icmp6_dataun.u_echo.identifier;
		p->destination_port = icmp.icmp6_dataun.u_echo.identifier;
		switch (icmp.icmp6_type) {
		case ICMPV6_ECHO_REQUEST:
			p->kind = PACKET_OPENS;
			return 0;
		case ICMPV6_ECHO_REPLY:
			p->policy_port = bpf_htons(ICMPV6_ECHO_REQUEST << 8);
			p->kind = PACKET_ANSWERS;
			return 0;
		case ICMPV6_DEST_UNREACH:
		case ICMPV6_PKT_TOOBIG:
		case ICMPV6_TIME_EXCEED:
		case ICMPV6_PARAMPROB:
			p->kind = PACKET_ERROR;
			p->inner = l4 + sizeof(icmp);
			return 0;
		case 134: /* router advertisement */
			return DROP_ROUTER_ADVERTISEMENT;
		case 137: /* redirect */
			return DROP_ICMP_REDIRECT;
		default:
			return DROP_ICMP_UNRELATED;
		}
	}
	default:
		return DROP_UNKNOWN_L4;
	}
}

/* IPv4 header: addresses, protocol, offset of the transport header. Returns a drop reason. */
static __always_inline int parse_ipv4(struct __sk_buff *skb, const struct iphdr *ip,
				      struct packet *p)
{
	__u16 total = bpf_ntohs(ip->tot_len);

	p->ethertype = ETH_P_IP;
	addr_set_v4(&p->source, ip->saddr);
	addr_set_v4(&p->destination, ip->daddr);
	p->protocol = ip->protocol;
	p->ttl = ip->ttl;
	p->l4 = ETH_HLEN + sizeof(*ip);
	p->end = ETH_HLEN + total;
	if (ip->version != 4 || total < sizeof(*ip))
		return DROP_MALFORMED;
	if (ip->ihl != 5)
		return ip->ihl < 5 ? DROP_MALFORMED : DROP_IP_OPTIONS;
	/* A segment of BIG TCP says 0 here and is malformed, too: pods are not offered them. */
	if (total + ETH_HLEN > skb->len)
		return DROP_MALFORMED;
	return 0;
}

/* The connection that an ICMP error quotes, turned round so that it reads like a packet of the
 * error's sender: source is who received the quoted packet, destination is who sent it and gets the
 * error. Returns a drop reason. */
VERIFIED_ONCE int parse_quoted(struct __sk_buff *skb, struct packet *p, bool source_is_receiver)
{
	__u8 protocol;
	__u16 l4;
	__be16 ports[2];
	union addr sender, receiver;

	if (!p)
		return DROP_INTERNAL;
	if (!CONFIG(enable_icmp_errors))
		return DROP_ICMP_UNRELATED;
	if (p->ethertype == ETH_P_IP) {
		struct iphdr ip;

		if (!load(skb, p, p->inner, &ip, sizeof(ip)))
			return DROP_MALFORMED;
		if (ip.version != 4 || ip.ihl != 5 || (ip.frag_off & bpf_htons(IP_OFFSET_MASK)))
			return DROP_ICMP_UNRELATED;
		addr_set_v4(&sender, ip.saddr);
		addr_set_v4(&receiver, ip.daddr);
		protocol = ip.protocol;
		l4 = p->inner + sizeof(ip);
	} else if (CONFIG(enable_ipv6)) {
		struct ipv6hdr ip;

		if (!load(skb, p, p->inner, &ip, sizeof(ip)))
			return DROP_MALFORMED;
		__builtin_memcpy(&sender, &ip.saddr, sizeof(sender));
		__builtin_memcpy(&receiver, &ip.daddr, sizeof(receiver));
		protocol = ip.nexthdr;
		l4 = p->inner + sizeof(ip);
	} else {
		return DROP_IPV6_DISABLED;
	}
	/* The error goes to whom it is about, and from a pod only about what that pod received. */
	if (!addr_equal(&sender, &p->destination))
		return DROP_ICMP_UNRELATED;
	if (source_is_receiver && !addr_equal(&receiver, &p->source))
		return DROP_ICMP_UNRELATED;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		l4 += 4; /* type, code, checksum; then the id */
	if (!load(skb, p, l4, ports, sizeof(ports)))
		return DROP_MALFORMED;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		ports[1] = ports[0];
		p->policy_port = bpf_htons(
			(protocol == IPPROTO_ICMP ? ICMP_ECHO : ICMPV6_ECHO_REQUEST) << 8);
	} else if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP) {
		return DROP_ICMP_UNRELATED;
	}
	p->source = receiver;
	p->destination = sender;
	p->source_port = ports[1];
	p->destination_port = ports[0];
	p->protocol = protocol;
	return 0;
}
