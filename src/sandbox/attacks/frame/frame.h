// SPDX-License-Identifier: Apache-2.0
/*
 * membrane-frame: what an attacker does on the wire, and the counters that prove what became of it.
 * Run inside the network namespace of a pod, the node or the world by the demonstration and tests.
 *
 * Every verb is bounded in time (--seconds) and talks JSON, one object a line, on standard output.
 * A newline on standard input asks for a report; the end of standard input is the order to stop, so
 * that nothing outlives whoever started it. The last line is always the final report.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MAX_DEVICES = 8,
	MAX_FRAMES = 256,
	MAX_FRAME = 9216,
	MAX_PATTERNS = 32,
	MAX_PATTERN = 64,
	MAX_CONNECTIONS = 64,
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
	long count;	  /* --count: times each frame is sent; 0: until stopped */
	long rate;	  /* --rate: frames or messages a second */
	double seconds;	  /* --seconds: the end, whatever happens */
	double timeout;	  /* --timeout: seconds for a connection to come about */
	bool wait;	  /* --wait: for the device to exist and to be up */
	bool up;	  /* --up: do not wait for others to set it up */
	bool local;	  /* --local: count what the IP stack delivers to this host */
	bool push;	  /* --push: the server keeps sending */
	bool probe;	  /* --probe: end once the connection stands or does not */
	const char *to;	  /* --to ADDRESS:PORT */
	long port;	  /* --port: listen there */
	long source_port; /* --source-port */
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

int run_send(const struct options *options);
int run_count(const struct options *options);
int run_serve(const struct options *options);
int run_connect(const struct options *options);
