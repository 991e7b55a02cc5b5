// SPDX-License-Identifier: MIT
// Doubles, where the device offers them.
// tests/cl/case.h says how this file is read.
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define MAP1(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i]; out[i] = (e); }
#define MAP2(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i], y = b[i]; out[i] = (e); }

//@ add_f64 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
MAP2(add_f64, double, double, x + y)
//@ sub_f64 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
MAP2(sub_f64, double, double, x - y)
//@ mul_f64 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
MAP2(mul_f64, double, double, x * y)
//@ fma_f64 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
MAP2(fma_f64, double, double, fma(x, y, 1.5))
//@ div_f64 a=f64 b=p64 cmp=f64 need=cl_khr_fp64
MAP2(div_f64, double, double, x / y)
//@ recip_f64 a=p64 cmp=f64 need=cl_khr_fp64
MAP1(recip_f64, double, double, 1.0 / x)
//@ sqrt_f64 a=p64 cmp=f64 need=cl_khr_fp64
MAP1(sqrt_f64, double, double, sqrt(x))
//@ rsqrt_f64 a=p64 cmp=f64:2 need=cl_khr_fp64
MAP1(rsqrt_f64, double, double, rsqrt(x))
//@ min_f64 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
MAP2(min_f64, double, double, fmin(x, y))
//@ max_f64 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
MAP2(max_f64, double, double, fmax(x, y))
//@ abs_f64 a=f64 cmp=f64 need=cl_khr_fp64
MAP1(abs_f64, double, double, fabs(x))
//@ neg_f64 a=f64 cmp=f64 need=cl_khr_fp64
MAP1(neg_f64, double, double, -x)
//@ copysign_f64 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
MAP2(copysign_f64, double, double, copysign(x, y))
//@ floor_f64 a=f64 cmp=f64 need=cl_khr_fp64
MAP1(floor_f64, double, double, floor(x))
//@ ceil_f64 a=f64 cmp=f64 need=cl_khr_fp64
MAP1(ceil_f64, double, double, ceil(x))
//@ trunc_f64 a=f64 cmp=f64 need=cl_khr_fp64
MAP1(trunc_f64, double, double, trunc(x))
//@ rint_f64 a=f64 cmp=f64 need=cl_khr_fp64
MAP1(rint_f64, double, double, rint(x))
//@ round_f64 a=f64 cmp=f64 need=cl_khr_fp64
MAP1(round_f64, double, double, round(x))
//@ cmp_f64 a=f64 b=f64 cmp=bits need=cl_khr_fp64
MAP2(cmp_f64, double, uint, (x < y) | (x <= y) << 1 | (x > y) << 2 | (x >= y) << 3 | (x == y) << 4 | (x != y) << 5)
//@ select_f64 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
MAP2(select_f64, double, double, x > y ? x : y + 1.0)
//@ mix_f64 a=f64 b=f64 cmp=f64:4 need=cl_khr_fp64
MAP2(mix_f64, double, double, x * 0.25 + y * 0.75)
//@ clamp_f64 a=f64 cmp=f64 need=cl_khr_fp64
MAP1(clamp_f64, double, double, clamp(x, -3.0, 5.0))
//@ const_f64 a=f64 b=f64 cmp=f64:4 need=cl_khr_fp64
MAP2(const_f64, double, double, x * 3.141592653589793 + y * 1e-3)
//@ f64_f32 a=f64 cmp=f32 need=cl_khr_fp64
MAP1(f64_f32, double, float, (float)x)
//@ f32_f64 a=f32 cmp=f64 need=cl_khr_fp64
MAP1(f32_f64, float, double, (double)x)
//@ f64_i32 a=f64 cmp=bits need=cl_khr_fp64
MAP1(f64_i32, double, int, (int)(x * 1e6))
//@ f64_u32 a=p64 cmp=bits need=cl_khr_fp64
MAP1(f64_u32, double, uint, (uint)(x * 1e6))
//@ i32_f64 a=u32 cmp=f64 need=cl_khr_fp64
MAP1(i32_f64, int, double, (double)x)
//@ u32_f64 a=u32 cmp=f64 need=cl_khr_fp64
MAP1(u32_f64, uint, double, (double)x)
//@ i64_f64 a=u32 cmp=f64 need=cl_khr_fp64
MAP1(i64_f64, long, double, (double)x)
//@ u64_f64 a=u32 cmp=f64 need=cl_khr_fp64
MAP1(u64_f64, ulong, double, (double)x)
//@ f64_i64 a=f64 cmp=bits need=cl_khr_fp64
MAP1(f64_i64, double, long, (long)(x * 1e12))
//@ f64_i32_rte a=f64 cmp=bits need=cl_khr_fp64
MAP1(f64_i32_rte, double, int, convert_int_rte(x))
//@ f64_i32_rtp a=f64 cmp=bits need=cl_khr_fp64
MAP1(f64_i32_rtp, double, int, convert_int_rtp(x))
//@ sin_f64 a=f64 cmp=f64:4 ref=sin(x) need=cl_khr_fp64
MAP1(sin_f64, double, double, sin(x))
//@ exp_f64 a=f64 cmp=f64:3 ref=exp(x) need=cl_khr_fp64
MAP1(exp_f64, double, double, exp(x))
//@ log_f64 a=p64 cmp=f64:3 ref=log(x) need=cl_khr_fp64
MAP1(log_f64, double, double, log(x))
//@ pow_f64 a=p64 b=f64 cmp=f64:16 ref=pow(x,y) need=cl_khr_fp64
MAP2(pow_f64, double, double, pow(x, y))
//@ ilogb_f64 a=p64 cmp=bits need=cl_khr_fp64
MAP1(ilogb_f64, double, int, ilogb(x))
//@ ldexp_f64 a=f64 cmp=f64 need=cl_khr_fp64
MAP1(ldexp_f64, double, double, ldexp(x, 7))
//@ add_double2 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
MAP2(add_double2, double2, double2, x + y)
//@ loop_f64 a=f64 b=f64 cmp=f64 need=cl_khr_fp64
kernel void loop_f64(global const double *a, global const double *b, global double *out)
{
	size_t i = get_global_id(0);
	double x = a[i], y = b[i];

	for (uint k = 0; k < 30; k++) {
		x = fma(x, 0.5, y);
		if (x > 20)
			x -= 7.25;
	}
	out[i] = x;
}
//@ local_f64 a=f64 cmp=f64 need=cl_khr_fp64
kernel void local_f64(global const double *a, global const double *b, global double *out)
{
	local double t[64];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	barrier(CLK_LOCAL_MEM_FENCE);
	for (uint s = 32; s; s >>= 1) {
		if (l < s)
			t[l] += t[l + s];
		barrier(CLK_LOCAL_MEM_FENCE);
	}
	out[get_global_id(0)] = t[0];
}
//@ private_f64 a=f64 cmp=f64 need=cl_khr_fp64
kernel void private_f64(global const double *a, global const double *b, global double *out)
{
	size_t i = get_global_id(0);
	double t[8];

	for (uint k = 0; k < 8; k++)
		t[k] = a[(i + k) & 8191] * k;
	out[i] = t[(uint)fabs(a[i]) & 7];
}
