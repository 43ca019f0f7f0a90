// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "pod.h"

/* As it ended, so do we: whoever started us learns of it. */
__attribute__((noreturn)) static void end_as(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			fail("the process is lost");
	}
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
		exit(128 + WTERMSIG(status));
	}
	exit(WEXITSTATUS(status));
}

void go_on_in_child(void)
{
	pid_t child = fork();

	if (child < 0)
		fail("a process cannot be made");
	if (child == 0)
		return;
	/* Its end of the descriptor is what tells that the child has become the command. */
	close_report();
	/* From a terminal these come to both; what is to be done is said by the child. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	end_as(child);
}
