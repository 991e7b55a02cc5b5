// SPDX-License-Identifier: MIT
// 32-bit integers: arithmetic, logic, shifts, comparisons, and OpenCL's integer functions.
// tests/cl/case.h says how this file is read.
#define MAP1(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i]; out[i] = (e); }
#define MAP2(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i], y = b[i]; out[i] = (e); }

//@ add_i32
MAP2(add_i32, int, int, x + y)
//@ sub_i32
MAP2(sub_i32, int, int, x - y)
//@ mul_i32
MAP2(mul_i32, int, int, x * y)
//@ mul_hi_i32
MAP2(mul_hi_i32, int, int, mul_hi(x, y))
//@ mul_hi_u32
MAP2(mul_hi_u32, uint, uint, mul_hi(x, y))
//@ mad_i32
MAP2(mad_i32, int, int, x * y + (x ^ 77))
//@ mad_hi_u32
MAP2(mad_hi_u32, uint, uint, mad_hi(x, y, x >> 3))
//@ mul24_i32
MAP2(mul24_i32, int, int, mul24(x << 8 >> 8, y << 8 >> 8))
//@ mad24_u32
MAP2(mad24_u32, uint, uint, mad24(x & 0xffffff, y & 0xffffff, x))
//@ div_i32
MAP2(div_i32, int, int, x / (y == 0 || y == -1 ? 7 : y))
//@ div_u32
MAP2(div_u32, uint, uint, x / (y ? y : 3))
//@ rem_i32
MAP2(rem_i32, int, int, x % (y == 0 || y == -1 ? 7 : y))
//@ rem_u32
MAP2(rem_u32, uint, uint, x % (y ? y : 3))
//@ div_const
MAP1(div_const, int, int, x / 10 + x % 7)
//@ neg_i32
MAP1(neg_i32, int, int, -x)
//@ abs_i32
MAP1(abs_i32, int, uint, abs(x))
//@ abs_diff_i32
MAP2(abs_diff_i32, int, uint, abs_diff(x, y))
//@ abs_diff_u32
MAP2(abs_diff_u32, uint, uint, abs_diff(x, y))
//@ hadd_i32
MAP2(hadd_i32, int, int, hadd(x, y))
//@ rhadd_u32
MAP2(rhadd_u32, uint, uint, rhadd(x, y))
//@ clz_u32
MAP1(clz_u32, uint, uint, clz(x))
//@ popcount_u32
MAP1(popcount_u32, uint, uint, popcount(x))
//@ min_i32
MAP2(min_i32, int, int, min(x, y))
//@ max_u32
MAP2(max_u32, uint, uint, max(x, y))
//@ clamp_i32
MAP2(clamp_i32, int, int, clamp(x, -5000, (int)((uint)y >> 1)))
//@ rotate_u32
MAP2(rotate_u32, uint, uint, rotate(x, y))
//@ shl_u32
MAP2(shl_u32, uint, uint, x << (y & 31))
//@ shr_u32
MAP2(shr_u32, uint, uint, x >> (y & 31))
//@ sar_i32
MAP2(sar_i32, int, int, x >> (y & 31))
//@ shl_wraps
MAP2(shl_wraps, uint, uint, x << y)
//@ logic_u32
MAP2(logic_u32, uint, uint, (x & y) ^ (~x | y) + (x ^ ~y))
//@ add_sat_i32
MAP2(add_sat_i32, int, int, add_sat(x, y))
//@ add_sat_u32
MAP2(add_sat_u32, uint, uint, add_sat(x, y))
//@ sub_sat_i32
MAP2(sub_sat_i32, int, int, sub_sat(x, y))
//@ sub_sat_u32
MAP2(sub_sat_u32, uint, uint, sub_sat(x, y))
//@ mad_sat_i32
MAP2(mad_sat_i32, int, int, mad_sat(x, y, x))
//@ cmp_i32
MAP2(cmp_i32, int, uint, (x < y) | (x <= y) << 1 | (x > y) << 2 | (x >= y) << 3 | (x == y) << 4 | (x != y) << 5)
//@ cmp_u32
MAP2(cmp_u32, uint, uint, (x < y) | (x <= y) << 1 | (x > y) << 2 | (x >= y) << 3 | (x == y) << 4 | (x != y) << 5)
//@ select_i32
MAP2(select_i32, int, int, select(x, y, x & 64))
//@ ternary_i32
MAP2(ternary_i32, int, int, x > y ? x - y : y * 3)
//@ bitselect_u32
MAP2(bitselect_u32, uint, uint, bitselect(x, y, 0x0ff0a5c3u))
//@ field_u32
MAP1(field_u32, uint, uint, x >> 5 & 0x1ff)
//@ insert_u32
MAP2(insert_u32, uint, uint, (x & ~0xff00u) | (y & 0xff) << 8)
//@ sign_field
MAP1(sign_field, int, int, x << 9 >> 20)
