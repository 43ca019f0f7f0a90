// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers of identities. They stand in the rows of pinned maps, so a map whose rows were written
 * with others is made anew. */
#pragma once

/* Peers that are no pods. Cilium's numbers, because they appear in flows that its users read. */
enum reserved_name {
	IDENTITY_UNKNOWN = 0,
	IDENTITY_HOST = 1,
	IDENTITY_WORLD = 2, /* outside the cluster, where no registered prefix is, of both families
			     */
	IDENTITY_UNMANAGED = 3,
	IDENTITY_HEALTH = 4,
	IDENTITY_INIT = 5,
	IDENTITY_REMOTE_NODE = 6,
	IDENTITY_KUBE_APISERVER = 7,
	IDENTITY_INGRESS = 8,
	IDENTITY_WORLD_IPV4 = 9,
	IDENTITY_WORLD_IPV6 = 10,
	IDENTITY_ENCRYPTED_OVERLAY = 11,
	/* Addresses of the cluster's ranges that are nobody's: of services, and of pods. Such a row
	 * of the ipcache is the longest match wherever no service, pod or node has the address,
	 * whatever prefixes policies name (src/cluster/address-book.ts). */
	IDENTITY_SERVICE_RANGE = 254,
	IDENTITY_POD_RANGE = 255,
};

/* Pods. Fits the 24-bit VXLAN VNI. */
#define IDENTITY_CLUSTER_MIN 256
#define IDENTITY_CLUSTER_MAX 65535

/* Prefixes; meaningful on one node only and never on the wire. */
#define IDENTITY_CIDR_MIN (1 << 24)
#define IDENTITY_CIDR_MAX ((1 << 25) - 1)
