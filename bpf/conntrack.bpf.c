// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Removes dead connections, in the kernel: walking the table from user space would cost a system
 * call an entry. Run by the agent through BPF_PROG_TEST_RUN. */
#include "lib/affinity.h"
#include "lib/config.h"
#include "lib/removal.h"
#include "lib/rows.h"
#include "lib/words.h"

/* Ticks after which a port without a connection is free again: far longer than it takes to write
 * the one after the other. */
#define ORPHAN_TICKS 2

/* What a run finds, by account. */
struct census {
	__u32 before; /* ct_usage when the run began, less what it has removed */
	__u32 found;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ACCOUNT_COUNT);
	__type(key, __u32);
	__type(value, struct census);
} ct_census SEC(".maps");

struct collect_context {
	struct collect_result result;
	__u32 now;
	__u32 common;	 /* what accounts have beyond their guaranteed part */
	__u32 elsewhere; /* the same of pods elsewhere */
};

static __always_inline bool owner_is_gone(__u16 endpoint)
{
	return pod_of(endpoint) && !endpoint_word(endpoint);
}

static long prepare_one(__u32 account, void *unused)
{
	struct census *census = bpf_map_lookup_elem(&ct_census, &account);
	__u32 *usage = bpf_map_lookup_elem(&ct_usage, &account);

	(void)unused;
	if (!census || !usage)
		return 1;
	census->before = *usage;
	census->found = 0;
	return 0;
}

static long prepare_tenant(struct bpf_map *map, __u64 *number, struct tenant_account *account,
			   void *unused)
{
	(void)map;
	(void)number;
	(void)unused;
	for (int i = 0; i < TENANT_RESOURCES; i++) {
		account->before[i] = account->used[i];
		account->found[i] = 0;
	}
	return 0;
}

static long settle_tenant(struct bpf_map *map, __u64 *number, struct tenant_account *account,
			  void *unused)
{
	(void)map;
	(void)number;
	(void)unused;
	for (int i = 0; i < TENANT_RESOURCES; i++)
		usage_settle(&account->used[i], account->before[i], account->found[i]);
	return 0;
}

/* An entry that stays, or is no more. */
static __always_inline void census_tenant(struct tenant_account *account, bool paid, bool port,
					  bool stays)
{
	if (!account)
		return;
	for (int i = 0; i < TENANT_RESOURCES; i++) {
		if (i == TENANT_NAT_PORTS ? !port : !paid)
			continue;
		if (stays)
			account->found[i] += 1;
		else if (account->before[i])
			account->before[i] -= 1;
	}
}

static long collect_one(struct bpf_map *map, struct ct_key *key, struct ct_entry *entry,
			struct collect_context *context)
{
	__u8 opener = entry->opener & 1;
	__u32 account = ct_account(entry->endpoint[opener], entry->identity[opener]);
	__u32 last_seen = entry->expires - entry->timeout;
	bool gone = owner_is_gone(entry->endpoint[0]) || owner_is_gone(entry->endpoint[1]);
	struct census *census = bpf_map_lookup_elem(&ct_census, &account);
	bool limited, port = entry->nat_port, paid = ct_is_paid(entry->flags);
	struct tenant_account *tenant = tenant_account_of(entry->identity[opener], &limited);

	(void)map;
	context->result.scanned += 1;
	if (entry->expires <= context->now ||
	    (gone && last_seen + STALE_OWNER_TICKS <= context->now)) {
		struct ct_key copy = *key;

		if (ct_remove(&copy)) {
			context->result.removed += 1;
			if (paid && census && census->before)
				census->before -= 1;
			census_tenant(tenant, paid, port, false);
		}
		return 0;
	}
	if (paid && census)
		census->found += 1;
	census_tenant(tenant, paid, port, true);
	return 0;
}

/* A row whose connection never came to be, or took another port meanwhile. */
static long sweep_one(struct bpf_map *map, struct snat_key *key, struct snat_value *row,
		      struct collect_context *context)
{
	struct ct_key ct = {};
	struct ct_entry *entry;

	if (row->made + ORPHAN_TICKS > context->now)
		return 0;
	mapping_entry_key(&ct, key, row);
	entry = bpf_map_lookup_elem(&conntrack, &ct);
	if (!entry || entry->nat_port != key->nat_port ||
	    pod_of(entry->endpoint[entry->opener & 1]) != row->endpoint)
		bpf_map_delete_elem(map, key);
	return 0;
}

