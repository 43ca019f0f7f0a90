// SPDX-License-Identifier: Apache-2.0
/*
 * The CNI plugin that a container runtime executes. It knows nothing: it hands its CNI_*
 * environment and its standard input to the agent's socket and prints what the agent answers,
 * because a host has no Node.js and a static binary starts in a millisecond.
 *
 * Request:  "MBRCNI/1 <envBytes> <stdinBytes>\n", the environment as KEY=VALUE\0 pairs, then
 * standard input. Answer:   "+" as soon as the agent has all of it, then "<exit code>\n", then what
 * goes to standard output, until the agent closes. An agent that does not say "+" soon is stopped
 * or hangs, however long its work may take otherwise.
 *
 * Without an agent it fails closed: an error object with code 11 ("try again later", CNI spec 1.1,
 * Error) and exit code 1, so that the runtime retries and the pod stays without a network. Only DEL
 * succeeds: a runtime must get rid of a container, and some ask but once. The request is put into a
 * folder beside the socket, and the agent carries it out when it is back.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
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
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_STDIN = 4 << 20,
	MAX_ENV = 1 << 20,
	MAX_ANSWER = 4 << 20,
	STDIN_TIMEOUT_MS = 10 * 1000,
	CONNECT_TIMEOUT_MS = 2 * 1000,
	TAKEN_TIMEOUT_MS = 5 * 1000,
	ANSWER_TIMEOUT_MS = 60 * 1000,
	MAX_QUEUED = 4096,
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

/* What is sent to the agent: header, environment, standard input. */
struct frame {
	struct buffer head;
	struct buffer env;
	struct buffer request;
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

/* The folder of requests for an agent that is away, beside its socket. False: no room for the path.
 */
static bool queue_folder(const char *socket_path, char *folder, size_t size)
{
	const char *slash = strrchr(socket_path, '/');
	int parent = slash == NULL ? 0 : (int)(slash - socket_path) + 1;
	int written = snprintf(folder, size, "%.*scni-deleted", parent, socket_path);

	return written > 0 && (size_t)written < size;
}

/* One file an attachment: to delete it twice is to delete it. Names as the agent would accept them.
 */
static bool queue_name(char *name, size_t size)
{
	const char *container = getenv("CNI_CONTAINERID"), *ifname = getenv("CNI_IFNAME");
	int written;

	if (container == NULL || ifname == NULL || !isalnum((unsigned char)*container) ||
	    *ifname == '\0' || strlen(ifname) > 15)
		return false;
	for (const char *c = container; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("_.-", *c) == NULL)
			return false;
	for (const char *c = ifname; *c != '\0'; c++)
		if (*c <= 0x20 || *c >= 0x7f || *c == '/')
			return false;
	written = snprintf(name, size, "%s@%s", container, ifname);
	return written > 0 && (size_t)written < size;
}

/* With the one above it: where the agent keeps its things is empty after the node's start, and
 * what a runtime does then is to get rid of the pods it had before. */
static bool make_folder(char *path)
{
	char *slash = strrchr(path, '/');

	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return true;
	if (errno != ENOENT || slash == NULL || slash == path)
		return false;
	*slash = '\0';
	bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
	*slash = '/';
	return made && (mkdir(path, 0700) == 0 || errno == EEXIST);
}

static bool queue_has_room(int folder)
{
	int listed = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = listed < 0 ? NULL : fdopendir(listed);
	int count = 0;

	if (dir == NULL)
		return false;
	while (count < MAX_QUEUED && readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count < MAX_QUEUED;
}

static bool write_whole(int fd, const struct buffer *part)
{
	size_t done = 0;

	while (done < part->size) {
		ssize_t n = write(fd, part->data + done, part->size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* Keeps a DEL for when the agent is back: whole or not at all, on disk before this says true. */
static bool queue_delete(const char *socket_path, const struct frame *frame)
{
	char path[4096], name[256], temporary[64];
	bool kept = false;
	int folder, fd;

	if (!queue_folder(socket_path, path, sizeof(path)) || !queue_name(name, sizeof(name)))
		return false;
	if (!make_folder(path))
		return false;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return false;
	snprintf(temporary, sizeof(temporary), ".%d", (int)getpid());
	if (queue_has_room(folder)) {
		unlinkat(folder, temporary, 0);
		fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0) {
			kept = write_whole(fd, &frame->head) && write_whole(fd, &frame->env) &&
			       write_whole(fd, &frame->request) && fsync(fd) == 0;
			close(fd);
			kept = kept && renameat(folder, temporary, folder, name) == 0 &&
			       fsync(folder) == 0;
			if (!kept)
				unlinkat(folder, temporary, 0);
		}
	}
	close(folder);
	return kept;
}

/* Why the agent could not be asked. */
static char unreachable[512];

static int cannot(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(unreachable, sizeof(unreachable), format, args);
	va_end(args);
	return -1;
}

/* Returns a connection, or -1 with `unreachable`. */
static int connect_agent(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	long long deadline = now_ms() + CONNECT_TIMEOUT_MS;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return cannot("the socket's path is too long: %s", path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return cannot("no socket: %s", strerror(errno));
	/* EAGAIN: the listener's backlog is full; a stream socket on a path never answers
	 * EINPROGRESS. */
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || left_ms(deadline) == 0)
			return cannot("%s: %s", path, strerror(errno));
		poll(NULL, 0, 5);
	}
	return fd;
}

static int send_all(int fd, const struct buffer *part, long long deadline)
{
	const char *data = part->data;
	size_t size = part->size;

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
			return cannot("it does not read: timeout");
		}
		return cannot("it closed the connection: %s", strerror(errno));
	}
	return 0;
}

/* Hands the request over. Returns the connection once the agent says that it has it, else -1. */
static int hand_over(const char *path, const struct frame *frame)
{
	long long deadline;
	char taken;
	int fd = connect_agent(path);

	if (fd < 0)
		return -1;
	deadline = now_ms() + TAKEN_TIMEOUT_MS;
	if (send_all(fd, &frame->head, deadline) < 0 || send_all(fd, &frame->env, deadline) < 0 ||
	    send_all(fd, &frame->request, deadline) < 0)
		return -1;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ready = poll(&p, 1, left_ms(deadline));
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return cannot("it took no notice within %d s", TAKEN_TIMEOUT_MS / 1000);
		n = read(fd, &taken, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return cannot("%s", strerror(errno));
		if (n == 0 || taken != '+')
			return cannot("it did not take the request");
		return fd;
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
	struct frame frame = {0};
	struct buffer answer = {0}, *request = &frame.request;
	const char *command = getenv("CNI_COMMAND");
	const char *path = getenv("MEMBRANE_CNI_SOCKET");
	size_t skip = 0;
	bool late;

	signal(SIGPIPE, SIG_IGN);
	if (!read_all(STDIN_FILENO, request, MAX_STDIN, now_ms() + STDIN_TIMEOUT_MS, &late)) {
		if (late)
			fail(CNI_IO_FAILURE, "the network configuration did not end",
			     "no end of file within %d s", STDIN_TIMEOUT_MS / 1000);
		if (request->size > MAX_STDIN)
			fail(CNI_INVALID_CONFIG, "the network configuration is too large",
			     "more than %d bytes", MAX_STDIN);
		fail(CNI_IO_FAILURE, "the network configuration cannot be read", "%s",
		     strerror(errno));
	}
	find_version(request);
	if (command != NULL && strcmp(command, "VERSION") == 0)
		return print_versions();

	collect_environment(&frame.env);
	reserve(&frame.head, 64, 64);
	frame.head.size = (size_t)snprintf(frame.head.data, 64, "MBRCNI/1 %zu %zu\n",
					   frame.env.size, request->size);
	if (path == NULL || *path == '\0')
		path = DEFAULT_SOCKET;
	bool del = command != NULL && strcmp(command, "DEL") == 0;
	int fd = hand_over(path, &frame);
	if (fd < 0) {
		if (del && queue_delete(path, &frame))
			return 0;
		fail(CNI_TRY_AGAIN, "the Membrane agent cannot be reached", "%s", unreachable);
	}

	bool whole = read_all(fd, &answer, MAX_ANSWER, now_ms() + ANSWER_TIMEOUT_MS, &late);
	int code = whole ? answer_code(&answer, &skip) : -1;
	/* It took the request and may have died of whatever: the next one finds it in the folder.
	 */
	if (code < 0 && del && queue_delete(path, &frame))
		return 0;
	if (!whole && late)
		fail(CNI_TRY_AGAIN, "the Membrane agent did not answer in time", "%d s",
		     ANSWER_TIMEOUT_MS / 1000);
	if (!whole)
		fail(CNI_TRY_AGAIN, "the Membrane agent's answer cannot be read", "%s",
		     answer.size > MAX_ANSWER ? "it is too large" : strerror(errno));
	if (code < 0)
		fail(CNI_TRY_AGAIN, "the Membrane agent's answer is cut off or malformed",
		     "%zu bytes", answer.size);
	if (code != 0 && answer.size == skip)
		fail(CNI_TRY_AGAIN, "the Membrane agent failed without a reason", "exit code %d",
		     code);
	write_all(STDOUT_FILENO, answer.data + skip, answer.size - skip);
	return code;
}
