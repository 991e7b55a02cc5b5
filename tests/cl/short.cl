// SPDX-License-Identifier: MIT
// 8- and 16-bit integers: loads, stores, arithmetic, shifts.
// tests/cl/case.h says how this file is read.
#define MAP1(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i]; out[i] = (e); }
#define MAP2(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i], y = b[i]; out[i] = (e); }

//@ add_i8
MAP2(add_i8, char, char, x + y)
//@ add_u8
MAP2(add_u8, uchar, uchar, x + y)
//@ mul_i16
MAP2(mul_i16, short, short, x * y)
//@ mul_u16
MAP2(mul_u16, ushort, ushort, x * y)
//@ sar_i8
MAP1(sar_i8, char, char, x >> 3)
//@ shr_u8
MAP1(shr_u8, uchar, uchar, x >> 3)
//@ sar_i16
MAP1(sar_i16, short, short, x >> 5)
//@ neg_i16
MAP1(neg_i16, short, short, -x)
//@ widen_i8
MAP1(widen_i8, char, int, x)
//@ widen_u8
MAP1(widen_u8, uchar, uint, x)
//@ widen_i16
MAP1(widen_i16, short, int, x)
//@ widen_u16
MAP1(widen_u16, ushort, uint, x)
//@ narrow_u8
MAP1(narrow_u8, uint, uchar, x)
//@ narrow_i16
MAP1(narrow_i16, int, short, x)
//@ less_i8
MAP2(less_i8, char, int, x < y ? 1 : -1)
//@ less_u16
MAP2(less_u16, ushort, int, x < y ? 1 : -1)
//@ div_i8
MAP2(div_i8, char, char, x / (char)(y | 3))
//@ rem_u16
MAP2(rem_u16, ushort, ushort, x % (ushort)(y | 1))
