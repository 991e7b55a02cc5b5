// SPDX-License-Identifier: MIT
// Conversions: between widths, signs and floats, each rounding, saturation, reinterpretation.
// tests/cl/case.h says how this file is read.
#define MAP1(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i]; out[i] = (e); }
#define MAP2(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i], y = b[i]; out[i] = (e); }

//@ i32_f32 cmp=f32
MAP1(i32_f32, int, float, x)
//@ u32_f32 cmp=f32
MAP1(u32_f32, uint, float, x)
//@ f32_i32 a=mid
MAP1(f32_i32, float, int, x)
//@ f32_u32 a=pos
MAP1(f32_u32, float, uint, x)
//@ f32_i32_rte a=mid
MAP1(f32_i32_rte, float, int, convert_int_rte(x))
//@ i32_f32_rte cmp=f32
MAP1(i32_f32_rte, int, float, convert_float_rte(x))
//@ f32_i32_rtz a=mid
MAP1(f32_i32_rtz, float, int, convert_int_rtz(x))
//@ i32_f32_rtz cmp=f32
MAP1(i32_f32_rtz, int, float, convert_float_rtz(x))
//@ f32_i32_rtp a=mid
MAP1(f32_i32_rtp, float, int, convert_int_rtp(x))
//@ i32_f32_rtp cmp=f32
MAP1(i32_f32_rtp, int, float, convert_float_rtp(x))
//@ f32_i32_rtn a=mid
MAP1(f32_i32_rtn, float, int, convert_int_rtn(x))
//@ i32_f32_rtn cmp=f32
MAP1(i32_f32_rtn, int, float, convert_float_rtn(x))
//@ f32_i32_sat a=f32
MAP1(f32_i32_sat, float, int, isnan(x) ? 5 : convert_int_sat(x))
//@ f32_u32_sat a=f32
MAP1(f32_u32_sat, float, uint, isnan(x) ? 5 : convert_uint_sat(x))
//@ i32_i8_sat
MAP1(i32_i8_sat, int, char, convert_char_sat(x))
//@ i32_u8_sat
MAP1(i32_u8_sat, int, uchar, convert_uchar_sat(x))
//@ i32_i16_sat
MAP1(i32_i16_sat, int, short, convert_short_sat(x))
//@ u32_u16_sat
MAP1(u32_u16_sat, uint, ushort, convert_ushort_sat(x))
//@ u32_i32_sat
MAP1(u32_i32_sat, uint, int, convert_int_sat(x))
//@ i32_u32_sat
MAP1(i32_u32_sat, int, uint, convert_uint_sat(x))
//@ i64_i32_sat
MAP1(i64_i32_sat, long, int, convert_int_sat(x))
//@ i8_f32 cmp=f32
MAP1(i8_f32, char, float, x)
//@ u8_f32 cmp=f32
MAP1(u8_f32, uchar, float, x)
//@ i16_f32 cmp=f32
MAP1(i16_f32, short, float, x)
//@ f32_i8 a=mid
MAP1(f32_i8, float, char, (char)x)
//@ f32_u16 a=pos
MAP1(f32_u16, float, ushort, (ushort)x)
//@ i64_f32 cmp=f32
MAP1(i64_f32, long, float, x)
//@ u64_f32 cmp=f32
MAP1(u64_f32, ulong, float, x)
//@ f32_i64 a=mid
MAP1(f32_i64, float, long, (long)(x * 1e6f))
//@ f32_u64 a=pos
MAP1(f32_u64, float, ulong, (ulong)(x * 1e6f))
//@ i32_i64
MAP1(i32_i64, int, long, x)
//@ u32_i64
MAP1(u32_i64, uint, long, x)
//@ i64_i32
MAP1(i64_i32, long, int, x)
//@ as_float_bits cmp=f32
MAP1(as_float_bits, uint, float, as_float((x & 0x807fffff) | 0x40000000))
//@ bool_i32
MAP1(bool_i32, int, int, !!x + (x ? 2 : 4))
//@ load_half cmp=f32
kernel void load_half(global const half *a, global const uint *b, global float *out)
{
	size_t i = get_global_id(0);

	out[i] = vload_half(i, a);
}
//@ store_half a=mid
kernel void store_half(global const float *a, global const uint *b, global half *out)
{
	size_t i = get_global_id(0);

	vstore_half(a[i], i, out);
}
//@ store_half_rtz a=mid
kernel void store_half_rtz(global const float *a, global const uint *b, global half *out)
{
	size_t i = get_global_id(0);

	vstore_half_rtz(a[i], i, out);
}
