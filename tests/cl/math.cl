// SPDX-License-Identifier: MIT
// OpenCL's mathematical functions.  The bounds are those that OpenCL 1.2 (section 10) gives an embedded profile, against
// an exact reference; the native_ functions have none there, so theirs say what can be expected.
// tests/cl/case.h says how this file is read.
#define MAP1(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i]; out[i] = (e); }
#define MAP2(name, T, U, e) \
	kernel void name(global const T *a, global const T *b, global U *out) \
	{ size_t i = get_global_id(0); T x = a[i], y = b[i]; out[i] = (e); }

//@ sin_f32 a=mid cmp=f32:4 ref=sin(x)
MAP1(sin_f32, float, float, sin(x))
//@ cos_f32 a=mid cmp=f32:4 ref=cos(x)
MAP1(cos_f32, float, float, cos(x))
//@ tan_f32 a=mid cmp=f32:5 ref=tan(x)
MAP1(tan_f32, float, float, tan(x))
//@ asin_f32 a=one cmp=f32:4 ref=asin(x)
MAP1(asin_f32, float, float, asin(x))
//@ acos_f32 a=one cmp=f32:4 ref=acos(x)
MAP1(acos_f32, float, float, acos(x))
//@ atan_f32 a=mid cmp=f32:5 ref=atan(x)
MAP1(atan_f32, float, float, atan(x))
//@ asinpi_f32 a=one cmp=f32:5 ref=asin(x)/pi
MAP1(asinpi_f32, float, float, asinpi(x))
//@ acospi_f32 a=one cmp=f32:5 ref=acos(x)/pi
MAP1(acospi_f32, float, float, acospi(x))
//@ atanpi_f32 a=mid cmp=f32:5 ref=atan(x)/pi
MAP1(atanpi_f32, float, float, atanpi(x))
//@ asinh_f32 a=mid cmp=f32:4 ref=asinh(x)
MAP1(asinh_f32, float, float, asinh(x))
//@ acosh_f32 a=pos cmp=f32:4 ref=acosh(x)
MAP1(acosh_f32, float, float, acosh(x))
//@ atanh_f32 a=one cmp=f32:5 ref=atanh(x)
MAP1(atanh_f32, float, float, atanh(x))
//@ exp_f32 a=mid cmp=f32:4 ref=exp(x)
MAP1(exp_f32, float, float, exp(x))
//@ exp2_f32 a=mid cmp=f32:4 ref=exp2(x)
MAP1(exp2_f32, float, float, exp2(x))
//@ exp10_f32 a=ten cmp=f32:4 ref=pow(10,x)
MAP1(exp10_f32, float, float, exp10(x))
//@ expm1_f32 a=ten cmp=f32:4 ref=expm1(x)
MAP1(expm1_f32, float, float, expm1(x))
//@ log_f32 a=pos cmp=f32:4 ref=log(x)
MAP1(log_f32, float, float, log(x))
//@ log2_f32 a=pos cmp=f32:4 ref=log2(x)
MAP1(log2_f32, float, float, log2(x))
//@ log10_f32 a=pos cmp=f32:4 ref=log10(x)
MAP1(log10_f32, float, float, log10(x))
//@ log1p_f32 a=pos cmp=f32:4 ref=log1p(x)
MAP1(log1p_f32, float, float, log1p(x))
//@ cbrt_f32 a=mid cmp=f32:4 ref=cbrt(x)
MAP1(cbrt_f32, float, float, cbrt(x))
//@ sinh_f32 a=ten cmp=f32:4 ref=sinh(x)
MAP1(sinh_f32, float, float, sinh(x))
//@ cosh_f32 a=ten cmp=f32:4 ref=cosh(x)
MAP1(cosh_f32, float, float, cosh(x))
//@ tanh_f32 a=ten cmp=f32:5 ref=tanh(x)
MAP1(tanh_f32, float, float, tanh(x))
//@ erf_f32 a=ten cmp=f32:16 ref=erf(x)
MAP1(erf_f32, float, float, erf(x))
//@ erfc_f32 a=one cmp=f32:16 ref=erfc(x)
MAP1(erfc_f32, float, float, erfc(x))
//@ tgamma_f32 a=ten cmp=f32:16 ref=gamma(x)
MAP1(tgamma_f32, float, float, tgamma(x))
//@ sinpi_f32 a=ten cmp=f32:4 ref=sin(pi*remainder(x,2))
MAP1(sinpi_f32, float, float, sinpi(x))
//@ cospi_f32 a=ten cmp=f32:4 ref=cos(pi*remainder(x,2))
MAP1(cospi_f32, float, float, cospi(x))
//@ degrees_f32 a=mid cmp=f32:2 ref=degrees(x)
MAP1(degrees_f32, float, float, degrees(x))
//@ radians_f32 a=mid cmp=f32:2 ref=radians(x)
MAP1(radians_f32, float, float, radians(x))
//@ half_exp_f32 a=ten cmp=f32:8192 ref=exp(x)
MAP1(half_exp_f32, float, float, half_exp(x))
//@ half_log_f32 a=pos cmp=f32:8192 ref=log(x)
MAP1(half_log_f32, float, float, half_log(x))
//@ half_sqrt_f32 a=pos cmp=f32:8192 ref=sqrt(x)
MAP1(half_sqrt_f32, float, float, half_sqrt(x))
//@ half_recip_f32 a=pos cmp=f32:8192 ref=1/x
MAP1(half_recip_f32, float, float, half_recip(x))
//@ native_sin_f32 a=one cmp=f32:0+1e-5 ref=sin(x)
MAP1(native_sin_f32, float, float, native_sin(x))
//@ native_cos_f32 a=one cmp=f32:0+1e-5 ref=cos(x)
MAP1(native_cos_f32, float, float, native_cos(x))
//@ native_exp_f32 a=ten cmp=f32:256 ref=exp(x)
MAP1(native_exp_f32, float, float, native_exp(x))
//@ native_exp2_f32 a=ten cmp=f32:8 ref=exp2(x)
MAP1(native_exp2_f32, float, float, native_exp2(x))
//@ native_log_f32 a=pos cmp=f32:64+1e-5 ref=log(x)
MAP1(native_log_f32, float, float, native_log(x))
//@ native_log2_f32 a=pos cmp=f32:8+1e-5 ref=log2(x)
MAP1(native_log2_f32, float, float, native_log2(x))
//@ native_recip_f32 a=pos cmp=f32:8 ref=1/x
MAP1(native_recip_f32, float, float, native_recip(x))
//@ native_rsqrt_f32 a=pos cmp=f32:8 ref=1/sqrt(x)
MAP1(native_rsqrt_f32, float, float, native_rsqrt(x))
//@ native_sqrt_f32 a=pos cmp=f32:8 ref=sqrt(x)
MAP1(native_sqrt_f32, float, float, native_sqrt(x))
//@ atan2_f32 a=mid b=mid cmp=f32:6 ref=atan2(x,y)
MAP2(atan2_f32, float, float, atan2(x, y))
//@ pow_f32 a=pos b=ten cmp=f32:16 ref=pow(x,y)
MAP2(pow_f32, float, float, pow(x, y))
//@ powr_f32 a=pos b=ten cmp=f32:16 ref=pow(x,y)
MAP2(powr_f32, float, float, powr(x, y))
//@ hypot_f32 a=mid b=mid cmp=f32:4 ref=hypot(x,y)
MAP2(hypot_f32, float, float, hypot(x, y))
//@ remainder_f32 a=mid b=pos cmp=f32:0 ref=remainder(x,y)
MAP2(remainder_f32, float, float, remainder(x, y))
//@ native_divide_f32 a=mid b=pos cmp=f32:8 ref=x/y
MAP2(native_divide_f32, float, float, native_divide(x, y))
//@ native_powr_f32 a=pos b=one cmp=f32:1024 ref=pow(x,y)
MAP2(native_powr_f32, float, float, native_powr(x, y))
//@ half_divide_f32 a=mid b=pos cmp=f32:8192 ref=x/y
MAP2(half_divide_f32, float, float, half_divide(x, y))
//@ pown_f32 a=ten cmp=f32:16 ref=x*x*x
MAP1(pown_f32, float, float, pown(x, 3))
//@ rootn_f32 a=pos cmp=f32:16 ref=pow(x,0.2)
MAP1(rootn_f32, float, float, rootn(x, 5))
//@ lgamma_f32 a=pos cmp=f32:64+1e-4 ref=lgamma(x)
MAP1(lgamma_f32, float, float, lgamma(x))
//@ ldexp_f32 a=mid b=mid cmp=f32 ref=ldexp(x,int(y))
MAP2(ldexp_f32, float, float, ldexp(x, (int)y))
//@ ilogb_f32 a=pos
MAP1(ilogb_f32, float, int, ilogb(x))
//@ logb_f32 a=pos cmp=f32 ref=frexp(x)[1]-1
MAP1(logb_f32, float, float, logb(x))
//@ maxmag_f32 a=mid b=mid cmp=f32
MAP2(maxmag_f32, float, float, maxmag(x, y))
//@ fract_f32 a=mid cmp=f32
kernel void fract_f32(global const float *a, global const float *b, global float *out)
{
	size_t i = get_global_id(0);
	float whole, part = fract(a[i], &whole);

	out[2 * i] = whole;
	out[2 * i + 1] = part;
}
//@ frexp_f32 a=mid
kernel void frexp_f32(global const float *a, global const float *b, global uint *out)
{
	size_t i = get_global_id(0);
	int e;
	float m = frexp(a[i], &e);

	out[2 * i] = as_uint(m);
	out[2 * i + 1] = e;
}
//@ modf_f32 a=mid cmp=f32
kernel void modf_f32(global const float *a, global const float *b, global float *out)
{
	size_t i = get_global_id(0);
	float whole, part = modf(a[i], &whole);

	out[2 * i] = whole;
	out[2 * i + 1] = part;
}
//@ sincos_f32 a=mid cmp=f32:4 ref=sin(x)
kernel void sincos_f32(global const float *a, global const float *b, global float *out)
{
	size_t i = get_global_id(0);
	float c;

	out[i] = sincos(a[i], &c);
	out[4096 + i] = c;
}
//@ remquo_f32 a=mid b=pos
kernel void remquo_f32(global const float *a, global const float *b, global uint *out)
{
	size_t i = get_global_id(0);
	int q;
	float r = remquo(a[i], b[i], &q);

	out[2 * i] = as_uint(r);
	out[2 * i + 1] = q & 7;
}
