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
