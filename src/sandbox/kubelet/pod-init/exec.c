// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "pod.h"

struct space {
	const char *name;
	int type, fd;
};

/* All are opened before the first is entered: then /proc is another. */
static void enter_namespaces(const char *process)
{
	struct space spaces[] = {
		{"pid", CLONE_NEWPID, -1}, {"net", CLONE_NEWNET, -1}, {"ipc", CLONE_NEWIPC, -1},
		{"uts", CLONE_NEWUTS, -1}, {"mnt", CLONE_NEWNS, -1},
	};
	size_t count = sizeof(spaces) / sizeof(*spaces);

	for (struct space *space = spaces; space < spaces + count; space++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%s/ns/%s", process, space->name);
		space->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (space->fd < 0)
			fail("%s", path);
	}
	for (struct space *space = spaces; space < spaces + count; space++) {
		if (setns(space->fd, space->type) < 0)
			fail("namespace %s", space->name);
		close(space->fd);
	}
}

int exec_in(int argc, char **argv)
{
	struct privileges privileges = {0};
	const char *cwd = NULL;
	bool terminal = false;
	char **command = NULL;

	for (int i = 1; i < argc && command == NULL; i++) {
		if (strcmp(argv[i], "--cwd") == 0 && i + 1 < argc)
			cwd = argv[++i];
		else if (strcmp(argv[i], "--terminal") == 0)
			terminal = true;
		else if (strcmp(argv[i], "--") == 0 && i + 1 < argc)
			command = argv + i + 1;
		else if (!parse_privilege(&privileges, argv[i])) {
			errno = EINVAL;
			fail("%s", argv[i]);
		}
	}
	if (cwd == NULL || command == NULL) {
		errno = EINVAL;
		fail("exec");
	}
	enter_namespaces(argv[0]);
	if (chdir(cwd) < 0)
		fail("working directory %s", cwd);
	go_on_in_child();
	if (terminal)
		own_terminal();
	take_privileges(&privileges);
	become(command);
}
