// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "pod.h"

static int open_resolved(int base, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, base, path, &how, sizeof(how));
}

int open_in(int root, const char *path, int flags)
{
	return open_resolved(root, path, flags, RESOLVE_IN_ROOT);
}

/* Makes the last step of a path below its open parent. A link that leads nowhere makes room. */
static void make_step(int parent, const char *name, bool is_directory, const char *path)
{
	char link[1];

	if (readlinkat(parent, name, link, sizeof(link)) >= 0 && unlinkat(parent, name, 0) < 0)
		fail("%s is a link that leads nowhere", path);
	if (is_directory) {
		if (mkdirat(parent, name, 0755) < 0)
			fail("%s cannot be made", path);
		return;
	}
	int fd = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		fail("%s cannot be made", path);
	close(fd);
}

int make_mount_point(int root, const char *path, bool is_directory)
{
	char here[PATH_MAX];
	size_t length = strlen(path);
	int parent = open_in(root, "/", O_PATH | O_DIRECTORY);

	if (parent < 0 || length >= sizeof(here))
		fail("%s", path);
	for (size_t start = 0; start < length;) {
		while (path[start] == '/')
			start++;
		size_t end = start + strcspn(path + start, "/");

		if (end == start)
			break;
		memcpy(here, path, end);
		here[end] = '\0';
		bool is_last = path[end + strspn(path + end, "/")] == '\0';
		int next = open_in(root, here, O_PATH);

		if (next < 0 && errno == ENOENT) {
			make_step(parent, here + start, is_directory || !is_last, here);
			next = open_in(root, here, O_PATH);
		}
		if (next < 0)
			fail("%s", here);
		close(parent);
		parent = next;
		start = end;
	}
	return parent;
}

int open_below(int base, const char *sub)
{
	char here[PATH_MAX];
	size_t length = strlen(sub);
	int parent = fcntl(base, F_DUPFD_CLOEXEC, 0);
	struct stat above;

	if (length == 0)
		return parent;
	int there = open_resolved(base, sub, O_PATH, RESOLVE_BENEATH);

	if (there >= 0 || errno != ENOENT)
		return there;
	if (fstat(base, &above) < 0 || length >= sizeof(here))
		return -1;
	for (size_t end = 0; end < length; end++) {
		end += strcspn(sub + end, "/");
		memcpy(here, sub, end);
		here[end] = '\0';
		int next = open_resolved(base, here, O_PATH, RESOLVE_BENEATH);

		if (next < 0 && errno == ENOENT) {
			const char *slash = strrchr(here, '/');

			if (mkdirat(parent, slash == NULL ? here : slash + 1, 0700) < 0)
				return -1;
			next = open_resolved(base, here, O_PATH, RESOLVE_BENEATH);
			int made = next < 0 ? -1 : openat(next, ".", O_RDONLY | O_CLOEXEC);

			if (made < 0 || fchown(made, above.st_uid, above.st_gid) < 0 ||
			    fchmod(made, above.st_mode & 07777) < 0)
				return -1;
			close(made);
		}
		if (next < 0)
			return -1;
		close(parent);
		parent = next;
	}
	return parent;
}

void bind_at(int source, int target, bool read_only, const char *what)
{
	char from[64], to[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", source);
	snprintf(to, sizeof(to), "/proc/self/fd/%d", target);
	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
		fail("%s cannot be mounted", what);
	if (!read_only)
		return;
	/* The descriptor is still on what the mount covers: its path is where the mount is. */
	char path[PATH_MAX];
	ssize_t length = readlink(to, path, sizeof(path) - 1);

	if (length < 0)
		fail("%s", what);
	path[length] = '\0';
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		fail("%s cannot be made read-only", what);
}
