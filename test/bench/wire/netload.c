/* Load for the network benchmarks, over IPv4.
 *   netload server ADDRESS PORT
 *   netload stream|rr|crr SECONDS ADDRESS PORT
 * stream: bytes a second that the server has received; rr: exchanges of one byte a second on one
 * connection; crr: the same with a connection each. The client prints the number. The server ends
 * when its standard input does.
 *   netload echo ADDRESS PORT
 *   netload first ADDRESS PORT
 *   netload watch ADDRESS PORT
 *   netload flood RATE SECONDS ADDRESS PORT
 *   netload sink ADDRESS PORT
 *   netload blast SECONDS ADDRESS PORT
 *   netload connect COUNT ADDRESS PORT
 *   netload opens SECONDS ADDRESS PORT
 * By UDP. echo sends back what it gets. first says "ready", tries until it is answered and prints
 * when. watch prints "up TIME" and "down TIME" as answers begin and end. flood sends and prints
 * how many it sent. blast sends what it can to a sink, in datagrams of one byte, and prints how
 * many a second arrived there. connect prints the ns that one connect() of a socket takes. opens
 * sends one datagram from each of as many sockets as it can, one after the other, on any processor,
 * and prints how many a second. Times are ns of CLOCK_MONOTONIC. */
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

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static void echo(const char *address, const char *port)
{
	struct sockaddr_in at = address_of(address, port), from;
	int fd = udp();

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("bind");
	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(fd, buffer, CHUNK, 0, (struct sockaddr *)&from, &length);

		if (n >= 0)
			sendto(fd, buffer, n, 0, (struct sockaddr *)&from, length);
	}
}

/* Sends one probe and waits that long for the answer to it or to an earlier one; -1 without. */
static int64_t probe(int fd, const struct sockaddr_in *to, int64_t number, int wait_us)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	struct timespec wait = {.tv_nsec = wait_us * 1000L};
	int64_t answer, got = -1;

	/* Without a route there is nothing to wait for but time. */
	if (sendto(fd, &number, sizeof(number), 0, (const struct sockaddr *)to, sizeof(*to)) < 0)
		usleep(wait_us);
	else
		ppoll(&one, 1, &wait, 0);
	while (recv(fd, &answer, sizeof(answer), MSG_DONTWAIT) == sizeof(answer))
		got = answer;
	return got;
}

#define PROBE_US 500
/* So many in a row without an answer are no accident. */
#define SILENCE 30

static int first(const char *address, const char *port)
{
	struct sockaddr_in to = address_of(address, port);
	int fd = udp();

	puts("ready");
	fflush(stdout);
	while (probe(fd, &to, 1, PROBE_US) < 0)
		;
	printf("%lld\n", (long long)now_ns());
	return 0;
}

static void watch(const char *address, const char *port)
{
	struct sockaddr_in to = address_of(address, port);
	int64_t sent[1024], number = 0, answered = -1;
	int fd = udp(), up = 0;

	for (;; number++) {
		int64_t answer;

		sent[number & 1023] = now_ns();
		answer = probe(fd, &to, number, PROBE_US);
		if (answer > answered)
			answered = answer;
		if (answer >= 0 && !up) {
			up = 1;
			printf("up %lld\n", (long long)now_ns());
			fflush(stdout);
		} else if (up && number - answered > SILENCE) {
			up = 0;
			printf("down %lld\n", (long long)sent[(answered + 1) & 1023]);
			fflush(stdout);
		}
		if (answer >= 0)
			usleep(PROBE_US);
	}
}

