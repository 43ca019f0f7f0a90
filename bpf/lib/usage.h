// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts that several CPUs keep, of what somebody has of a table. */
#pragma once

#include <linux/types.h>

#define USAGE_TRIES 16

/* One less, never below zero: what two CPUs give back at once, or what was never taken, the
 * collector sets right. Returns what there was. */
static __always_inline __u32 usage_give(__u32 *usage)
{
	for (int i = 0; i < USAGE_TRIES; i++) {
		__u32 old = *(volatile __u32 *)usage;

		if (!old || __sync_val_compare_and_swap(usage, old, old - 1) == old)
			return old;
	}
	return 0;
}

/* True when there was one left of `limit`. */
static __always_inline bool usage_take(__u32 *usage, __u32 limit)
{
	if (__sync_fetch_and_add(usage, 1) < limit)
		return true;
	usage_give(usage);
	return false;
}

/* After a walk over everything that is counted: what was there when it began (`before`, less what
 * the walk took away) and was not found was counted by mistake. What came meanwhile may have been
 * found or not: the count is never put below what there is. Returns it. */
static __always_inline __u32 usage_settle(__u32 *usage, __u32 before, __u32 found)
{
	__u32 used;

	if (before > found)
		__sync_fetch_and_sub(usage, before - found);
	used = *(volatile __u32 *)usage;
	if (used < found || (__s32)used < 0)
		*usage = used = found;
	return used;
}
