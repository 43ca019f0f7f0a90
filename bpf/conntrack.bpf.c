// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Removes dead connections, in the kernel: walking the table from user space would cost a system
 * call an entry. Run by the agent through BPF_PROG_TEST_RUN. */
#include "lib/config.h"
#include "lib/flow.h"
#include "lib/maps.h"
#include "lib/words.h"

/* Ticks that an entry of an endpoint that is gone is kept after its last packet: it is what tells
 * the other end's late packets from a new connection to the address's next owner. */
#define STALE_OWNER_TICKS 120

/* In: nothing. Out: what the run saw. */
struct collect_result {
	__u32 scanned;
	__u32 removed;
};

/* Open connections by opener, counted anew by every run and then written over ct_usage. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, __u32);
	__type(value, __u32);
} ct_census SEC(".maps");

struct collect_context {
	struct collect_result result;
	__u32 now;
};

struct bpf_map;

static __always_inline bool owner_is_gone(__u16 endpoint)
{
	return endpoint && !endpoint_word(endpoint);
}

static void forget_translation(const struct ct_key *key, const struct ct_entry *entry)
{
	struct snat_key snat_key = {
		.nat_port = entry->nat_port,
		.protocol = key->protocol,
	};

	if (entry->opener) {
		snat_key.remote = key->addr[0];
		snat_key.remote_port = key->port[0];
	} else {
		snat_key.remote = key->addr[1];
		snat_key.remote_port = key->port[1];
	}
	if (key->protocol == IPPROTO_ICMP)
		snat_key.remote_port = 0;
	bpf_map_delete_elem(&snat, &snat_key);
}

static long collect_one(struct bpf_map *map, struct ct_key *key, struct ct_entry *entry,
			struct collect_context *context)
{
	__u32 opener = entry->endpoint[entry->opener & 1], *census;
	__u32 last_seen = entry->expires - entry->timeout;
	bool gone = owner_is_gone(entry->endpoint[0]) || owner_is_gone(entry->endpoint[1]);

	context->result.scanned += 1;
	if (entry->expires <= context->now ||
	    (gone && last_seen + STALE_OWNER_TICKS <= context->now)) {
		if ((CONFIG(enable_masquerade) || CONFIG(enable_services)) && entry->nat_port)
			forget_translation(key, entry);
		bpf_map_delete_elem(map, key);
		context->result.removed += 1;
		return 0;
	}
	if (!CONFIG(ct_quota) || (entry->flags & CT_CLOSING))
		return 0;
	census = bpf_map_lookup_elem(&ct_census, &opener);
	if (census)
		*census += 1;
	return 0;
}

static long settle_one(__u32 endpoint, void *unused)
{
	__u32 *census = bpf_map_lookup_elem(&ct_census, &endpoint);
	__u32 *usage = bpf_map_lookup_elem(&ct_usage, &endpoint);

	(void)unused;
	if (!census || !usage)
		return 1;
	if (*usage != *census)
		*usage = *census;
	*census = 0;
	return 0;
}

SEC("syscall")
int collect(struct collect_result *result)
{
	struct collect_context context = {.now = bpf_ktime_get_ns() >> 30};

	bpf_for_each_map_elem(&conntrack, collect_one, &context, 0);
	if (CONFIG(ct_quota))
		bpf_loop(MAX_ENDPOINTS, settle_one, 0, 0);
	*result = context.result;
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
