// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "pod.h"

static const char PREFIX[] = "POD_ENV_";

/* What the programs before this one must not read (PATH, LD_PRELOAD) or would lose (names that are
 * none to a shell) comes under a name that says nothing. */
static char **own_environment(void)
{
	size_t count = 0;

	for (char **word = environ; *word != NULL; word++)
		count++;
	char **own = calloc(count + 1, sizeof(*own));

	if (own == NULL)
		fail("environment");
	count = 0;
	for (char **word = environ; *word != NULL; word++) {
		char *value = strchr(*word, '=');

		if (strncmp(*word, PREFIX, sizeof(PREFIX) - 1) == 0 && value != NULL)
			own[count++] = value + 1;
	}
	return own;
}

static const char *search_path(char **environment)
{
	for (char **word = environment; *word != NULL; word++) {
		if (strncmp(*word, "PATH=", 5) == 0)
			return *word + 5;
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

static bool is_nowhere(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

static void try_path(char **command, char **environment)
{
	const char *name = command[0];
	int worst = ENOENT;
	char path[PATH_MAX];

	for (const char *folder = search_path(environment);; folder++) {
		size_t length = strcspn(folder, ":");

		snprintf(path, sizeof(path), "%.*s/%s", length == 0 ? 1 : (int)length,
			 length == 0 ? "." : folder, name);
		struct stat found;

		if (stat(path, &found) == 0 && !S_ISDIR(found.st_mode)) {
			execve(path, command, environment);
			if (errno != EACCES)
				refuse(CANNOT_EXECUTE, "exec %s", path);
			worst = EACCES;
		}
		folder += length;
		if (*folder == '\0')
			break;
	}
	errno = worst == ENOENT ? 0 : worst;
	if (worst == ENOENT)
		refuse(NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", name);
	refuse(CANNOT_EXECUTE, "exec: \"%s\"", name);
}

/* No shell is asked to make sense of what is no program, as execvp() does. */
void become(char **command)
{
	char **environment = own_environment();
	const char *name = command[0];
	struct stat found;

	if (strchr(name, '/') == NULL)
		try_path(command, environment);
	execve(name, command, environment);
	int error = errno;

	if (is_nowhere(error) && stat(name, &found) < 0)
		refuse(NOT_FOUND, "exec: \"%s\": stat %s", name, name);
	errno = error;
	refuse(CANNOT_EXECUTE, "exec: \"%s\"", name);
}

void own_terminal(void)
{
	if (setsid() < 0 || ioctl(STDIN_FILENO, TIOCSCTTY, 1) < 0)
		fail("a terminal of its own");
}
