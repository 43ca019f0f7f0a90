// SPDX-License-Identifier: Apache-2.0
/*
 * count: frames that really arrive. With --device, as the device hands them to its namespace; with
 * --local, as the IP stack delivers them to this host. A frame counts for every pattern that it
 * contains. `lost` is what the socket could not hold: a zero elsewhere means nothing unless it is
 * zero too.
 */
#define _GNU_SOURCE
#include "frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BUFFER (16 << 20)
/* Frames taken from one socket before the others and standard input get their turn. */
#define BATCH 1024
/* Of batches before a report: more than a receive buffer holds, and not for ever. */
#define MOST_TURNS 32
/* Where linux/if_packet.h is older. */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

static const int LOCAL_PROTOCOLS[] = {IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};

enum { MAX_SOCKETS = MAX_DEVICES + sizeof(LOCAL_PROTOCOLS) / sizeof(LOCAL_PROTOCOLS[0]) };

struct counters {
	long seen;
	long lost;
	long matches[MAX_PATTERNS];
};

static void print_report(const struct options *options, const struct counters *counters)
{
	printf("{\"seen\":%ld,\"lost\":%ld,\"matches\":{", counters->seen, counters->lost);
	for (int p = 0; p < options->pattern_count; p++)
		printf("%s\"%s\":%ld", p ? "," : "", options->patterns[p].name,
		       counters->matches[p]);
	puts("}}");
}

static void enlarge(int fd)
{
	int size = RECEIVE_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

static int open_device(const struct options *options, const char *name,
		       const struct counters *counters)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int on = 1, fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		die("AF_PACKET socket: %s", strerror(errno));
	enlarge(fd);
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
		die("PACKET_IGNORE_OUTGOING: %s", strerror(errno));
	while (!(at.sll_ifindex = if_nametoindex(name))) {
		enum order order = read_order();

		if (!options->wait || is_over(options) || order == ORDER_STOP)
			die("there is no device %s", name);
		if (order == ORDER_REPORT)
			print_report(options, counters);
		usleep(50);
	}
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("bind to %s: %s", name, strerror(errno));
	return fd;
}

static int open_local(int protocol)
{
	int fd = socket(AF_INET, SOCK_RAW, protocol);

	if (fd < 0)
		die("raw socket: %s", strerror(errno));
	enlarge(fd);
	return fd;
}

static void drain(const struct options *options, int fd, struct counters *counters)
{
	static uint8_t frame[65536];

	for (int i = 0; i < BATCH; i++) {
		ssize_t length = recv(fd, frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);
		size_t held;

		if (length < 0 && errno == EAGAIN)
			return;
		/* ENETDOWN says once that the device has gone down; it may come back. */
		if (length < 0)
			continue;
		held = (size_t)length < sizeof(frame) ? (size_t)length : sizeof(frame);
		counters->seen++;
		for (int p = 0; p < options->pattern_count; p++) {
			const struct bytes *bytes = &options->patterns[p].bytes;

			if (memmem(frame, held, bytes->data, bytes->length))
				counters->matches[p]++;
		}
	}
}

/* The kernel counts from the last time it was asked. */
static void add_losses(const struct pollfd *sockets, int count, struct counters *counters)
{
	for (int i = 0; i < count; i++) {
		struct tpacket_stats stats = {};
		socklen_t length = sizeof(stats);

		if (getsockopt(sockets[i].fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0)
			counters->lost += stats.tp_drops;
	}
}

int run_count(const struct options *options)
{
	struct counters counters = {};
	struct pollfd sockets[MAX_SOCKETS + 1];
	int count = 0;

	for (int i = 0; i < options->device_count; i++)
		sockets[count++] = (struct pollfd){
			open_device(options, options->devices[i], &counters), POLLIN, 0};
	for (size_t i = 0; options->local && i < sizeof(LOCAL_PROTOCOLS) / sizeof(int); i++)
		sockets[count++] = (struct pollfd){open_local(LOCAL_PROTOCOLS[i]), POLLIN, 0};
	if (count == 0)
		die("nothing to count on: give --device or --local");
	sockets[count] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
	/* From here on nothing is missed: whoever waits for this line may begin. */
	if (!options->wait)
		print_report(options, &counters);
	while (!is_over(options)) {
		enum order order = ORDER_NONE;

		poll(sockets, count + 1, 100);
		if (sockets[count].revents)
			order = read_order();
		/* A report tells of all that has arrived before it was asked for. */
		for (int turn = 0; turn < (order == ORDER_NONE ? 1 : MOST_TURNS); turn++)
			for (int i = 0; i < count; i++)
				drain(options, sockets[i].fd, &counters);
		if (order == ORDER_STOP)
			break;
		if (order == ORDER_REPORT) {
			add_losses(sockets, count, &counters);
			print_report(options, &counters);
		}
	}
	add_losses(sockets, count, &counters);
	print_report(options, &counters);
	return 0;
}
