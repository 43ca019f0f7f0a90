// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* Says what failed, with errno, on standard error, and ends with 125. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/* Tells whoever waits at descriptor 3 that all is ready. */
void announce(void);

/* Opens a path for reading or as O_PATH as if `root` were "/": no link in it leads out of there. */
int open_in(int root, const char *path, int flags);

/* The same, of something that shall be mounted on: what is missing of the path is made. */
int make_mount_point(int root, const char *path, bool is_directory);

/* `sub` below `base`, which it may not leave; a directory like its parent is made when there is
 * none. */
int open_below(int base, const char *sub);

/* Mounts what `source` is open on at `target`. */
void bind_at(int source, int target, bool read_only, const char *what);

/* What of the machine's mounts a container sees: `root` gets all that hang in the machine's "/". */
void bind_machine_mounts(const char *root, bool read_only);

/* The two things that this program does. */
int hold(int argc, char **argv);
int enter(int argc, char **argv);
