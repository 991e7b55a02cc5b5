// SPDX-License-Identifier: MIT
// 64-bit integers: carries, wide products, shifts, division.
// tests/cl/case.h says how this file is read.
#define MAP1(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i]; out[i] = (e); }
#define MAP2(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i], y = b[i]; out[i] = (e); }

//@ add_i64
MAP2(add_i64, long, long, x + y)
//@ sub_i64
MAP2(sub_i64, long, long, x - y)
//@ mul_i64
MAP2(mul_i64, long, long, x * y)
//@ neg_i64
MAP1(neg_i64, long, long, -x)
//@ mul_wide_i64
MAP2(mul_wide_i64, int, long, (long)x * y)
//@ mul_wide_u64
MAP2(mul_wide_u64, uint, ulong, (ulong)x * y)
//@ mul_hi_u64
MAP2(mul_hi_u64, ulong, ulong, mul_hi(x, y))
//@ div_u64
MAP2(div_u64, ulong, ulong, x / (y ? y >> 17 | 1 : 3))
//@ rem_i64
MAP2(rem_i64, long, long, x % (y >> 20 | 1))
//@ shl_i64
MAP2(shl_i64, long, long, x << (y & 63))
//@ sar_i64
MAP2(sar_i64, long, long, x >> (y & 63))
//@ shr_u64
MAP2(shr_u64, ulong, ulong, x >> (y & 63))
//@ cmp_i64
MAP2(cmp_i64, long, uint, (x < y) | (x <= y) << 1 | (x > y) << 2 | (x >= y) << 3 | (x == y) << 4 | (x != y) << 5)
//@ cmp_u64
MAP2(cmp_u64, ulong, uint, (x < y) | (x <= y) << 1 | (x > y) << 2 | (x >= y) << 3)
//@ min_i64
MAP2(min_i64, long, long, min(x, y))
//@ logic_u64
MAP2(logic_u64, ulong, ulong, (x & ~y) | (y ^ x >> 1))
//@ clz_u64
MAP1(clz_u64, ulong, ulong, clz(x))
//@ popcount_u64
MAP1(popcount_u64, ulong, ulong, popcount(x))
//@ mad_i64
MAP2(mad_i64, long, long, x * 3 + y * y)
//@ const_i64
MAP2(const_i64, long, long, x ^ 0x123456789abcdef0L + y)
//@ abs_i64
MAP1(abs_i64, long, ulong, abs(x))
