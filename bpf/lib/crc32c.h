// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* CRC-32C (RFC 9260, appendix A). Of a packet only some words change, and it is linear: what it
 * changes by is that of these words alone, with zeros behind them. */
#pragma once

#include "packet.h"

/* The polynomial, and x^8 modulo it, with the lowest bit for the highest power. */
#define CRC32C_POLYNOMIAL 0x82f63b78
#define CRC32C_BYTE 0x00800000

/* Longer than any packet, as a power of two. */
#define CRC32C_LENGTH_BITS 17

/* The product of two polynomials of degree 31. */
VERIFIED_ONCE __u32 crc32c_multiply(__u32 a, __u32 b)
{
	__u32 product = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 32; i++) {
		product ^= b & -(a >> 31);
		a <<= 1;
		b = (b >> 1) ^ (CRC32C_POLYNOMIAL & -(b & 1));
	}
	return product;
}

/* What the checksum of `length` bytes changes by, exclusive or, when their first four do by
 * `change`; both as they lie in memory. */
VERIFIED_ONCE __u32 crc32c_change(__u32 change, __u32 length)
{
	__u32 power = CRC32C_BYTE;

#pragma clang loop unroll(disable)
	for (int i = 0; i < CRC32C_LENGTH_BITS; i++) {
		if (length & 1)
			change = crc32c_multiply(change, power);
		length >>= 1;
		power = crc32c_multiply(power, power);
	}
	return change;
}
