// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Keeps what is remembered of turned sockets true. Run by the agent through BPF_PROG_TEST_RUN: from
 * user space no row could be taken away together with its account's count. */
#include "lib/rows.h"
#include "lib/sock_account.h"

static __always_inline bool is_gone(const struct sock_turn *turn)
{
	__u32 id = turn->backend;

	return !turn->backend_port || !bpf_map_lookup_elem(&backends, &id);
}

/* Forgets what a socket was turned to when all of it is gone. */
SEC("syscall")
int forget(struct forget_request *request)
{
	__u64 cookie = request->cookie, account;
	struct sock_origin *origin = bpf_map_lookup_elem(&sock_origins, &cookie);

	if (!origin || !is_gone(&origin->connected))
		return 0;
	for (int i = 0; i < SOCK_NAMED; i++)
		if (!is_gone(&origin->named[i]))
			return 0;
	account = origin->account;
	if (bpf_map_delete_elem(&sock_origins, &cookie))
		return 0;
	sock_give(account);
	request->forgotten = 1;
	return 0;
}

static long begin_one(struct bpf_map *map, __u64 *of, struct sock_account *account, void *unused)
{
	(void)map;
	(void)of;
	(void)unused;
	account->found = 0;
	return 0;
}

static long count_one(struct bpf_map *map, __u64 *cookie, struct sock_origin *origin,
		      struct settle_result *context)
{
	__u64 of = origin->account;
	struct sock_account *account = bpf_map_lookup_elem(&sock_accounts, &of);

	/* Of a pod that is gone: somebody else goes on with its sockets. */
	if (!account) {
		bpf_map_delete_elem(map, cookie);
		return 0;
	}
	account->found += 1;
	context->found += 1;
	return 0;
}

/* What came or went during the run is counted right the next time. */
static long settle_one(struct bpf_map *map, __u64 *of, struct sock_account *account,
		       struct settle_result *context)
{
	(void)map;
	account->used = *of == SOCK_ALL ? context->found : account->found;
	return 0;
}

/* Counts anew. Returns nothing but what it writes. */
SEC("syscall")
int settle(struct settle_result *result)
{
	struct settle_result context = {};

	bpf_for_each_map_elem(&sock_accounts, begin_one, &context, 0);
	if (HAS_ROWS(sock_origins))
		bpf_for_each_map_elem(&sock_origins, count_one, &context, 0);
	bpf_for_each_map_elem(&sock_accounts, settle_one, &context, 0);
	*result = context;
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
