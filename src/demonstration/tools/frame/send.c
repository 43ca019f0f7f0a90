// SPDX-License-Identifier: Apache-2.0
/* send: raw frames through AF_PACKET, from the first instant that the device takes them. */
#define _GNU_SOURCE
#include "frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Between two looks for a device that is not there yet. */
#define LOOK_US 50

struct report {
	long sent;
	long failed;
	int first_error;
	double waited; /* seconds until the device took the first frame; -1: never */
};

static void print_report(const struct report *report)
{
	printf("{\"sent\":%ld,\"failed\":%ld,\"firstError\":\"%s\",\"waitedMs\":%.3f}\n",
	       report->sent, report->failed,
	       report->first_error ? strerrorname_np(report->first_error) : "",
	       report->waited < 0 ? -1 : report->waited * 1000);
}

/* Index of the named device, or of the first that is not the loopback; 0: there is none. */
static unsigned find_device(const struct options *options)
{
	struct if_nameindex *all;
	unsigned found = 0;

	if (options->device_count > 0)
		return if_nametoindex(options->devices[0]);
	all = if_nameindex();
	for (struct if_nameindex *one = all; one && one->if_index && !found; one++)
		if (strcmp(one->if_name, "lo") != 0)
			found = one->if_index;
	if_freenameindex(all);
	return found;
}

/* True when the device is up; with --up it is made so. */
static bool is_up(int fd, unsigned index, bool set)
{
	struct ifreq request = {};

	if (!if_indextoname(index, request.ifr_name) || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return false;
	if (request.ifr_flags & IFF_UP)
		return true;
	if (!set)
		return false;
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

/* The device to send on, or 0 when the order to stop came first. */
static unsigned wait_for_device(const struct options *options, int fd, const struct report *report)
{
	for (;;) {
		unsigned index = find_device(options);
		enum order order;

		if (index && (!options->wait || is_up(fd, index, options->up)))
			return index;
		if (!options->wait)
			die("there is no device %s",
			    options->device_count ? options->devices[0] : "but the loopback");
		order = read_order();
		if (order == ORDER_STOP || is_over(options))
			return 0;
		if (order == ORDER_REPORT)
			print_report(report);
		usleep(LOOK_US);
	}
}

static void send_frame(int fd, unsigned index, const struct options *options,
		       const struct bytes *frame, struct report *report)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = index,
		.sll_halen = ETH_ALEN,
	};
	struct virtio_net_hdr unfinished = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = options->checksum_start,
		.csum_offset = options->checksum_offset,
		.gso_type = options->segment ? options->segment_type : VIRTIO_NET_HDR_GSO_NONE,
		.gso_size = options->segment,
		.hdr_len = options->segment ? options->checksum_start : 0,
	};
	struct iovec parts[] = {
		{&unfinished, sizeof(unfinished)},
		{(void *)frame->data, frame->length},
	};
	struct msghdr message = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = options->unfinished ? parts : parts + 1,
		.msg_iovlen = options->unfinished ? 2 : 1,
	};

	if (sendmsg(fd, &message, 0) >= 0) {
		report->sent++;
		return;
	}
	report->failed++;
	if (!report->first_error)
		report->first_error = errno;
}

int run_send(const struct options *options)
{
	struct report report = {.waited = -1};
	double begin = now(), first;
	long total = options->count * options->frame_count;
	/* Protocol 0: this socket only sends. */
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
	unsigned index;

	if (fd < 0)
		die("AF_PACKET socket: %s", strerror(errno));
	/* Past the queue of the device, which swallows frames without a word while there is no
	 * carrier. */
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0)
		die("PACKET_QDISC_BYPASS: %s", strerror(errno));
	if (options->unfinished && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		die("PACKET_VNET_HDR: %s", strerror(errno));
	if (options->frame_count == 0)
		die("no frame to send");
	index = wait_for_device(options, fd, &report);
	first = now();
	for (long done = 0; index && !is_over(options) && (!total || done < total);) {
		struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
		long due = (now() - first) * options->rate + 1;

		/* A bounded burst, so that orders are read in time. */
		for (int burst = 0; done < due && burst < 64 && (!total || done < total); burst++) {
			send_frame(fd, index, options,
				   &options->frames[done % options->frame_count], &report);
			if (report.sent == 1 && report.waited < 0)
				report.waited = now() - begin;
			done++;
		}
		poll(&input, 1, done < due ? 0 : 1);
		if (input.revents) {
			enum order order = read_order();

			if (order == ORDER_STOP)
				break;
			if (order == ORDER_REPORT)
				print_report(&report);
		}
	}
	print_report(&report);
	return 0;
}
