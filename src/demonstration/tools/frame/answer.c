// SPDX-License-Identifier: Apache-2.0
/*
 * answer: a server at one address and port, for TCP and UDP alike. To whatever comes it says its
 * own data, a blank and who asked; with --dns, to a query for an address, the four bytes of data.
 * It tells whom it has seen.
 */
#define _GNU_SOURCE
#include "frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The newest. */
#define MAX_PEERS 16
/* A connection that says nothing is closed after this time, in ms. */
#define PATIENCE_MS 500

struct seen {
	long connections;
	long datagrams;
	long bytes;
	struct sockaddr_in peers[MAX_PEERS];
	long peer_count;
};

static int peer_text(const struct sockaddr_in *peer, char *text, size_t size)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &peer->sin_addr, address, sizeof(address));
	return snprintf(text, size, "%s:%u", address, ntohs(peer->sin_port));
}

static void print_seen(const struct seen *seen)
{
	long first = seen->peer_count > MAX_PEERS ? seen->peer_count - MAX_PEERS : 0;

	printf("{\"connections\":%ld,\"datagrams\":%ld,\"bytes\":%ld,\"peers\":[",
	       seen->connections, seen->datagrams, seen->bytes);
	for (long i = first; i < seen->peer_count; i++) {
		char text[32];

		peer_text(&seen->peers[i % MAX_PEERS], text, sizeof(text));
		printf("%s\"%s\"", i > first ? "," : "", text);
	}
	puts("]}");
}

/* The header with the flags of an answer, the question, and one record: a pointer to the name of
 * the question, A, IN, 60 s, the address (RFC 1035, 4.1). Zero: that is no query. */
static size_t answer_dns(const struct options *options, const uint8_t *query, size_t length,
			 uint8_t *answer)
{
	static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
	size_t end = 12;

	if (length < 12 || query[2] & 0x80 || query[4] || query[5] != 1 ||
	    options->payload.length != 4)
		return 0;
	while (end < length && query[end])
		end += query[end] + 1u;
	end += 5;
	if (end > length || end + sizeof(record) + 4 > MAX_ANSWER)
		return 0;
	memcpy(answer, query, end);
	answer[2] |= 0x80;
	answer[3] = 0x80;
	answer[7] = 1;
	memset(answer + 8, 0, 4);
	memcpy(answer + end, record, sizeof(record));
	memcpy(answer + end + sizeof(record), options->payload.data, 4);
	return end + sizeof(record) + 4;
}

static size_t compose(const struct options *options, const struct sockaddr_in *peer,
		      const uint8_t *query, size_t length, uint8_t *answer)
{
	size_t size = options->payload.length;

	if (options->dns)
		return answer_dns(options, query, length, answer);
	memcpy(answer, options->payload.data, size);
	answer[size++] = ' ';
	return size + peer_text(peer, (char *)answer + size, MAX_ANSWER - size);
}

static void remember(struct seen *seen, const struct sockaddr_in *peer, ssize_t length)
{
	seen->peers[seen->peer_count++ % MAX_PEERS] = *peer;
	seen->bytes += length > 0 ? length : 0;
}

static void answer_connection(const struct options *options, int listener, struct seen *seen)
{
	uint8_t query[MAX_PAYLOAD], answer[MAX_ANSWER];
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
	struct pollfd polled = {fd, POLLIN, 0};
	ssize_t length = 0;

	if (fd < 0)
		return;
	seen->connections++;
	if (poll(&polled, 1, PATIENCE_MS) > 0)
		length = recv(fd, query, sizeof(query), 0);
	remember(seen, &peer, length);
	if (length > 0)
		send(fd, answer, compose(options, &peer, query, length, answer), MSG_NOSIGNAL);
	close(fd);
}

static void answer_datagram(const struct options *options, int fd, struct seen *seen)
{
	uint8_t query[MAX_PAYLOAD], answer[MAX_ANSWER];
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	ssize_t length =
		recvfrom(fd, query, sizeof(query), MSG_DONTWAIT, (struct sockaddr *)&peer, &size);
	size_t composed;

	if (length < 0)
		return;
	seen->datagrams++;
	remember(seen, &peer, length);
	composed = compose(options, &peer, query, length, answer);
	if (composed)
		sendto(fd, answer, composed, 0, (struct sockaddr *)&peer, size);
}

static int open_bound(int type, const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		die("socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) < 0)
		die("bind: %s", strerror(errno));
	return fd;
}

int run_answer(const struct options *options)
{
	struct sockaddr_in at = parse_end("at", options->at);
	int listener = open_bound(SOCK_STREAM, &at), datagrams = open_bound(SOCK_DGRAM, &at);
	struct seen seen = {};

	if (!options->payload.length)
		die("--data says what to answer");
	if (listen(listener, 128) < 0)
		die("listen: %s", strerror(errno));
	/* Whoever waits for this line may ask. */
	print_seen(&seen);
	while (!is_over(options)) {
		struct pollfd polled[] = {
			{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}, {datagrams, POLLIN, 0}};
		enum order order = ORDER_NONE;

		poll(polled, 3, 100);
		if (polled[1].revents)
			answer_connection(options, listener, &seen);
		if (polled[2].revents)
			answer_datagram(options, datagrams, &seen);
		if (polled[0].revents)
			order = read_order();
		if (order == ORDER_STOP)
			break;
		if (order == ORDER_REPORT)
			print_seen(&seen);
	}
	print_seen(&seen);
	return 0;
}
