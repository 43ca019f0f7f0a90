// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include "pod.h"

/* Of a container's own. */
static const char *const OWN[] = {"/proc", "/sys", "/run"};

static bool is_own(const char *path)
{
	for (size_t i = 0; i < sizeof(OWN) / sizeof(*OWN); i++) {
		size_t length = strlen(OWN[i]);

		if (strncmp(path, OWN[i], length) == 0 &&
		    (path[length] == '/' || path[length] == '\0'))
			return true;
	}
	return false;
}

/* mountinfo writes blanks and the like as a backslash and three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; to++) {
		if (*from == '\\' && strlen(from) > 3) {
			char digits[4] = {from[1], from[2], from[3], '\0'};

			*to = (char)strtol(digits, NULL, 8);
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static void bind_one(const char *root, const char *path, bool read_only)
{
	char target[PATH_MAX * 2];

	snprintf(target, sizeof(target), "%s%s", root, path);
	/* One that another mount hides has no place in the new root, as it has none in the old. */
	if (mount(path, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		return;
	if (read_only && strcmp(path, "/dev") != 0)
		mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
}

void bind_machine_mounts(const char *root, bool read_only)
{
	FILE *list = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	int top = -1;

	if (list == NULL)
		fail("/proc/self/mountinfo");
	for (int round = 0; round < 2; round++) {
		rewind(list);
		while (getline(&line, &size, list) > 0) {
			int id, parent;
			char path[PATH_MAX];

			if (sscanf(line, "%d %d %*s %*s %4095s", &id, &parent, path) != 3)
				continue;
			unescape(path);
			/* First which mount is the root, then what hangs in it. */
			if (round == 0 && strcmp(path, "/") == 0)
				top = id;
			else if (round == 1 && parent == top && strcmp(path, "/") != 0 &&
				 !is_own(path))
				bind_one(root, path, read_only);
		}
	}
	free(line);
	fclose(list);
}
