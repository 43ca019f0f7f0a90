// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How we end when there is no command to end as; the last two are a shell's. */
enum { CANNOT_RUN = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127 };

/* What a command may do; a part that is not there is left as it is. */
struct privileges {
	bool is_bounded, has_user, has_group, has_groups, no_new_privileges;
	uint64_t bounding;
	uid_t user;
	gid_t group;
	/* Numbers with commas between them. */
	const char *groups;
};

/* Says what failed, with errno, to whoever waits at descriptor 3, else on standard error, and ends
 * with 125. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/* The same of a command that cannot be run, with a code that says why; without errno when it is 0.
 */
__attribute__((noreturn, format(printf, 2, 3))) void refuse(int code, const char *format, ...);

/* Tells whoever waits at descriptor 3 that all is ready. */
void announce(void);

/* Whoever waits there hears no more of this process. */
void close_report(void);

/* Returns in a child; the parent ends as that does. */
void go_on_in_child(void);

/* False: the word is no option of this kind. */
bool parse_privilege(struct privileges *all, const char *word);

void take_privileges(const struct privileges *all);

/* A session of its own, whose terminal is that on standard input. */
void own_terminal(void);

/* Becomes the command, looked for in the container's own PATH, with its own environment. */
__attribute__((noreturn)) void become(char **command);

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

/* The three things that this program does. */
int hold(int argc, char **argv);
int enter(int argc, char **argv);
int exec_in(int argc, char **argv);
