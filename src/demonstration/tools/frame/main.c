// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "frame.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char USAGE[] =
	"usage: membrane-frame send    [--device D] [--count N] [--rate N] [--wait] [--up]\n"
	"                              [--unfinished START:OFFSET[:SIZE:TYPE]] HEX...\n"
	"       membrane-frame count   --device D... | --local  --match NAME=HEX...\n"
	"       membrane-frame serve   --port P [--push] [--rate N]\n"
	"       membrane-frame connect --to ADDRESS:PORT [--source-port P] [--rate N] [--timeout "
	"S] "
	"[--probe]\n"
	"       membrane-frame answer  --at ADDRESS:PORT --data HEX [--dns]\n"
	"       membrane-frame ask     --to ADDRESS:PORT --data HEX [--udp] [--from ADDRESS] "
	"[--device D] [--mapped]\n"
	"       membrane-frame exchange --device D --ether MAC --from ADDRESS --to ADDRESS:PORT "
	"--data HEX [--udp]\n"
	"       all: [--seconds S]\n";

static double started;
static bool time_is_over;

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

void die(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fputs("membrane-frame: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	exit(4);
}

enum order read_order(void)
{
	/* One at a time: two who ask in the same instant want two reports. */
	char text;
	ssize_t length = read(STDIN_FILENO, &text, sizeof(text));

	if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
		return ORDER_STOP;
	return length > 0 && text == '\n' ? ORDER_REPORT : ORDER_NONE;
}

bool is_over(const struct options *options)
{
	time_is_over = time_is_over || now() - started >= options->seconds;
	return time_is_over;
}

static struct bytes parse_hex(const char *text, size_t limit)
{
	size_t digits = strlen(text);
	uint8_t *data = malloc(digits / 2 + 1);

	if (!data)
		die("out of memory");
	if (digits == 0 || digits % 2 != 0 || digits / 2 > limit)
		die("not 1 to %zu bytes in hexadecimal: %.40s", limit, text);
	for (size_t i = 0; i < digits / 2; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], 0};

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
			die("not hexadecimal: %.40s", text);
		data[i] = strtoul(pair, NULL, 16);
	}
	return (struct bytes){data, digits / 2};
}

/* NAME=HEX. The name goes into JSON as it is. */
static struct pattern parse_pattern(const char *text)
{
	const char *equals = strchr(text, '=');
	char *name;

	if (!equals || equals == text)
		die("--match wants NAME=HEX");
	for (const char *c = text; c < equals; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			die("a name is letters, digits, '-', '_' and '.': %.40s", text);
	name = strndup(text, equals - text);
	if (!name)
		die("out of memory");
	return (struct pattern){name, parse_hex(equals + 1, MAX_PATTERN)};
}

struct sockaddr_in parse_end(const char *option, const char *text)
{
	struct sockaddr_in end = {.sin_family = AF_INET};
	const char *colon = text ? strchr(text, ':') : NULL;
	char address[INET_ADDRSTRLEN] = "";

