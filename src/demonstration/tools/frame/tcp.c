// SPDX-License-Identifier: Apache-2.0
/*
 * serve and connect: real TCP connections whose numbers are told, so that an attacker can go on
 * with them. A message is nine bytes, a number and a line end; an injected byte is 'X', which no
 * message has.
 */
#define _GNU_SOURCE
#include "frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARKER 'X'

struct connection {
	int fd;
	struct sockaddr_in peer;
	const char *state; /* connecting open closed timeout, or the name of an error */
	long received;
	long marked;
	long messages;
};

static void print_connection(const struct connection *connection)
{
	struct sockaddr_in local = {};
	struct tcp_info info = {};
	socklen_t size = sizeof(info), address_size = sizeof(local);
	char peer_text[INET_ADDRSTRLEN], local_text[INET_ADDRSTRLEN];
	unsigned sequence = 0, acknowledgement = 0;
	int fd = connection->fd, on = 1, off = TCP_REPAIR_OFF_NO_WP, queue;

	getsockname(fd, (struct sockaddr *)&local, &address_size);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	/* Repair mode for an instant: the only way to ask a socket for its sequence numbers. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == 0) {
		queue = TCP_SEND_QUEUE;
		size = sizeof(sequence);
		setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue));
		getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &sequence, &size);
		queue = TCP_RECV_QUEUE;
		size = sizeof(acknowledgement);
		setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue));
		getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &acknowledgement, &size);
		setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off));
		/* Leaving repair mode takes it away. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	}
	inet_ntop(AF_INET, &connection->peer.sin_addr, peer_text, sizeof(peer_text));
	inet_ntop(AF_INET, &local.sin_addr, local_text, sizeof(local_text));
	printf("{\"local\":\"%s:%u\",\"peer\":\"%s:%u\",\"state\":\"%s\",\"received\":%ld,"
	       "\"marked\":%ld,\"messages\":%ld,\"acked\":%llu,\"retransmits\":%u,\"duplicates\":%"
	       "u,"
	       "\"sequence\":%u,\"acknowledgement\":%u}",
	       local_text, ntohs(local.sin_port), peer_text, ntohs(connection->peer.sin_port),
	       connection->state, connection->received, connection->marked, connection->messages,
	       (unsigned long long)info.tcpi_bytes_acked, info.tcpi_total_retrans,
	       info.tcpi_dsack_dups, sequence, acknowledgement);
}

static void receive(struct connection *connection)
{
	char data[65536];
	ssize_t length = recv(connection->fd, data, sizeof(data), MSG_DONTWAIT);

	if (length == 0)
		connection->state = "closed";
	else if (length < 0 && errno != EAGAIN && errno != EINTR)
		connection->state = strerrorname_np(errno);
	for (ssize_t i = 0; i < length; i++)
		connection->marked += data[i] == MARKER;
	if (length > 0)
		connection->received += length;
}

/* One message, unless the kernel has no room for it. */
static void speak(struct connection *connection)
{
	char message[16];
	int length =
		snprintf(message, sizeof(message), "%08ld\n", connection->messages % 100000000);

	if (send(connection->fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) == length)
		connection->messages++;
}

static void set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		die("setsockopt: %s", strerror(errno));
}

static int tcp_socket(long port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (port && bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("bind to port %ld: %s", port, strerror(errno));
	return fd;
}

/* All connections that a server knows. The oldest makes room for a new one. */
struct server {
	struct connection all[MAX_CONNECTIONS];
	int count;
	long accepted;
	long received; /* by those that made room */
	long marked;
};

static void print_server(const struct server *server)
{
	const struct connection *all = server->all;
	long received = server->received, marked = server->marked;

	for (int i = 0; i < server->count; i++) {
		received += all[i].received;
		marked += all[i].marked;
	}
	printf("{\"accepted\":%ld,\"received\":%ld,\"marked\":%ld,\"connections\":[",
	       server->accepted, received, marked);
	for (int i = 0; i < server->count; i++) {
		if (i)
			putchar(',');
		print_connection(&all[i]);
	}
	puts("]}");
}

static void accept_one(struct server *server, int listener)
{
	struct connection *slot = &server->all[server->accepted % MAX_CONNECTIONS];
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK);

	if (fd < 0)
		return;
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (server->count == MAX_CONNECTIONS) {
		close(slot->fd);
		server->received += slot->received;
		server->marked += slot->marked;
	} else {
		server->count++;
	}
	*slot = (struct connection){.fd = fd, .peer = peer, .state = "open"};
	server->accepted++;
}

