// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "pod.h"

struct request {
	bool beside, read_only_kernel, read_only_root, terminal;
	struct privileges privileges;
	const char *stage, *cwd;
	/* Four words each: source, path below it, target, ro or rw. */
	char **mounts;
	int mount_count;
	char **command;
};

static void parse(struct request *request, int argc, char **argv)
{
	char **end = argv + argc;

	for (char **word = argv; word < end; word++) {
		if (strcmp(*word, "--beside") == 0) {
			request->beside = true;
		} else if (strcmp(*word, "--terminal") == 0) {
			request->terminal = true;
		} else if (strcmp(*word, "--read-only-kernel") == 0) {
			request->read_only_kernel = true;
		} else if (strcmp(*word, "--read-only-root") == 0) {
			request->read_only_root = true;
		} else if (strcmp(*word, "--stage") == 0 && end - word > 1) {
			request->stage = *++word;
		} else if (strcmp(*word, "--cwd") == 0 && end - word > 1) {
			request->cwd = *++word;
		} else if (strcmp(*word, "--mount") == 0 && end - word > 4) {
			if (request->mounts == NULL)
				request->mounts = word;
			request->mount_count++;
			word += 4;
		} else if (strcmp(*word, "--") == 0 && end - word > 1) {
			request->command = word + 1;
			break;
		} else if (!parse_privilege(&request->privileges, *word)) {
			errno = EINVAL;
			fail("%s", *word);
		}
	}
	if (request->stage == NULL || request->cwd == NULL || request->command == NULL) {
		errno = EINVAL;
		fail("enter");
	}
}

static void make_directory(const char *path)
{
	if (mkdir(path, 0755) < 0)
		fail("%s", path);
}

/*
 * The machine's files, and what the container writes on top of them in memory. Where the kernel
 * cannot do that (no overlayfs, too many of them stacked), the machine's files themselves: then
 * nothing is made for a mount, and the container's log says so.
 */
static void make_root(const char *stage, char *root)
{
	char upper[PATH_MAX / 4], work[PATH_MAX / 4], options[PATH_MAX];

	if (mount("tmpfs", stage, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		fail("%s", stage);
	snprintf(root, PATH_MAX / 4, "%s/root", stage);
	snprintf(upper, sizeof(upper), "%s/upper", stage);
	snprintf(work, sizeof(work), "%s/work", stage);
	make_directory(root);
	make_directory(upper);
	make_directory(work);
	snprintf(options, sizeof(options), "lowerdir=/,upperdir=%s,workdir=%s", upper, work);
	if (mount("overlay", root, "overlay", 0, options) == 0)
		return;
	fprintf(stderr, "membrane-pod: no files of its own for this container (overlay: %s)\n",
		strerror(errno));
	if (mount("/", root, NULL, MS_BIND, NULL) < 0)
		fail("%s", root);
}

static void mount_in(const char *root, const char *path, const char *type, unsigned long flags,
		     const char *options)
{
	char target[PATH_MAX];

	snprintf(target, sizeof(target), "%s%s", root, path);
	if (mount(type, target, type, flags, options) < 0)
		fail("%s", path);
}

static void close_to_writers(const char *root, const char *path)
{
	char target[PATH_MAX];

	snprintf(target, sizeof(target), "%s%s", root, path);
	if (mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		fail("%s cannot be made read-only", target);
}

/* /run and /sys of the machine hold the sandbox's tokens, and the agents' sockets and pins. */
static void mount_kernel(const char *root, bool read_only)
{
	unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	mount_in(root, "/proc", "proc", safe, NULL);
	if (read_only) {
		char sysctls[PATH_MAX];

		snprintf(sysctls, sizeof(sysctls), "%s/proc/sys", root);
		if (mount(sysctls, sysctls, NULL, MS_BIND, NULL) < 0)
			fail("%s", sysctls);
		close_to_writers(root, "/proc/sys");
	}
	mount_in(root, "/sys", "sysfs", safe | (read_only ? MS_RDONLY : 0), NULL);
	mount_in(root, "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64m");
}

static void mount_volumes(const char *root, const struct request *request)
{
	int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (top < 0)
		fail("%s", root);
	for (int i = 0; i < request->mount_count; i++) {
		char **words = request->mounts + (size_t)i * 5 + 1;
		const char *target = words[2];
		struct stat kind;
		int base = open(words[0], O_PATH | O_CLOEXEC);
		int source = base < 0 ? -1 : open_below(base, words[1]);

		if (source < 0 || fstat(source, &kind) < 0)
			fail("%s: subPath \"%s\" of its volume", target, words[1]);
		int point = make_mount_point(top, target, S_ISDIR(kind.st_mode));

		bind_at(source, point, strcmp(words[3], "ro") == 0, target);
		close(base);
		close(source);
		close(point);
	}
	close(make_mount_point(top, request->cwd, true));
	close(top);
}

/* Nothing of the machine's own tree of mounts is left behind the new root. */
static void turn_into(const char *root)
{
	if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0)
		fail("the root cannot be changed");
}

/* The child is the first process of the pid namespace. */
static void make_namespaces(bool beside)
{
	if (unshare(CLONE_NEWNS | (beside ? 0 : CLONE_NEWPID)) < 0)
		fail("namespaces cannot be made");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail("mounts cannot be kept apart");
}

int enter(int argc, char **argv)
{
	struct request request = {0};
	char root[PATH_MAX / 4];

	parse(&request, argc, argv);
	make_namespaces(request.beside);
	go_on_in_child();
	make_root(request.stage, root);
	bind_machine_mounts(root, request.read_only_root);
	mount_kernel(root, request.read_only_kernel);
	mount_volumes(root, &request);
	if (request.read_only_root) {
		close_to_writers(root, "/run");
		close_to_writers(root, "");
	}
	turn_into(root);
	if (chdir(request.cwd) < 0)
		fail("working directory %s", request.cwd);
	if (request.terminal)
		own_terminal();
	take_privileges(&request.privileges);
	/* When our parent goes, the container goes; a change of user forgets it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		fail("prctl");
	announce();
	become(request.command);
}
