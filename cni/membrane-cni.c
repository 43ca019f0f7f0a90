// SPDX-License-Identifier: Apache-2.0
/*
 * The CNI plugin that a container runtime executes. It knows nothing: it hands its CNI_*
 * environment and its standard input to the agent's socket and prints what the agent answers,
 * because a host has no Node.js and a static binary starts in a millisecond.
 *
 * Request:  "MBRCNI/1 <envBytes> <stdinBytes>\n", the environment as KEY=VALUE\0 pairs, then
 * standard input. Answer:   "<exit code>\n", then what goes to standard output, until the agent
 * closes.
 *
 * Without an agent it fails closed: an error object with code 11 ("try again later", CNI spec 1.1,
 * Error) and exit code 1, so that the runtime retries and the pod stays without a network.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_STDIN = 4 << 20,
	MAX_ENV = 1 << 20,
	MAX_ANSWER = 4 << 20,
	STDIN_TIMEOUT_MS = 10 * 1000,
	CONNECT_TIMEOUT_MS = 2 * 1000,
	ANSWER_TIMEOUT_MS = 60 * 1000,
	/* CNI spec 1.1, well-known error codes. */
	CNI_INVALID_CONFIG = 7,
	CNI_IO_FAILURE = 5,
	CNI_TRY_AGAIN = 11,
	VERSION_SIZE = 33,
};

#define DEFAULT_SOCKET "/run/membrane/cni.sock"
#define DEFAULT_VERSION "1.0.0"

extern char **environ;

struct buffer {
	char *data;
	size_t size;
	size_t capacity;
};

/* Of the request; only characters that need no JSON escape get in. */
static char cni_version[VERSION_SIZE] = DEFAULT_VERSION;

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int left_ms(long long deadline)
{
	long long left = deadline - now_ms();

	return left > 0 ? (int)left : 0;
}

static void write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

/* Prints a CNI error object. `msg` is ours; `detail` may hold an environment's path, so it is
 * escaped. */
__attribute__((noreturn)) static void fail(int code, const char *msg, const char *format, ...)
{
	char detail[512], escaped[sizeof(detail) * 2], out[sizeof(escaped) + 512];
	size_t used = 0;
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	for (const char *c = detail; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) {
			escaped[used++] = '?';
			continue;
		}
		if (*c == '"' || *c == '\\')
			escaped[used++] = '\\';
		escaped[used++] = *c;
	}
	escaped[used] = '\0';
	int size =
		snprintf(out, sizeof(out),
			 "{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"%s\",\"details\":\"%s\"}\n",
			 cni_version, code, msg, escaped);
	write_all(STDOUT_FILENO, out, (size_t)size);
	exit(1);
}

static void reserve(struct buffer *b, size_t extra, size_t max)
{
	size_t wanted = b->size + extra;

	if (wanted <= b->capacity)
		return;
	size_t capacity = b->capacity == 0 ? 4096 : b->capacity;
	while (capacity < wanted)
		capacity *= 2;
	if (capacity > max + 4096)
		capacity = max + 4096;
	b->data = realloc(b->data, capacity);
	if (b->data == NULL)
		fail(CNI_IO_FAILURE, "out of memory", "%zu bytes", capacity);
	b->capacity = capacity;
}

/* Reads until end of file. False when more than `max` bytes come or the deadline passes first
 * (`*late`). */
static bool read_all(int fd, struct buffer *b, size_t max, long long deadline, bool *late)
{
	*late = false;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ready = poll(&p, 1, left_ms(deadline));

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0) {
			*late = true;
			return false;
		}
		reserve(b, 4096, max);
		ssize_t n = read(fd, b->data + b->size, b->capacity - b->size);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			return true;
		b->size += (size_t)n;
		if (b->size > max)
			return false;
	}
}

/* The request's "cniVersion", if it is easy to find; whatever looks odd leaves the default. */
static void find_version(const struct buffer *request)
{
	static const char key[] = "\"cniVersion\"";
	const char *end = request->data + request->size;
	const char *at = request->size == 0
				 ? NULL
				 : memmem(request->data, request->size, key, sizeof(key) - 1);
	char found[VERSION_SIZE];
	size_t n = 0;

	if (at == NULL)
		return;
	at += sizeof(key) - 1;
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r' || *at == ':'))
		at++;
	if (at == end || *at++ != '"')
		return;
	while (at < end && *at != '"') {
		bool plain = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
			     *at == '.' || *at == '-';

		if (!plain || n == sizeof(found) - 1)
			return;
		found[n++] = *at++;
	}
	if (at == end || n == 0)
		return;
	found[n] = '\0';
	memcpy(cni_version, found, n + 1);
}

/* Every CNI_* variable. The rest of the runtime's environment may hold secrets and is nobody's
 * business. */