int run_serve(const struct options *options)
{
	static struct server server;
	struct pollfd polled[MAX_CONNECTIONS + 2];
	int listener = tcp_socket(options->port);
	double begin = now();
	long spoken = 0;

	if (listen(listener, 128) < 0)
		die("listen: %s", strerror(errno));
	print_server(&server);
	while (!is_over(options)) {
		enum order order = ORDER_NONE;

		polled[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
		polled[1] = (struct pollfd){listener, POLLIN, 0};
		for (int i = 0; i < server.count; i++) {
			bool is_open = strcmp(server.all[i].state, "open") == 0;

			polled[i + 2] = (struct pollfd){is_open ? server.all[i].fd : -1, POLLIN, 0};
		}
		poll(polled, server.count + 2, options->push ? 5 : 100);
		if (polled[0].revents)
			order = read_order();
		for (int i = 0; i < server.count; i++)
			if (polled[i + 2].revents)
				receive(&server.all[i]);
		if (polled[1].revents)
			accept_one(&server, listener);
		/* A peer that has closed is spoken to all the same: it may be another one now. */
		for (; options->push && spoken < (now() - begin) * options->rate; spoken++)
			for (int i = 0; i < server.count; i++)
				speak(&server.all[i]);
		if (order == ORDER_STOP)
			break;
		if (order == ORDER_REPORT)
			print_server(&server);
	}
	print_server(&server);
	return 0;
}

/* Whether the attempt has come to an end, good or bad. */
static bool is_settled(struct connection *connection, double begin, double timeout)
{
	struct pollfd polled = {connection->fd, POLLOUT, 0};
	int error = 0;
	socklen_t size = sizeof(error);

	if (strcmp(connection->state, "connecting") != 0)
		return true;
	if (poll(&polled, 1, 5) > 0 && polled.revents) {
		getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		connection->state = error ? strerrorname_np(error) : "open";
	} else if (now() - begin > timeout) {
		connection->state = "timeout";
	}
	return strcmp(connection->state, "connecting") != 0;
}

int run_connect(const struct options *options)
{
	struct connection connection = {.state = "connecting",
					.peer = parse_end("to", options->to)};
	double begin = now();
	long spoken = 0;

	connection.fd = tcp_socket(options->source_port);
	if (connect(connection.fd, (struct sockaddr *)&connection.peer, sizeof(connection.peer)) <
		    0 &&
	    errno != EINPROGRESS)
		connection.state = strerrorname_np(errno);
	while (!is_over(options)) {
		bool settled = is_settled(&connection, begin, options->timeout);
		struct pollfd polled[2] = {{STDIN_FILENO, POLLIN, 0}, {-1, POLLIN, 0}};

		if (settled && options->probe)
			break;
		if (settled && strcmp(connection.state, "open") == 0) {
			if (!spoken)
				begin = now();
			for (; spoken <= (now() - begin) * options->rate; spoken++)
				speak(&connection);
			polled[1].fd = connection.fd;
		}
		poll(polled, 2, settled ? 2 : 0);
		if (polled[1].revents)
			receive(&connection);
		if (polled[0].revents) {
			enum order order = read_order();

			if (order == ORDER_STOP)
				break;
			if (order == ORDER_REPORT) {
				print_connection(&connection);
				putchar('\n');
			}
		}
	}
	print_connection(&connection);
	putchar('\n');
	return 0;
}
