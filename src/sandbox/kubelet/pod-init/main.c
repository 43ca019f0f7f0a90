// SPDX-License-Identifier: Apache-2.0
/*
 * What stands between the sandbox's kubelet and the first process of a pod.
 *
 *   membrane-pod hold HOSTNAME [--sysctl NAME VALUE]... [--tmpfs PATH OPTIONS]...
 *     makes the namespaces that a pod's containers share (ipc, uts, mount), and keeps them.
 *   membrane-pod enter [--beside] [--read-only-kernel] [--read-only-root] [--terminal] --stage DIR
 *                      --cwd DIR [--mount SOURCE SUBPATH TARGET ro|rw]... [PRIVILEGE]... --
 * COMMAND... makes the first process of a container, in a mount namespace and (unless --beside) a
 * pid namespace of its own: gives it a root and becomes the command. Stays until that ends.
 *   membrane-pod exec PID --cwd DIR [--terminal] [PRIVILEGE]... -- COMMAND...
 *     makes one more process in the container of PID.
 *
 * PRIVILEGE: the options of setpriv(1) of that name: --bounding-set, --reuid, --regid, --groups,
 * --clear-groups, --no-new-privs. The environment of the command comes as POD_ENV_n=NAME=VALUE.
 *
 * The first two write one byte to descriptor 3 when they are done, and close it, `enter` by
 * becoming the command: what else is read from it says why that failed. A program and no script,
 * because every container starts with a dozen mounts, because a target is looked up inside the new
 * root, where a link of a tenant must lead nowhere else, and because no program of a container's
 * root may run before its privileges are taken away.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "pod.h"

enum { READY_FD = 3 };

static int report = STDERR_FILENO;

__attribute__((noreturn)) static void end(int code, int error, const char *format,
					  va_list arguments)
{
	vdprintf(report, format, arguments);
	if (error != 0) {
		const char *why = strerror(error);

		/* Container runtimes are written in Go, which has them in small letters. */
		dprintf(report, ": %c%s", tolower((unsigned char)*why), why + 1);
	}
	if (report == STDERR_FILENO)
		dprintf(report, "\n");
	exit(code);
}

void fail(const char *format, ...)
{
	int error = errno;
	va_list arguments;

	if (report == STDERR_FILENO)
		dprintf(report, "membrane-pod: ");
	va_start(arguments, format);
	end(CANNOT_RUN, error, format, arguments);
}

void refuse(int code, const char *format, ...)
{
	int error = errno;
	va_list arguments;

	va_start(arguments, format);
	end(code, error, format, arguments);
}

static void report_to_waiter(void)
{
	if (fcntl(READY_FD, F_SETFD, FD_CLOEXEC) < 0)
		fail("nobody waits");
	report = READY_FD;
}

void close_report(void)
{
	if (report == STDERR_FILENO)
		return;
	close(report);
	report = STDERR_FILENO;
}

void announce(void)
{
	if (write(READY_FD, ".", 1) != 1)
		fail("nobody waits");
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "exec") == 0)
		return exec_in(argc - 2, argv + 2);
	report_to_waiter();
	if (argc > 1 && strcmp(argv[1], "hold") == 0)
		return hold(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "enter") == 0)
		return enter(argc - 2, argv + 2);
	errno = EINVAL;
	fail("neither hold, enter nor exec");
}
