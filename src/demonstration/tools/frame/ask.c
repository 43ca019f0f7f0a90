// SPDX-License-Identifier: Apache-2.0
/*
 * ask: one question through the kernel's own sockets, as any program does it, and what came back.
 * `peer` is whom the socket says that it talks to.
 */
#define _GNU_SOURCE
#include "frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct result {
	const char *state; /* answered, silent, or the name of an error */
	uint8_t answer[MAX_ANSWER];
	size_t length;
	struct sockaddr_in peer;
	struct sockaddr_in local;
	double took; /* seconds, from the question to the end of the answer */
};

/* An address as the socket's family has it. */
struct end {
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t size;
};

static struct end end_of(const struct options *options, const struct sockaddr_in *address)
{
	struct end end = {.v4 = *address, .size = sizeof(end.v4)};

	if (options->mapped) {
		end.size = sizeof(end.v6);
		end.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
					       .sin6_port = address->sin_port};
		end.v6.sin6_addr.s6_addr[10] = end.v6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(end.v6.sin6_addr.s6_addr + 12, &address->sin_addr, 4);
	}
	return end;
}

static struct sockaddr_in unmapped(const struct end *end)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = end->v6.sin6_port};

	if (end->v4.sin_family != AF_INET6)
		return end->v4;
	memcpy(&address.sin_addr, end->v6.sin6_addr.s6_addr + 12, 4);
	return address;
}

static void print_end(const char *name, const struct sockaddr_in *end)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &end->sin_addr, address, sizeof(address));
	printf(",\"%s\":\"%s:%u\"", name, address, ntohs(end->sin_port));
}

static void print_result(const struct result *result)
{
	printf("{\"state\":\"%s\",\"answer\":", result->state);
	print_hex(result->answer, result->length);
	print_end("peer", &result->peer);
	print_end("local", &result->local);
	printf(",\"tookMs\":%.3f}\n", result->took * 1000);
}

/* Waits for the event until the time of the attempt is over. */
static bool wait_for(int fd, short events, double deadline)
{
	struct pollfd polled = {fd, events, 0};
	double left = deadline - now();

	return left > 0 && poll(&polled, 1, left * 1000 + 1) > 0;
}

/* Sends the question; the name of an error, or nothing. */
static const char *put_question(const struct options *options, int fd, const struct end *to,
				double deadline)
{
	const struct bytes *data = &options->payload;
	int error = 0;
	socklen_t size = sizeof(error);

	/* Without connect: what most resolvers do not do, and every other program may. */
	if (options->udp)
		return sendto(fd, data->data, data->length, 0, (const struct sockaddr *)&to->v4,
			      to->size) < 0
			       ? strerrorname_np(errno)
			       : NULL;
	if (connect(fd, (const struct sockaddr *)&to->v4, to->size) < 0 && errno != EINPROGRESS)
		return strerrorname_np(errno);
	if (!wait_for(fd, POLLOUT, deadline))
		return "silent";
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error)
		return strerrorname_np(error);
	return send(fd, data->data, data->length, MSG_NOSIGNAL) < 0 ? strerrorname_np(errno) : NULL;
}

/* Of TCP all that comes to the end of the connection, of UDP one datagram. */
static void take_answer(const struct options *options, int fd, struct result *result,
			double deadline)
{
	struct end peer = {.size = sizeof(peer.v6)};

	while (wait_for(fd, POLLIN, deadline)) {
		ssize_t length = recvfrom(fd, result->answer + result->length,
					  sizeof(result->answer) - result->length, 0,
					  options->udp ? (struct sockaddr *)&peer.v4 : NULL,
					  options->udp ? &peer.size : NULL);

		if (length < 0) {
			result->state = strerrorname_np(errno);
			return;
		}
		result->length += length;
		if (length > 0)
			result->state = "answered";
		if (options->udp)
			result->peer = unmapped(&peer);
		if (options->udp || length == 0)
			return;
	}
}

int run_ask(const struct options *options)
{
	struct sockaddr_in address = parse_end("to", options->to);
	struct end to = end_of(options, &address), from, other = {};
	int family = options->mapped ? AF_INET6 : AF_INET;
	int fd = socket(family, (options->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
	double began = now(), deadline = began + options->timeout;
	struct result result = {.state = "silent"};
	const char *error;

	if (fd < 0)
		die("socket: %s", strerror(errno));
	address = (struct sockaddr_in){AF_INET, htons(options->source_port), {}, {}};
	if (options->from && inet_pton(AF_INET, options->from, &address.sin_addr) != 1)
		die("--from wants ADDRESS");
	from = end_of(options, &address);
	if (options->device_count > 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options->devices[0],
		       strlen(options->devices[0])) < 0)
		die("SO_BINDTODEVICE: %s", strerror(errno));
	if ((options->from || options->source_port) &&
	    bind(fd, (struct sockaddr *)&from.v4, from.size) < 0)
		die("bind: %s", strerror(errno));
	error = put_question(options, fd, &to, deadline);
	if (error)
		result.state = error;
	other.size = sizeof(other.v6);
	if (!options->udp && getpeername(fd, (struct sockaddr *)&other.v4, &other.size) == 0)
		result.peer = unmapped(&other);
	if (!error)
		take_answer(options, fd, &result, deadline);
	result.took = now() - began;
	other.size = sizeof(other.v6);
	getsockname(fd, (struct sockaddr *)&other.v4, &other.size);
	result.local = unmapped(&other);
	print_result(&result);
	return 0;
}
