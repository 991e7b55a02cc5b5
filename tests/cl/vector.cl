// SPDX-License-Identifier: MIT
// Vectors: each width, swizzles, comparisons, dot products, packed loads.
// tests/cl/case.h says how this file is read.
#define MAP1(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i]; out[i] = (e); }
#define MAP2(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i], y = b[i]; out[i] = (e); }

//@ add_int2
MAP2(add_int2, int2, int2, x + y)
//@ mul_int4
MAP2(mul_int4, int4, int4, x * y)
//@ add_float4 a=f32 b=f32 cmp=f32
MAP2(add_float4, float4, float4, x + y)
//@ fma_float2 a=f32 b=f32 cmp=f32
MAP2(fma_float2, float2, float2, fma(x, y, x))
//@ swizzle_int4
MAP1(swizzle_int4, int4, int4, x.wzyx + x.xxyy)
//@ halves_int8 global=512
MAP1(halves_int8, int8, int4, x.lo - x.hi)
//@ odd_even_int8 global=512
MAP1(odd_even_int8, int8, int4, x.odd ^ x.even)
//@ cmp_float4 a=f32 b=f32
MAP2(cmp_float4, float4, int4, x < y)
//@ any_all_int4
MAP2(any_all_int4, int4, int, any(x < y) + 2 * all(x < y))
//@ dot_float4 a=unit b=unit cmp=f32:8
MAP2(dot_float4, float4, float, dot(x, y))
//@ length_float4 a=unit cmp=f32:8
MAP1(length_float4, float4, float, length(x))
//@ cross_float4 a=unit b=unit cmp=f32:8+1e-6
MAP2(cross_float4, float4, float4, cross(x, y))
//@ distance_float2 a=mid b=mid cmp=f32:8+1e-4
MAP2(distance_float2, float2, float, distance(x, y))
//@ normalize_float4 a=unit cmp=f32:16
MAP1(normalize_float4, float4, float4, normalize(x))
//@ select_int4
MAP2(select_int4, int4, int4, select(x, y, x > y))
//@ uchar4_add
MAP2(uchar4_add, uchar4, uchar4, x + y)
//@ short2_neg
MAP1(short2_neg, short2, short2, -x)
//@ convert_int4_float4 cmp=f32
MAP1(convert_int4_float4, int4, float4, convert_float4(x))
//@ bytes_of_u32
MAP1(bytes_of_u32, uint, uchar4, as_uchar4(x).wxyz)
//@ shuffle_int4
MAP2(shuffle_int4, int4, int4, shuffle2(x, y, (uint4)(7, 0, 5, 2)))
//@ sum_int16 global=256
MAP1(sum_int16, int16, int, x.s0 + x.s3 * x.s7 - x.sf)
//@ upsample_i16
MAP2(upsample_i16, ushort, uint, upsample(x, y))
//@ long2_add
MAP2(long2_add, long2, long2, x + y)
//@ vload3_int
kernel void vload3_int(global const int *a, global const int *b, global int *out)
{
	size_t i = get_global_id(0);

	vstore3(vload3(i, a).zxy, i, out);
}
//@ vload4_unaligned
kernel void vload4_unaligned(global const int *a, global const int *b, global int *out)
{
	size_t i = get_global_id(0);

	vstore4(vload4(i, a + 1) + 1, i, out);
}
//@ element_by_index
kernel void element_by_index(global const int4 *a, global const uint *b, global int *out)
{
	size_t i = get_global_id(0);
	int4 v = a[i];
	uint k = b[i] & 3;

	out[i] = k == 0 ? v.x : k == 1 ? v.y : k == 2 ? v.z : v.w;
}
