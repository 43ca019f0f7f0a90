// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs at the node's cgroup: every socket of the node's pods and of its own processes
 * passes them when it connects, sends, asks who its peer is, and is closed. They are attached only
 * while services are on. */
#include "lib/sock.h"

/* An IPv6 socket that talks IPv4. */
static __always_inline bool is_mapped(struct bpf_sock_addr *ctx)
{
	return !ctx->user_ip6[0] && !ctx->user_ip6[1] && ctx->user_ip6[2] == IPV4_MAPPED;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	__be32 v4 = ctx->user_ip4, former = v4;
	__be16 port = ctx->user_port, former_port = port;
	int answer = sock_turn(ctx, &v4, &port, false);

	if (v4 != former || port != former_port) {
		ctx->user_ip4 = v4;
		ctx->user_port = port;
	}
	return answer;
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	__be32 v4, former;
	__be16 port, former_port;
	int answer;

	if (!is_mapped(ctx))
		return SOCK_GO_ON;
	v4 = former = ctx->user_ip6[3];
	port = former_port = ctx->user_port;
	answer = sock_turn(ctx, &v4, &port, false);
	if (v4 != former || port != former_port) {
		ctx->user_ip6[3] = v4;
		ctx->user_port = port;
	}
	return answer;
}

/* Of a datagram that names its destination; the kernel asks here too when an IPv6 socket names an
 * IPv4 address, so that there is none for IPv6. */
SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	__be32 v4 = ctx->user_ip4, former = v4;
	__be16 port = ctx->user_port, former_port = port;
	int answer = sock_turn(ctx, &v4, &port, true);

	if (v4 != former || port != former_port) {
		ctx->user_ip4 = v4;
		ctx->user_port = port;
	}
	return answer;
}

static __always_inline int name4(struct bpf_sock_addr *ctx)
{
	__be32 v4 = ctx->user_ip4;
	__be16 port = ctx->user_port;

	if (sock_name(ctx, &v4, &port)) {
		ctx->user_ip4 = v4;
		ctx->user_port = port;
	}
	return SOCK_GO_ON;
}

static __always_inline int name6(struct bpf_sock_addr *ctx)
{
	__be32 v4;
	__be16 port;

	if (!is_mapped(ctx))
		return SOCK_GO_ON;
	v4 = ctx->user_ip6[3];
	port = ctx->user_port;
	if (sock_name(ctx, &v4, &port)) {
		ctx->user_ip6[3] = v4;
		ctx->user_port = port;
	}
	return SOCK_GO_ON;
}

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *ctx)
{
	return name4(ctx);
}

SEC("cgroup/recvmsg6")
int recvmsg6(struct bpf_sock_addr *ctx)
{
	return name6(ctx);
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *ctx)
{
	return name4(ctx);
}

SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *ctx)
{
	return name6(ctx);
}

/* A process of the node cannot have the port of a service: what is sent to it would not arrive. A
 * pod's ports are its own. */
static __always_inline int bind_port(struct bpf_sock *ctx)
{
	struct service_key key = {};
	__u32 port = ctx->src_port;

	if (port < CONFIG(node_port_min) || port > CONFIG(node_port_max) ||
	    bpf_get_netns_cookie(ctx) != CONFIG(node_cookie))
		return SOCK_GO_ON;
	key.port = bpf_htons(port);
	key.protocol = ctx->protocol;
	key.scope = SERVICE_INSIDE;
	if (!bpf_map_lookup_elem(&services, &key))
		return SOCK_GO_ON;
	bpf_set_retval(-EADDRINUSE);
	return SOCK_REFUSE;
}

SEC("cgroup/post_bind4")
int post_bind4(struct bpf_sock *ctx)
{
	return bind_port(ctx);
}

SEC("cgroup/post_bind6")
int post_bind6(struct bpf_sock *ctx)
{
	return bind_port(ctx);
}

/* The last who had the socket has closed it. */
SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *ctx)
{
	__u64 cookie = bpf_get_socket_cookie(ctx), account;
	struct sock_origin *origin = bpf_map_lookup_elem(&sock_origins, &cookie);

	if (!origin)
		return SOCK_GO_ON;
	account = origin->account;
	if (!bpf_map_delete_elem(&sock_origins, &cookie))
		sock_give(account);
	return SOCK_GO_ON;
}

char _license[] SEC("license") = "Dual BSD/GPL";
