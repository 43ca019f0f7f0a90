/* Load for the network benchmarks, by TCP over IPv4.
 *   netload server ADDRESS PORT
 *   netload stream|rr|crr SECONDS ADDRESS PORT
 * stream: bytes a second that the server has received; rr: exchanges of one byte a second on one
 * connection; crr: the same with a connection each. The client prints the number. The server ends
 * when its standard input does. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (128 * 1024)
/* First byte of a connection: what it is for. */
#define STREAM 's'
#define EXCHANGE 'x'

static char buffer[CHUNK];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Client and server on different processors, always the same: where the scheduler puts them would
 * matter more than what is measured. */
static void pin(int cpu)
{
	cpu_set_t set;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
		fprintf(stderr, "not an IPv4 address: %s\n", address);
		exit(2);
	}
	return to;
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* One connection, to its end. */
static void serve_one(int fd)
{
	uint64_t received = 0;
	ssize_t n;
	char kind;

	no_delay(fd);
	if (read(fd, &kind, 1) != 1)
		return;
	if (kind == STREAM) {
		while ((n = read(fd, buffer, CHUNK)) > 0)
			received += n;
		if (write(fd, &received, sizeof(received)) < 0)
			perror("server");
		return;
	}
	do {
		if (write(fd, &kind, 1) != 1)
			return;
	} while (read(fd, &kind, 1) == 1 && kind != 'q');
}

static int serve(const char *address, const char *port)
{
	struct sockaddr_in at = address_of(address, port);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	pin(1);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 128) < 0)
		die("listen");
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
		int connection;

		if (poll(both, 2, -1) < 0)
			die("poll");
		if (both[1].revents)
			return 0;
		connection = accept(fd, 0, 0);
		if (connection < 0)
			continue;
		serve_one(connection);
		/* First to close, so that the client's ports are free again at once. */
		close(connection);
	}
}

static int dial(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		die("connect");
	no_delay(fd);
	return fd;
}

static void exchange(int fd, char byte)
{
	if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
		die("exchange");
}

static double stream(const struct sockaddr_in *to, double seconds)
{
	int fd = dial(to);
	double start = now();
	uint64_t received = 0;
	char kind = STREAM;

	if (write(fd, &kind, 1) != 1)
		die("write");
	while (now() - start < seconds)
		if (write(fd, buffer, CHUNK) < 0)
			die("write");
	shutdown(fd, SHUT_WR);
	if (read(fd, &received, sizeof(received)) != sizeof(received))
		die("read");
	return received / (now() - start);
}

static double exchanges(const struct sockaddr_in *to, double seconds)
{
	int fd = dial(to);
	double start;
	long done = 0;

	exchange(fd, EXCHANGE);
	for (start = now(); now() - start < seconds; done++)
		exchange(fd, EXCHANGE);
	return done / (now() - start);
}

static double connections(const struct sockaddr_in *to, double seconds)
{
	double start = now();
	long done = 0;

	for (; now() - start < seconds; done++) {
		int fd = dial(to);
		char byte = EXCHANGE, end = 'q';

		exchange(fd, byte);
		if (write(fd, &end, 1) != 1 || read(fd, &byte, 1) != 0)
			die("close");
		close(fd);
	}
	return done / (now() - start);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to;
	double seconds, result;

	if (argc == 4 && !strcmp(argv[1], "server"))
		return serve(argv[2], argv[3]);
	if (argc != 5) {
		fprintf(stderr, "usage: netload server ADDRESS PORT | stream|rr|crr SECONDS ADDRESS PORT\n");
		return 2;
	}
	pin(0);
	seconds = atof(argv[2]);
	to = address_of(argv[3], argv[4]);
	if (!strcmp(argv[1], "stream"))
		result = stream(&to, seconds);
	else if (!strcmp(argv[1], "rr"))
		result = exchanges(&to, seconds);
	else if (!strcmp(argv[1], "crr"))
		result = connections(&to, seconds);
	else
		return 2;
	printf("%.1f\n", result);
	return 0;
}
