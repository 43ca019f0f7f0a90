// SPDX-License-Identifier: Apache-2.0
/*
 * What pods of scenarios run: says its name and whom it sees, `NAME ADDRESS:PORT`, in the language
 * that it is asked in: HTTP, DNS (any question is answered by a TXT record), or else a line or
 * datagram. Arguments: `tcp:8080 udp:53`.
 *
 * NAME: default the host name. DRAIN_MS: how long it goes on as before after SIGTERM; default 0.
 * READY=no: GET /ready says 503 until somebody asked for /become/ready.
 *
 * In C because scenarios start hundreds of them, and a Node.js of its own costs each half a second
 * of processor.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define BACKLOG 4096
#define DNS_HEADER 12
#define DNS_TXT 16
/* How long answers that are under way have after the last one was taken. */
#define ENDING_MS 100

enum kind { LISTENER, DATAGRAMS, CONNECTION, TERMINATION, CLOCK };

struct source {
	enum kind kind;
	int fd;
};

static char name[256];
static bool is_ready = true;
static int poller;

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void follow(enum kind kind, int fd)
{
	struct source *source = malloc(sizeof(*source));

	if (!source || fd < 0)
		die("follow");
	*source = (struct source){.kind = kind, .fd = fd};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void forget(struct source *source)
{
	close(source->fd);
	free(source);
}

static size_t whom(char *text, size_t size, const struct sockaddr_in *peer)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &peer->sin_addr, address, sizeof(address));
	return snprintf(text, size, "%s %s:%u", name, address, ntohs(peer->sin_port));
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* The answer's length; 0: that was no question. */
static size_t dns_answer(const uint8_t *query, size_t size, const char *text, uint8_t *answer,
			 size_t room)
{
	size_t end = DNS_HEADER, length = strlen(text);

	while (end < size && query[end] != 0)
		end += query[end] + 1;
	end += 5;
	if (end > size || length > 255 || end + DNS_HEADER + 1 + length > room)
		return 0;
	memcpy(answer, query, end);
	put16(answer + 2, 0x8400);
	put16(answer + 4, 1);
	put16(answer + 6, 1);
	memset(answer + 8, 0, 4);
	/* A pointer to the question's name; class IN, not to be kept. */
	uint8_t *record = answer + end;

	memset(record, 0, DNS_HEADER);
	put16(record, 0xc00c);
	put16(record + 2, DNS_TXT);
	put16(record + 4, 1);
	put16(record + 10, length + 1);
	record[DNS_HEADER] = length;
	memcpy(record + DNS_HEADER + 1, text, length);
	return end + DNS_HEADER + 1 + length;
}

static void http_answer(int fd, const char *request, const char *text)
{
	char answer[1024], path[256] = "/";

	sscanf(request, "GET %255s", path);
	if (strncmp(path, "/become/ready", 13) == 0)
		is_ready = true;
	if (strncmp(path, "/become/unready", 15) == 0)
		is_ready = false;
	bool is_unready = strcmp(path, "/ready") == 0 && !is_ready;
	int length = snprintf(answer, sizeof(answer),
			      "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
			      is_unready ? "503 Unready" : "200 OK", strlen(text) + 1, text);

	send(fd, answer, length, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
}

/* False when the connection is over. */
static bool serve(int fd)
{
	uint8_t data[8192], answer[8192];
	struct sockaddr_in peer;
	socklen_t peer_size = sizeof(peer);
	char text[300];
	ssize_t size = recv(fd, data, sizeof(data) - 1, 0);

	if (size < 0)
		return errno == EAGAIN || errno == EINTR;
	if (size == 0 || getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0)
		return false;
	size_t length = whom(text, sizeof(text) - 1, &peer);

	data[size] = 0;
	if (memcmp(data, "GET ", 4) == 0) {
		http_answer(fd, (char *)data, text);
	} else if (data[0] != 0) {
		text[length] = '\n';
		send(fd, text, length + 1, MSG_NOSIGNAL);
	} else if (size > 2) {
		size_t said = dns_answer(data + 2, size - 2, text, answer + 2, sizeof(answer) - 2);

		put16(answer, said);
		send(fd, answer, said + 2, MSG_NOSIGNAL);
	}
	return true;
}

static void answer_datagram(int fd)
{
	uint8_t data[8192], answer[8192];
	struct sockaddr_in peer;
	socklen_t peer_size = sizeof(peer);
	char text[300];
	ssize_t size = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&peer, &peer_size);

	if (size < 0)
		return;
	size_t length = whom(text, sizeof(text), &peer);
	bool is_dns = size > DNS_HEADER && data[4] == 0 && data[5] == 1;
	size_t said = is_dns ? dns_answer(data, size, text, answer, sizeof(answer)) : 0;

	sendto(fd, said ? (void *)answer : text, said ? said : length, 0, (struct sockaddr *)&peer,
	       peer_size);
}

static int open_port(const char *wish)
{
	bool is_udp = strncmp(wish, "udp:", 4) == 0;
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(atoi(strchr(wish, ':') + 1))};
	int fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	if (!is_udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (!is_udp && listen(fd, BACKLOG) < 0))
		die(wish);
	follow(is_udp ? DATAGRAMS : LISTENER, fd);
	return fd;
}

static void set_clock(int fd, long ms)
{
	struct itimerspec time = {
		.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 + 1}};

	timerfd_settime(fd, 0, &time, NULL);
}

int main(int argc, char **argv)
{
	const char *drain = getenv("DRAIN_MS"), *ready = getenv("READY"), *called = getenv("NAME");
	int wishes = argc - 1, ports[argc];
	struct epoll_event events[64];
	bool is_ending = false;
	sigset_t signals;

	gethostname(name, sizeof(name) - 1);
	if (called)
		snprintf(name, sizeof(name), "%s", called);
	is_ready = !ready || strcmp(ready, "no") != 0;
	poller = epoll_create1(EPOLL_CLOEXEC);
	int clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	follow(TERMINATION, signalfd(-1, &signals, SFD_CLOEXEC));
	follow(CLOCK, clock);
	for (int index = 0; index < wishes; index++)
		ports[index] = open_port(argv[index + 1]);

	for (;;) {
		int count = epoll_wait(poller, events, COUNT(events), -1);

		for (int index = 0; index < count; index++) {
			struct source *source = events[index].data.ptr;
			struct signalfd_siginfo info;
			uint64_t ticks;

			switch (source->kind) {
			case LISTENER:
				for (int fd; (fd = accept4(source->fd, NULL, NULL,
							   SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;)
					follow(CONNECTION, fd);
				break;
			case DATAGRAMS:
				answer_datagram(source->fd);
				break;
			case CONNECTION:
				if (!serve(source->fd))
					forget(source);
				break;
			case TERMINATION:
				if (read(source->fd, &info, sizeof(info)) > 0)
					set_clock(clock, drain ? atol(drain) : 0);
				break;
			case CLOCK:
				if (read(source->fd, &ticks, sizeof(ticks)) < 0)
					break;
				if (is_ending)
					return 0;
				is_ending = true;
				for (int port = 0; port < wishes; port++)
					close(ports[port]);
				set_clock(clock, ENDING_MS);
				break;
			}
		}
	}
}
