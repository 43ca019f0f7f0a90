// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whether a table has rows at all. Walking one costs its buckets, which are there when it is empty,
 * too: on a quiet node that is most of what the agent's programs do. */
#pragma once

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/* The kernel's; libbpf compares only that it is a struct. */
struct bpf_map {
};

/* Kernel 6.6. */
extern __s64 bpf_map_sum_elem_count(const struct bpf_map *map) __ksym;

#define HAS_ROWS(map) (bpf_map_sum_elem_count((const struct bpf_map *)&(map)) > 0)