	if (colon && (size_t)(colon - text) < sizeof(address))
		memcpy(address, text, colon - text);
	if (!colon || inet_pton(AF_INET, address, &end.sin_addr) != 1)
		die("--%s wants ADDRESS:PORT", option);
	end.sin_port = htons(strtoul(colon + 1, NULL, 10));
	return end;
}

void print_hex(const uint8_t *data, size_t length)
{
	putchar('"');
	for (size_t i = 0; i < length; i++)
		printf("%02x", data[i]);
	putchar('"');
}

static double parse_number(const char *name, const char *text, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (*text == 0 || *end != 0 || !(value >= 0 && value <= max))
		die("--%s wants a number from 0 to %g, found %.40s", name, max, text);
	return value;
}

static void parse_unfinished(const char *text, struct options *options)
{
	int fields = sscanf(text, "%hu:%hu:%hu:%hhu", &options->checksum_start,
			    &options->checksum_offset, &options->segment, &options->segment_type);

	if (fields != 2 && fields != 4)
		die("--unfinished wants START:OFFSET or START:OFFSET:SIZE:TYPE");
	options->unfinished = true;
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{"device", required_argument, NULL, 'd'},
		{"match", required_argument, NULL, 'm'},
		{"count", required_argument, NULL, 'c'},
		{"rate", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{"timeout", required_argument, NULL, 't'},
		{"to", required_argument, NULL, 'T'},
		{"port", required_argument, NULL, 'p'},
		{"source-port", required_argument, NULL, 'P'},
		{"wait", no_argument, NULL, 'w'},
		{"up", no_argument, NULL, 'u'},
		{"local", no_argument, NULL, 'l'},
		{"push", no_argument, NULL, 'x'},
		{"probe", no_argument, NULL, 'o'},
		{"at", required_argument, NULL, 'a'},
		{"from", required_argument, NULL, 'f'},
		{"ether", required_argument, NULL, 'e'},
		{"data", required_argument, NULL, 'D'},
		{"udp", no_argument, NULL, 'U'},
		{"dns", no_argument, NULL, 'N'},
		{"mapped", no_argument, NULL, 'M'},
		{"unfinished", required_argument, NULL, 'F'},
		{NULL, 0, NULL, 0},
	};
	struct options options = {.count = 1, .rate = 2000, .seconds = 3600, .timeout = 1};
	int which;

	while ((which = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (which) {
		case 'd':
			if (options.device_count == MAX_DEVICES)
				die("more than %d devices", MAX_DEVICES);
			options.devices[options.device_count++] = optarg;
			break;
		case 'm':
			if (options.pattern_count == MAX_PATTERNS)
				die("more than %d patterns", MAX_PATTERNS);
			options.patterns[options.pattern_count++] = parse_pattern(optarg);
			break;
		case 'c':
			options.count = parse_number("count", optarg, 1e9);
			break;
		case 'r':
			options.rate = parse_number("rate", optarg, 1e6);
			break;
		case 's':
			options.seconds = parse_number("seconds", optarg, 86400);
			break;
		case 't':
			options.timeout = parse_number("timeout", optarg, 600);
			break;
		case 'T':
			options.to = optarg;
			break;
		case 'p':
			options.port = parse_number("port", optarg, 65535);
			break;
		case 'P':
			options.source_port = parse_number("source-port", optarg, 65535);
			break;
		case 'w':
			options.wait = true;
			break;
		case 'u':
			options.up = true;
			break;
		case 'l':
			options.local = true;
			break;
		case 'x':
			options.push = true;
			break;
		case 'o':
			options.probe = true;
			break;
		case 'a':
			options.at = optarg;
			break;
		case 'f':
			options.from = optarg;
			break;
		case 'e':
			options.ether = optarg;
			break;
		case 'D':
			options.payload = parse_hex(optarg, MAX_PAYLOAD);
			break;
		case 'U':
			options.udp = true;
			break;
		case 'N':
			options.dns = true;
			break;
		case 'M':
			options.mapped = true;
			break;
		case 'F':
			parse_unfinished(optarg, &options);
			break;
		default:
			fputs(USAGE, stderr);
			exit(2);
		}
	}
	for (; optind < argc; optind++) {
		if (options.frame_count == MAX_FRAMES)
			die("more than %d frames", MAX_FRAMES);
		options.frames[options.frame_count++] = parse_hex(argv[optind], MAX_FRAME);
	}
	if (options.rate < 1)
		die("--rate must be at least 1");
	return options;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *options);
	} verbs[] = {
		{"send", run_send},	    {"count", run_count},   {"serve", run_serve},
		{"connect", run_connect},   {"answer", run_answer}, {"ask", run_ask},
		{"exchange", run_exchange},
	};
	struct options options;

	started = now();
	if (argc < 2) {
		fputs(USAGE, stderr);
		return 2;
	}
	options = parse_options(argc - 1, argv + 1);
	/* Whoever reads may be gone; the end of standard input says so. */
	signal(SIGPIPE, SIG_IGN);
	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0) {
			int code = verbs[i].run(&options);

			return code == 0 && time_is_over ? EXIT_TIME : code;
		}
	fputs(USAGE, stderr);
	return 2;
}
