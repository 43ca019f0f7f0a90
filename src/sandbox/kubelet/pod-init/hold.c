// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>
#include "pod.h"

static void loopback_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo"};

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		fail("loopback");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		fail("loopback cannot be set up");
	close(fd);
}

/* Of the network namespace that we are in. One that this kernel does not have is left out. */
static void set_sysctl(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail("%s cannot be set", name);
	close(fd);
}

int hold(int argc, char **argv)
{
	if (argc < 1 || (argc - 1) % 3 != 0) {
		errno = EINVAL;
		fail("hold");
	}
	if (unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) < 0)
		fail("namespaces cannot be made");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail("mounts cannot be kept apart");
	/* A copy would keep the namespaces of deleted pods alive. */
	umount2("/run/netns", MNT_DETACH);
	if (sethostname(argv[0], strlen(argv[0])) < 0)
		fail("host name %s", argv[0]);
	loopback_up();
	for (char **words = argv + 1; words < argv + argc; words += 3) {
		if (strcmp(words[0], "--sysctl") == 0) {
			set_sysctl(words[1], words[2]);
			continue;
		}
		if (strcmp(words[0], "--tmpfs") != 0)
			fail("unknown option %s", words[0]);
		if (mount("tmpfs", words[1], "tmpfs", MS_NOSUID | MS_NODEV, words[2]) < 0)
			fail("%s cannot be made (%s)", words[1], words[2]);
	}
	announce();
	close_report();
	for (;;)
		pause();
}
