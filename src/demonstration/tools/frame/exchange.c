// SPDX-License-Identifier: Apache-2.0
/*
 * exchange: a whole conversation in frames of one's own making, addressed to a MAC: what somebody
 * with nothing but CAP_NET_RAW can do to whoever is next on the wire. TCP: SYN, SYN-ACK, ACK, data,
 * answer; UDP: data, answer. The kernel's own sockets have no part in it.
 */
#define _GNU_SOURCE
#include "frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* Between two attempts to be heard. */
#define RETRY_S 0.2
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

struct conversation {
	int fd;
	struct ethhdr ethernet;
	struct sockaddr_ll link;
	struct sockaddr_in from;
	struct sockaddr_in to;
	bool udp;
	bool established;
	bool over;
	uint32_t sequence;
	uint32_t expected;
	const char *state; /* silent, refused, open, answered */
	long frames;
	uint8_t answer[MAX_ANSWER];
	size_t length;
};

static uint32_t add(uint32_t sum, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}

/* Of TCP and UDP: with the addresses, the protocol and the length. */
static uint16_t transport_checksum(const struct iphdr *ip, const void *data, size_t length)
{
	uint32_t sum = add(add(0, &ip->saddr, 4), &ip->daddr, 4) + ip->protocol + length;
	uint16_t checksum = fold(add(sum, data, length));

	return checksum ? checksum : 0xffff;
}

static void transmit(struct conversation *talk, const void *segment, size_t length)
{
	uint8_t frame[sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct tcphdr) +
		      MAX_PAYLOAD];
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(sizeof(ip) + length),
		.ttl = 64,
		.protocol = talk->udp ? IPPROTO_UDP : IPPROTO_TCP,
		.saddr = talk->from.sin_addr.s_addr,
		.daddr = talk->to.sin_addr.s_addr,
	};
	uint8_t *at = frame + sizeof(talk->ethernet);
	uint16_t checksum;

	ip.check = fold(add(0, &ip, sizeof(ip)));
	memcpy(frame, &talk->ethernet, sizeof(talk->ethernet));
	memcpy(at, &ip, sizeof(ip));
	at += sizeof(ip);
	memcpy(at, segment, length);
	checksum = transport_checksum(&ip, at, length);
	memcpy(at + (talk->udp ? offsetof(struct udphdr, uh_sum) : offsetof(struct tcphdr, th_sum)),
	       &checksum, sizeof(checksum));
	if (sendto(talk->fd, frame, at + length - frame, 0, (struct sockaddr *)&talk->link,
		   sizeof(talk->link)) < 0)
		die("send on the device: %s", strerror(errno));
	talk->frames++;
}

static void say_tcp(struct conversation *talk, uint8_t flags, const struct bytes *data)
{
	uint8_t segment[sizeof(struct tcphdr) + MAX_PAYLOAD] = {};
	struct tcphdr header = {
		.th_sport = talk->from.sin_port,
		.th_dport = talk->to.sin_port,
		.th_seq = htonl(talk->sequence),
		.th_ack = flags & TH_ACK ? htonl(talk->expected) : 0,
		.th_off = sizeof(header) / 4,
		.th_flags = flags,
		.th_win = htons(65535),
	};
	size_t length = data ? data->length : 0;

	memcpy(segment, &header, sizeof(header));
	if (length)
		memcpy(segment + sizeof(header), data->data, length);
	transmit(talk, segment, sizeof(header) + length);
}

static void say_udp(struct conversation *talk, const struct bytes *data)
{
	uint8_t datagram[sizeof(struct udphdr) + MAX_PAYLOAD];
	struct udphdr header = {
		.uh_sport = talk->from.sin_port,
		.uh_dport = talk->to.sin_port,
		.uh_ulen = htons(sizeof(header) + data->length),
	};

	memcpy(datagram, &header, sizeof(header));
	memcpy(datagram + sizeof(header), data->data, data->length);
	transmit(talk, datagram, sizeof(header) + data->length);
}

static void keep(struct conversation *talk, const uint8_t *data, size_t length)
{
	size_t room = sizeof(talk->answer) - talk->length;

	if (length > room)
		length = room;
	memcpy(talk->answer + talk->length, data, length);
	talk->length += length;
	if (length)
		talk->state = "answered";
}