/* A row that is no connection's: two CPUs made and ended one at once. */
static long sweep_translation(struct bpf_map *map, struct translation_key *key,
			      struct translation *row, void *unused)
{
	(void)unused;
	if (row->flags & TRANSLATION_ANSWER) {
		struct ct_key ct = {};
		struct ct_entry *entry;

		translation_entry_key(&ct, key);
		entry = bpf_map_lookup_elem(&conntrack, &ct);
		if (entry && (entry->flags & CT_SERVICE))
			return 0;
	} else {
		struct translation_key answers = {};
		struct translation *title;

		translation_title_key(&answers, key, row);
		title = bpf_map_lookup_elem(&translations, &answers);
		if (title && (title->flags & TRANSLATION_ANSWER) &&
		    addr_equal(&title->addr, &key->destination) &&
		    title->port == key->destination_port && title->client_port == key->source_port)
			return 0;
	}
	bpf_map_delete_elem(map, key);
	return 0;
}

static long forget_usage(struct bpf_map *map, __u32 *service, struct affinity_usage *usage,
			 void *unused)
{
	(void)map;
	(void)service;
	(void)unused;
	usage->found = 0;
	return 0;
}

/* A client that has not come back in time, or whose backend is gone. */
static long sweep_affinity(struct bpf_map *map, struct affinity_key *key,
			   struct affinity_value *value, __u64 *now)
{
	__u32 service = key->service, all = AFFINITY_ALL, backend = value->backend;
	struct affinity_usage *usage;

	if (value->used + value->seconds * 1000000000ULL <= *now ||
	    !bpf_map_lookup_elem(&backends, &backend)) {
		bpf_map_delete_elem(map, key);
		return 0;
	}
	usage = bpf_map_lookup_elem(&affinity_usage, &service);
	if (usage)
		usage->found += 1;
	usage = bpf_map_lookup_elem(&affinity_usage, &all);
	if (usage)
		usage->found += 1;
	return 0;
}

/* What is made meanwhile is counted the next time. */
static long settle_usage(struct bpf_map *map, __u32 *service, struct affinity_usage *usage,
			 void *unused)
{
	(void)unused;
	usage->rows = usage->found;
	if (!usage->found)
		bpf_map_delete_elem(map, service);
	return 0;
}

static __always_inline void collect_affinity(void)
{
	__u64 now = bpf_ktime_get_ns();

	if (!HAS_ROWS(affinity_usage) && !HAS_ROWS(affinity))
		return;
	bpf_for_each_map_elem(&affinity_usage, forget_usage, 0, 0);
	bpf_for_each_map_elem(&affinity, sweep_affinity, &now, 0);
	bpf_for_each_map_elem(&affinity_usage, settle_usage, 0, 0);
}

static long settle_one(__u32 account, struct collect_context *context)
{
	struct census *census = bpf_map_lookup_elem(&ct_census, &account);
	__u32 *usage = bpf_map_lookup_elem(&ct_usage, &account), used;

	if (!census || !usage)
		return 1;
	if (account == ACCOUNT_COMMON) {
		*usage = context->common;
		return 0;
	}
	if (account == ACCOUNT_ELSEWHERE) {
		*usage = context->elsewhere;
		return 0;
	}
	if (account == ACCOUNT_OPENINGS)
		return 0;
	used = usage_settle(usage, census->before, census->found);
	if (account == ACCOUNT_NODE || account == ACCOUNT_WORLD)
		return 0;
	if (account_is_elsewhere(account)) {
		if (used > CONFIG(ct_elsewhere_guaranteed))
			context->elsewhere += used - CONFIG(ct_elsewhere_guaranteed);
		return 0;
	}
	/* The guaranteed part is for who is there. */
	if (owner_is_gone(account))
		context->common += used;
	else if (used > CONFIG(ct_guaranteed))
		context->common += used - CONFIG(ct_guaranteed);
	return 0;
}

SEC("syscall")
int collect(struct collect_result *result)
{
	struct collect_context context = {.now = bpf_ktime_get_ns() >> TICK_BITS};

	if (CONFIG(ct_quota))
		bpf_loop(ACCOUNT_COUNT, prepare_one, 0, 0);
	bpf_for_each_map_elem(&tenant_accounts, prepare_tenant, 0, 0);
	if (HAS_ROWS(conntrack))
		bpf_for_each_map_elem(&conntrack, collect_one, &context, 0);
	if (HAS_MAPPINGS && HAS_ROWS(snat))
		bpf_for_each_map_elem(&snat, sweep_one, &context, 0);
	if (CONFIG(enable_services)) {
		if (HAS_ROWS(translations))
			bpf_for_each_map_elem(&translations, sweep_translation, 0, 0);
		collect_affinity();
	}
	if (CONFIG(ct_quota)) {
		/* Last the common accounts, which are sums of others. */
		bpf_loop(MAX_ENDPOINTS, settle_one, &context, 0);
		settle_one(ACCOUNT_WORLD, &context);
		settle_one(ACCOUNT_COMMON, &context);
		settle_one(ACCOUNT_ELSEWHERE, &context);
	}
	bpf_for_each_map_elem(&tenant_accounts, settle_tenant, 0, 0);
	*result = context.result;
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
