// SPDX-License-Identifier: Apache-2.0
/*
 * What stands between the sandbox's kubelet and the first process of a pod.
 *
 *   membrane-pod hold HOSTNAME [--tmpfs PATH OPTIONS]...
 *     makes the namespaces that a pod's containers share (ipc, uts, mount), and keeps them.
 *   membrane-pod enter [--read-only-kernel] [--read-only-root] --stage DIR --cwd DIR
 *                      [--mount SOURCE SUBPATH TARGET ro|rw]... -- COMMAND...
 *     is the first process of a container, in its own pid and mount namespace: gives it a root of
 *     its own and becomes the command.
 *
 * Both write one byte to descriptor 3 when they are done. A program and no script, because every
 * container starts with a dozen mounts, and because a target is looked up inside the new root,
 * where a link of a tenant must lead nowhere else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "pod.h"

enum { CANNOT_RUN = 125, READY_FD = 3 };

void fail(const char *format, ...)
{
	int error = errno;
	va_list arguments;

	fputs("membrane-pod: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(CANNOT_RUN);
}

void announce(void)
{
	if (write(READY_FD, ".", 1) != 1)
		fail("nobody waits");
	close(READY_FD);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "hold") == 0)
		return hold(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "enter") == 0)
		return enter(argc - 2, argv + 2);
	errno = EINVAL;
	fail("neither hold nor enter");
}