static void hear_tcp(struct conversation *talk, const struct bytes *question, const uint8_t *data,
		     size_t length)
{
	struct tcphdr header;
	size_t size, skip;

	if (length < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	skip = header.th_off * 4;
	if (header.th_sport != talk->to.sin_port || header.th_dport != talk->from.sin_port ||
	    skip > length)
		return;
	size = length - skip;
	if (header.th_flags & TH_RST) {
		if (!talk->established)
			talk->state = "refused";
		talk->over = true;
		return;
	}
	if (!talk->established) {
		if ((header.th_flags & (TH_SYN | TH_ACK)) != (TH_SYN | TH_ACK) ||
		    ntohl(header.th_ack) != talk->sequence + 1)
			return;
		talk->established = true;
		talk->state = "open";
		talk->sequence++;
		talk->expected = ntohl(header.th_seq) + 1;
		say_tcp(talk, TH_ACK, NULL);
		say_tcp(talk, TH_ACK | TH_PUSH, question);
		talk->sequence += question->length;
		return;
	}
	if (ntohl(header.th_seq) != talk->expected)
		return;
	keep(talk, data + skip, size);
	talk->expected += size + !!(header.th_flags & TH_FIN);
	if (size || header.th_flags & TH_FIN)
		say_tcp(talk, TH_ACK, NULL);
	talk->over = header.th_flags & TH_FIN;
}

static void hear_udp(struct conversation *talk, const uint8_t *data, size_t length)
{
	struct udphdr header;

	if (length < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	if (header.uh_sport != talk->to.sin_port || header.uh_dport != talk->from.sin_port)
		return;
	keep(talk, data + sizeof(header), length - sizeof(header));
	talk->over = true;
}

/* One frame of the device. What is not of this conversation is somebody else's. */
static void hear(struct conversation *talk, const struct bytes *question)
{
	uint8_t frame[65536];
	ssize_t length = recv(talk->fd, frame, sizeof(frame), MSG_DONTWAIT);
	struct iphdr ip;
	size_t skip, total;

	if (length < (ssize_t)(sizeof(struct ethhdr) + sizeof(ip)))
		return;
	memcpy(&ip, frame + sizeof(struct ethhdr), sizeof(ip));
	skip = ip.ihl * 4;
	total = ntohs(ip.tot_len);
	if (ip.saddr != talk->to.sin_addr.s_addr || ip.daddr != talk->from.sin_addr.s_addr ||
	    total < skip || total > length - sizeof(struct ethhdr))
		return;
	if (talk->udp && ip.protocol == IPPROTO_UDP)
		hear_udp(talk, frame + sizeof(struct ethhdr) + skip, total - skip);
	else if (!talk->udp && ip.protocol == IPPROTO_TCP)
		hear_tcp(talk, question, frame + sizeof(struct ethhdr) + skip, total - skip);
}

static void open_device(struct conversation *talk, const struct options *options)
{
	struct ifreq request = {};
	uint8_t *to = talk->ethernet.h_dest;
	int on = 1;

	if (options->device_count != 1 || !options->ether || !options->from)
		die("exchange wants --device, --ether and --from");
	if (sscanf(options->ether, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2], &to[3],
		   &to[4], &to[5]) != 6)
		die("--ether wants a MAC");
	if (inet_pton(AF_INET, options->from, &talk->from.sin_addr) != 1)
		die("--from wants ADDRESS");
	talk->fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (talk->fd < 0)
		die("AF_PACKET socket: %s", strerror(errno));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", options->devices[0]);
	if (ioctl(talk->fd, SIOCGIFHWADDR, &request) < 0)
		die("there is no device %s", options->devices[0]);
	memcpy(talk->ethernet.h_source, request.ifr_hwaddr.sa_data, ETH_ALEN);
	talk->ethernet.h_proto = htons(ETH_P_IP);
	talk->link = (struct sockaddr_ll){
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = if_nametoindex(options->devices[0]),
		.sll_halen = ETH_ALEN,
	};
	memcpy(talk->link.sll_addr, to, ETH_ALEN);
	if (setsockopt(talk->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    bind(talk->fd, (struct sockaddr *)&talk->link, sizeof(talk->link)) < 0)
		die("bind to %s: %s", options->devices[0], strerror(errno));
}

/* With what privileges all this was done, as the kernel says it. */
static void print_capabilities(void)
{
	char line[256], value[32] = "";
	FILE *status = fopen("/proc/self/status", "r");

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %31[0-9a-f]", value) == 1)
			break;
	if (status)
		fclose(status);
	printf(",\"capabilities\":\"%s\"}\n", value);
}

int run_exchange(const struct options *options)
{
	struct conversation talk = {.udp = options->udp, .state = "silent"};
	double deadline = now() + options->timeout, again = 0;
	uint16_t port;

	talk.to = parse_end("to", options->to);
	open_device(&talk, options);
	if (!options->payload.length)
		die("--data says what to ask");
	if (getrandom(&talk.sequence, sizeof(talk.sequence), 0) < 0 ||
	    getrandom(&port, sizeof(port), 0) < 0)
		die("getrandom: %s", strerror(errno));
	talk.from.sin_port =
		htons(options->source_port ? options->source_port : 20000 + port % 10000);
	while (!talk.over && now() < deadline) {
		struct pollfd polled = {talk.fd, POLLIN, 0};

		if (!talk.established && !talk.length && now() >= again) {
			if (talk.udp)
				say_udp(&talk, &options->payload);
			else
				say_tcp(&talk, TH_SYN, NULL);
			again = now() + RETRY_S;
		}
		if (poll(&polled, 1, 10) > 0)
			hear(&talk, &options->payload);
	}
	if (talk.established)
		say_tcp(&talk, TH_RST | TH_ACK, NULL);
	printf("{\"state\":\"%s\",\"frames\":%ld,\"answer\":", talk.state, talk.frames);
	print_hex(talk.answer, talk.length);
	print_capabilities();
	return 0;
}
