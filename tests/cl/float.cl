// SPDX-License-Identifier: MIT
// Single floats: what IEEE 754 says exactly.
// tests/cl/case.h says how this file is read.
#define MAP1(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i]; out[i] = (e); }
#define MAP2(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i], y = b[i]; out[i] = (e); }

//@ add_f32 a=f32 b=f32 cmp=f32
MAP2(add_f32, float, float, x + y)
//@ sub_f32 a=f32 b=f32 cmp=f32
MAP2(sub_f32, float, float, x - y)
//@ mul_f32 a=f32 b=f32 cmp=f32
MAP2(mul_f32, float, float, x * y)
//@ fma_f32 a=f32 b=f32 cmp=f32
MAP2(fma_f32, float, float, fma(x, y, 1.5f))
//@ mad_f32 a=mid b=mid cmp=f32:4+1e-2
MAP2(mad_f32, float, float, mad(x, y, x))
//@ div_f32 a=f32 b=f32 cmp=f32:3
MAP2(div_f32, float, float, x / y)
//@ recip_f32 a=mid cmp=f32:3
MAP1(recip_f32, float, float, 1.0f / x)
//@ sqrt_f32 a=pos cmp=f32:4
MAP1(sqrt_f32, float, float, sqrt(x))
//@ rsqrt_f32 a=pos cmp=f32:4
MAP1(rsqrt_f32, float, float, rsqrt(x))
//@ min_f32 a=f32 b=f32 cmp=f32
MAP2(min_f32, float, float, fmin(x, y))
//@ max_f32 a=f32 b=f32 cmp=f32
MAP2(max_f32, float, float, fmax(x, y))
//@ abs_f32 a=f32 b=f32 cmp=f32
MAP1(abs_f32, float, float, fabs(x))
//@ neg_f32 a=f32 b=f32 cmp=f32
MAP1(neg_f32, float, float, -x)
//@ copysign_f32 a=f32 b=f32 cmp=f32
MAP2(copysign_f32, float, float, copysign(x, y))
//@ floor_f32 a=f32 b=f32 cmp=f32
MAP1(floor_f32, float, float, floor(x))
//@ ceil_f32 a=f32 b=f32 cmp=f32
MAP1(ceil_f32, float, float, ceil(x))
//@ trunc_f32 a=f32 b=f32 cmp=f32
MAP1(trunc_f32, float, float, trunc(x))
//@ rint_f32 a=f32 b=f32 cmp=f32
MAP1(rint_f32, float, float, rint(x))
//@ round_f32 a=f32 b=f32 cmp=f32
MAP1(round_f32, float, float, round(x))
//@ cmp_f32 a=f32 b=f32
MAP2(cmp_f32, float, uint, (x < y) | (x <= y) << 1 | (x > y) << 2 | (x >= y) << 3 | (x == y) << 4 | (x != y) << 5)
//@ class_f32 a=f32
MAP1(class_f32, float, int, isnan(x) * 1 + isinf(x) * 2 + isfinite(x) * 4 + isnormal(x) * 8 + signbit(x) * 16)
//@ unordered_f32 a=f32 b=f32
MAP2(unordered_f32, float, int, isunordered(x, y) + 2 * isless(x, y) + 4 * isgreaterequal(x, y) + 8 * islessgreater(x, y))
//@ step_f32 a=mid b=mid cmp=f32
MAP2(step_f32, float, float, step(x, y))
//@ mix_f32 a=mid b=mid cmp=f32:4+1e-4
MAP2(mix_f32, float, float, mix(x, y, 0.25f))
//@ clamp_f32 a=mid cmp=f32
MAP1(clamp_f32, float, float, clamp(x, 0.0f, 1.0f))
//@ sign_f32 a=f32 b=f32 cmp=f32
MAP1(sign_f32, float, float, sign(x))
//@ fdim_f32 a=mid b=mid cmp=f32
MAP2(fdim_f32, float, float, fdim(x, y))
//@ select_f32 a=f32 b=f32 cmp=f32
MAP2(select_f32, float, float, x > y ? x : y + 1.0f)
//@ fmod_f32 a=mid b=pos cmp=f32
MAP2(fmod_f32, float, float, fmod(x, y))
//@ nextafter_f32 a=mid b=mid cmp=f32
MAP2(nextafter_f32, float, float, nextafter(x, y))
