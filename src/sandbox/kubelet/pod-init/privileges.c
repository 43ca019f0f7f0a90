// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "pod.h"

/* By their numbers (linux/capability.h). */
static const char *const NAMES[] = {
	"chown",
	"dac_override",
	"dac_read_search",
	"fowner",
	"fsetid",
	"kill",
	"setgid",
	"setuid",
	"setpcap",
	"linux_immutable",
	"net_bind_service",
	"net_broadcast",
	"net_admin",
	"net_raw",
	"ipc_lock",
	"ipc_owner",
	"sys_module",
	"sys_rawio",
	"sys_chroot",
	"sys_ptrace",
	"sys_pacct",
	"sys_admin",
	"sys_boot",
	"sys_nice",
	"sys_resource",
	"sys_time",
	"sys_tty_config",
	"mknod",
	"lease",
	"audit_write",
	"audit_control",
	"setfcap",
	"mac_override",
	"mac_admin",
	"syslog",
	"wake_alarm",
	"block_suspend",
	"audit_read",
	"perfmon",
	"bpf",
	"checkpoint_restore",
};
enum { NAME_COUNT = sizeof(NAMES) / sizeof(*NAMES) };

static uint64_t capability(const char *name, size_t length)
{
	for (size_t i = 0; i < NAME_COUNT; i++) {
		if (strlen(NAMES[i]) == length && strncmp(NAMES[i], name, length) == 0)
			return UINT64_C(1) << i;
	}
	errno = EINVAL;
	fail("unknown capability %s", name);
}

/* "-all,+chown,+kill" */
static uint64_t capabilities(const char *list)
{
	uint64_t set = 0;

	for (const char *word = list; *word != '\0';) {
		size_t length = strcspn(word, ",");

		if (*word == '+')
			set |= capability(word + 1, length - 1);
		word += length + (word[length] == ',');
	}
	return set;
}

static unsigned int number(const char *digits)
{
	char *end;
	unsigned long value = strtoul(digits, &end, 10);

	if (end == digits || (*end != '\0' && *end != ',') || value > UINT_MAX) {
		errno = EINVAL;
		fail("%s", digits);
	}
	return (unsigned int)value;
}

static const char *value_of(const char *word, const char *option)
{
	size_t length = strlen(option);

	return strncmp(word, option, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

bool parse_privilege(struct privileges *all, const char *word)
{
	const char *value;

	if ((value = value_of(word, "--bounding-set")) != NULL) {
		all->is_bounded = true;
		all->bounding = capabilities(value);
	} else if ((value = value_of(word, "--reuid")) != NULL) {
		all->has_user = true;
		all->user = number(value);
	} else if ((value = value_of(word, "--regid")) != NULL) {
		all->has_group = true;
		all->group = number(value);
	} else if ((value = value_of(word, "--groups")) != NULL) {
		all->has_groups = true;
		all->groups = value;
	} else if (strcmp(word, "--clear-groups") == 0) {
		all->has_groups = true;
		all->groups = "";
	} else if (strcmp(word, "--no-new-privs") == 0) {
		all->no_new_privileges = true;
	} else {
		/* Of these there are none in any case. */
		return strcmp(word, "--inh-caps=-all") == 0 ||
		       strcmp(word, "--ambient-caps=-all") == 0;
	}
	return true;
}

/* What root keeps across exec is the bounding set; others keep nothing. */
static void bound(uint64_t set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	for (unsigned int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++) {
		if ((i >= 64 || (set >> i & 1) == 0) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			fail("capability %u cannot be dropped", i);
	}
	if (syscall(SYS_capget, &header, data) < 0)
		fail("capabilities");
	data[0].inheritable = data[1].inheritable = 0;
	if (syscall(SYS_capset, &header, data) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		fail("capabilities cannot be set");
}

static void set_groups(const char *list)
{
	gid_t groups[NGROUPS_MAX > 1024 ? 1024 : NGROUPS_MAX];
	size_t count = 0;

	for (const char *word = list; *word != '\0';) {
		size_t length = strcspn(word, ",");

		if (count == sizeof(groups) / sizeof(*groups)) {
			errno = EINVAL;
			fail("too many groups");
		}
		groups[count++] = number(word);
		word += length + (word[length] == ',');
	}
	if (setgroups(count, groups) < 0)
		fail("groups cannot be set");
}

void take_privileges(const struct privileges *all)
{
	if (all->is_bounded)
		bound(all->bounding);
	if (all->has_groups)
		set_groups(all->groups);
	if (all->has_group && setresgid(all->group, all->group, all->group) < 0)
		fail("group %u", all->group);
	if (all->has_user && setresuid(all->user, all->user, all->user) < 0)
		fail("user %u", all->user);
	if (all->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("no_new_privs cannot be set");
}