static int flood(double rate, double seconds, const char *address, const char *port)
{
	struct sockaddr_in to = address_of(address, port);
	long count = rate * seconds, done;
	double start = now();
	int fd = udp();

	for (done = 0; done < count; done++) {
		while (now() < start + done / rate)
			;
		/* Refused for want of buffers it is not sent. */
		while (sendto(fd, buffer, 16, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			usleep(100);
	}
	printf("%ld\n", done);
	return 0;
}

/* Datagrams that came to this namespace's sockets, those without room in a buffer among them: the
 * path has carried them, and how fast a process reads is not what is measured. */
static uint64_t delivered(void)
{
	unsigned long long in = 0, full = 0;
	FILE *file = fopen("/proc/self/net/snmp", "r");
	char line[1024];

	if (!file)
		die("/proc/self/net/snmp");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Udp: %llu %*u %*u %*u %llu", &in, &full) == 2)
			break;
	fclose(file);
	return in + full;
}

#define BATCH 64
#define DATAGRAM 'd'
#define QUESTION 'q'

/* Reads all and answers questions with delivered(). */
static void sink(const char *address, const char *port)
{
	struct sockaddr_in at = address_of(address, port), from[BATCH];
	struct mmsghdr messages[BATCH] = {};
	struct iovec io[BATCH];
	int room = 4 << 20, fd = udp();

	pin(1);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("bind");
	puts("ready");
	fflush(stdout);
	for (int i = 0; i < BATCH; i++) {
		io[i] = (struct iovec){buffer + i, 1};
		messages[i].msg_hdr.msg_iov = &io[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &from[i];
	}
	for (;;) {
		int n;

		for (int i = 0; i < BATCH; i++)
			messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
		n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, 0);
		for (int i = 0; i < n; i++) {
			uint64_t count;

			if (buffer[i] != QUESTION)
				continue;
			count = delivered();
			sendto(fd, &count, sizeof(count), 0, (struct sockaddr *)&from[i],
			       sizeof(from[i]));
		}
	}
}

/* Asks a sink until it answers. */
static uint64_t ask(int fd)
{
	char question = QUESTION;
	uint64_t count;

	for (int tries = 0; tries < 100; tries++) {
		struct pollfd one = {.fd = fd, .events = POLLIN};

		if (send(fd, &question, 1, 0) == 1 && poll(&one, 1, 50) > 0 &&
		    recv(fd, &count, sizeof(count), MSG_DONTWAIT) == sizeof(count)) {
			/* Of a question that was asked twice. */
			usleep(5000);
			while (recv(fd, &count, sizeof(count), MSG_DONTWAIT) == sizeof(count))
				;
			return count;
		}
	}
	fputs("the sink does not answer\n", stderr);
	exit(1);
}

static double blast(const struct sockaddr_in *to, double seconds)
{
	char datagram = DATAGRAM;
	struct iovec io = {&datagram, 1};
	struct mmsghdr messages[BATCH] = {};
	double start, took;
	uint64_t before;
	int fd = udp();

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		die("connect");
	for (int i = 0; i < BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &io;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	before = ask(fd);
	for (start = now(); (took = now() - start) < seconds;)
		if (sendmmsg(fd, messages, BATCH, 0) < 0)
			usleep(100);
	return (ask(fd) - before) / took;
}

static double connects(const struct sockaddr_in *to, long count)
{
	double start;
	int fd = udp();

	start = now();
	for (long i = 0; i < count; i++)
		if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
			die("connect");
	return (now() - start) / count * 1e9;
}

static double opens(const struct sockaddr_in *to, double seconds)
{
	double start = now(), took;
	long done = 0;

	for (; (took = now() - start) < seconds; done++) {
		int fd = udp();

		/* Refused for want of buffers it is not sent. */
		if (sendto(fd, buffer, 16, 0, (const struct sockaddr *)to, sizeof(*to)) < 0)
			done--;
		close(fd);
	}
	return done / took;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to;
	double seconds, result;

	if (argc == 4 && !strcmp(argv[1], "server"))
		return serve(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "echo"))
		echo(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "first"))
		return first(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "watch"))
		watch(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "sink"))
		sink(argv[2], argv[3]);
	if (argc == 6 && !strcmp(argv[1], "flood"))
		return flood(atof(argv[2]), atof(argv[3]), argv[4], argv[5]);
	if (argc != 5) {
		fputs("usage: see the first lines of netload.c\n", stderr);
		return 2;
	}
	if (strcmp(argv[1], "opens"))
		pin(0);
	seconds = atof(argv[2]);
	to = address_of(argv[3], argv[4]);
	if (!strcmp(argv[1], "stream"))
		result = stream(&to, seconds);
	else if (!strcmp(argv[1], "rr"))
		result = exchanges(&to, seconds);
	else if (!strcmp(argv[1], "crr"))
		result = connections(&to, seconds);
	else if (!strcmp(argv[1], "blast"))
		result = blast(&to, seconds);
	else if (!strcmp(argv[1], "opens"))
		result = opens(&to, seconds);
	else if (!strcmp(argv[1], "connect"))
		result = connects(&to, atol(argv[2]));
	else
		return 2;
	printf("%.1f\n", result);
	return 0;
}
