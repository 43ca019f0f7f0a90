// SPDX-License-Identifier: Apache-2.0
/*
 * membrane-frame: what an attacker does on the wire, and the counters that prove what became of it.
 * Run inside the network namespace of a pod, the node or the world by the demonstration and tests.
 *
 * Every verb is bounded in time (--seconds) and talks JSON, one object a line, on standard output.
 * A newline on standard input asks for a report; the end of standard input is the order to stop, so
 * that nothing outlives whoever started it. The last line is always the final report. Exit code
 * EXIT_TIME: its time was over before it had done what it was asked for.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MAX_DEVICES = 8,
	MAX_FRAMES = 16384,
	MAX_FRAME = 9216,
	MAX_PATTERNS = 32,
	MAX_PATTERN = 64,
	MAX_CONNECTIONS = 64,
	MAX_PAYLOAD = 1024,
	MAX_ANSWER = 4096,
	EXIT_TIME = 3,
};

struct bytes {
	const uint8_t *data;
	size_t length;
};

struct pattern {
	const char *name;
	struct bytes bytes;
};

struct options {
	const char *devices[MAX_DEVICES]; /* --device */
	int device_count;
	struct pattern patterns[MAX_PATTERNS]; /* --match NAME=HEX */
	int pattern_count;
	struct bytes frames[MAX_FRAMES]; /* arguments: HEX */
	int frame_count;
	long count;	      /* --count: times each frame is sent; 0: until stopped */
	long rate;	      /* --rate: frames or messages a second */
	double seconds;	      /* --seconds: the end, whatever happens */
	double timeout;	      /* --timeout: seconds for a connection to come about */
	bool wait;	      /* --wait: for the device to exist and to be up */
	bool up;	      /* --up: do not wait for others to set it up */
	bool local;	      /* --local: count what the IP stack delivers to this host */
	bool push;	      /* --push: the server keeps sending */
	bool probe;	      /* --probe: end once the connection stands or does not */
	const char *to;	      /* --to ADDRESS:PORT */
	long port;	      /* --port: listen there */
	long source_port;     /* --source-port */
	const char *at;	      /* --at ADDRESS:PORT: listen there, TCP and UDP */
	const char *from;     /* --from ADDRESS */
	const char *ether;    /* --ether MAC: whom frames are for */
	struct bytes payload; /* --data HEX: what is asked or answered */
	bool udp;	      /* --udp: a datagram instead of a connection */
	bool dns;	      /* --dns: answer queries for an address (RFC 1035) */
	bool unfinished;      /* --unfinished START:OFFSET[:SIZE:TYPE]: the kernel is to write the
				 checksum of what is from START on at START + OFFSET, and to cut the
				 frame into segments of SIZE bytes (TYPE as virtio says it) */
	uint16_t checksum_start;
	uint16_t checksum_offset;
	uint16_t segment;
	uint8_t segment_type;
	bool mapped; /* --mapped: an IPv6 socket that talks IPv4 (RFC 4291, 2.5.5.2) */
};

/* What whoever started this wants. */
enum order {
	ORDER_NONE,
	ORDER_REPORT,
	ORDER_STOP,
};

double now(void);
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
/* Never blocks. */
enum order read_order(void);
/* True when the time of `options` is over. */
bool is_over(const struct options *options);

/* ADDRESS:PORT of the option that is named for the message. */
struct sockaddr_in parse_end(const char *option, const char *text);
/* A JSON string of hexadecimal digits, quotes included. */
void print_hex(const uint8_t *data, size_t length);

int run_send(const struct options *options);
int run_count(const struct options *options);
int run_serve(const struct options *options);
int run_connect(const struct options *options);
int run_answer(const struct options *options);
int run_ask(const struct options *options);
int run_exchange(const struct options *options);
