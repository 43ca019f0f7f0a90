// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/config.h"
#include "lib/maps.h"

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	__u32 id = CONFIG(endpoint);
	__u64 *word = bpf_map_lookup_elem(&endpoint_words, &id);
	return word && *word ? 0 : 2;
}

char license[] SEC("license") = "Dual BSD/GPL";