static void collect_environment(struct buffer *env)
{
	for (char **v = environ; *v != NULL; v++) {
		size_t size = strlen(*v) + 1;

		if (strncmp(*v, "CNI_", 4) != 0)
			continue;
		if (env->size + size > MAX_ENV)
			fail(CNI_INVALID_CONFIG, "the CNI_* environment is too large",
			     "more than %d bytes", MAX_ENV);
		reserve(env, size, MAX_ENV);
		memcpy(env->data + env->size, *v, size);
		env->size += size;
	}
}

static int connect_agent(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	long long deadline = now_ms() + CONNECT_TIMEOUT_MS;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		fail(CNI_TRY_AGAIN, "the agent's socket path is too long", "%s", path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		fail(CNI_TRY_AGAIN, "no socket", "%s", strerror(errno));
	/* EAGAIN: the listener's backlog is full; a stream socket on a path never answers
	 * EINPROGRESS. */
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || left_ms(deadline) == 0)
			fail(CNI_TRY_AGAIN, "the Membrane agent cannot be reached", "%s: %s", path,
			     strerror(errno));
		poll(NULL, 0, 5);
	}
	return fd;
}

static void send_all(int fd, const char *data, size_t size, long long deadline)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			if (poll(&p, 1, left_ms(deadline)) > 0)
				continue;
			fail(CNI_TRY_AGAIN, "the Membrane agent does not read", "timeout");
		}
		fail(CNI_TRY_AGAIN, "the Membrane agent closed the connection", "%s",
		     strerror(errno));
	}
}

/* Exit code of the answer's first line, 0 to 255; -1 when there is none. `*skip`: bytes up to the
 * output. */
static int answer_code(const struct buffer *answer, size_t *skip)
{
	int code = 0;
	size_t i = 0;

	for (; i < answer->size && i < 3 && answer->data[i] >= '0' && answer->data[i] <= '9'; i++)
		code = code * 10 + (answer->data[i] - '0');
	if (i == 0 || i >= answer->size || answer->data[i] != '\n' || code > 255)
		return -1;
	*skip = i + 1;
	return code;
}

static int print_versions(void)
{
	char out[160];
	int size = snprintf(
		out, sizeof(out),
		"{\"cniVersion\":\"%s\",\"supportedVersions\":[\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n",
		cni_version);

	write_all(STDOUT_FILENO, out, (size_t)size);
	return 0;
}

int main(void)
{
	struct buffer request = {0}, env = {0}, answer = {0};
	const char *command = getenv("CNI_COMMAND");
	const char *path = getenv("MEMBRANE_CNI_SOCKET");
	char head[64];
	size_t skip = 0;
	bool late;

	signal(SIGPIPE, SIG_IGN);
	if (!read_all(STDIN_FILENO, &request, MAX_STDIN, now_ms() + STDIN_TIMEOUT_MS, &late)) {
		if (late)
			fail(CNI_IO_FAILURE, "the network configuration did not end",
			     "no end of file within %d s", STDIN_TIMEOUT_MS / 1000);
		if (request.size > MAX_STDIN)
			fail(CNI_INVALID_CONFIG, "the network configuration is too large",
			     "more than %d bytes", MAX_STDIN);
		fail(CNI_IO_FAILURE, "the network configuration cannot be read", "%s",
		     strerror(errno));
	}
	find_version(&request);
	if (command != NULL && strcmp(command, "VERSION") == 0)
		return print_versions();

	collect_environment(&env);
	int fd = connect_agent(path != NULL && *path != '\0' ? path : DEFAULT_SOCKET);
	long long deadline = now_ms() + ANSWER_TIMEOUT_MS;
	int head_size = snprintf(head, sizeof(head), "MBRCNI/1 %zu %zu\n", env.size, request.size);
	send_all(fd, head, (size_t)head_size, deadline);
	send_all(fd, env.data, env.size, deadline);
	send_all(fd, request.data, request.size, deadline);

	if (!read_all(fd, &answer, MAX_ANSWER, deadline, &late)) {
		if (late)
			fail(CNI_TRY_AGAIN, "the Membrane agent did not answer in time", "%d s",
			     ANSWER_TIMEOUT_MS / 1000);
		fail(CNI_TRY_AGAIN, "the Membrane agent's answer cannot be read", "%s",
		     answer.size > MAX_ANSWER ? "it is too large" : strerror(errno));
	}
	int code = answer_code(&answer, &skip);
	if (code < 0)
		fail(CNI_TRY_AGAIN, "the Membrane agent's answer is cut off or malformed",
		     "%zu bytes", answer.size);
	if (code != 0 && answer.size == skip)
		fail(CNI_TRY_AGAIN, "the Membrane agent failed without a reason", "exit code %d",
		     code);
	write_all(STDOUT_FILENO, answer.data + skip, answer.size - skip);
	return code;
}
