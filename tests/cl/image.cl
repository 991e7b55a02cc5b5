// SPDX-License-Identifier: MIT
// Images of 32 x 32: reads without and with a sampler, writes, sizes.
// tests/cl/case.h says how this file is read.

constant sampler_t NEAR = CLK_NORMALIZED_COORDS_FALSE | CLK_ADDRESS_CLAMP_TO_EDGE | CLK_FILTER_NEAREST;
constant sampler_t BORDER = CLK_NORMALIZED_COORDS_FALSE | CLK_ADDRESS_CLAMP | CLK_FILTER_NEAREST;
constant sampler_t UNIT = CLK_NORMALIZED_COORDS_TRUE | CLK_ADDRESS_CLAMP_TO_EDGE | CLK_FILTER_NEAREST;
constant sampler_t LINEAR = CLK_NORMALIZED_COORDS_FALSE | CLK_ADDRESS_CLAMP_TO_EDGE | CLK_FILTER_LINEAR;
constant sampler_t UNIT_BORDER = CLK_NORMALIZED_COORDS_TRUE | CLK_ADDRESS_CLAMP | CLK_FILTER_NEAREST;
constant sampler_t UNIT_REPEAT = CLK_NORMALIZED_COORDS_TRUE | CLK_ADDRESS_REPEAT | CLK_FILTER_NEAREST;
constant sampler_t UNIT_LINEAR = CLK_NORMALIZED_COORDS_TRUE | CLK_ADDRESS_CLAMP_TO_EDGE | CLK_FILTER_LINEAR;
#define MIDDLE (float2)((AT.x + 0.5f) / 32, (AT.y + 0.5f) / 32)
#define AT (int2)((int)get_global_id(0), (int)get_global_id(1))
#define LINE (get_global_id(1) * 32 + get_global_id(0))

//@ read_rgba8 a=img:rgba8 global=32x32 local=8x8 cmp=f32:2
kernel void read_rgba8(read_only image2d_t a, global const uint *b, global float4 *out)
{
	out[LINE] = read_imagef(a, NEAR, AT);
}
//@ read_rgba8ui a=img:rgba8ui global=32x32 local=8x8
kernel void read_rgba8ui(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, NEAR, AT);
}
//@ read_rgba32ui a=img:rgba32ui global=32x32 local=8x8
kernel void read_rgba32ui(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, NEAR, AT);
}
//@ read_rgba32i a=img:rgba32i global=32x32 local=8x8
kernel void read_rgba32i(read_only image2d_t a, global const uint *b, global int4 *out)
{
	out[LINE] = read_imagei(a, NEAR, AT);
}
//@ read_rgba32f a=img:rgba32f global=32x32 local=8x8 cmp=f32
kernel void read_rgba32f(read_only image2d_t a, global const uint *b, global float4 *out)
{
	out[LINE] = read_imagef(a, NEAR, AT);
}
//@ read_clamped a=img:rgba32ui global=32x32 local=8x8
kernel void read_clamped(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, NEAR, AT * 2 - 16);
}
//@ read_border a=img:rgba32ui global=32x32 local=8x8
kernel void read_border(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, BORDER, AT - 5);
}
//@ read_without_sampler a=img:rgba32ui global=32x32 local=8x8
kernel void read_without_sampler(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, (int2)(AT.y, AT.x));
}
//@ read_float_coords a=img:rgba32ui global=32x32 local=8x8
kernel void read_float_coords(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, NEAR, (float2)(AT.x + 0.25f, 31.75f - AT.y));
}
//@ read_unit_coords a=img:rgba32ui global=32x32 local=8x8
kernel void read_unit_coords(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, UNIT, (float2)((AT.x + 0.5f) / 32, (AT.y + 0.5f) / 32));
}
//@ read_linear a=img:rgba32f global=32x32 local=8x8 cmp=f32:8+1.7
kernel void read_linear(read_only image2d_t a, global const uint *b, global float4 *out)
{
	out[LINE] = read_imagef(a, LINEAR, (float2)(AT.x + 1.0f, AT.y + 0.75f));
}
//@ read_scattered a=img:rgba32ui
kernel void read_scattered(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	uint v = b[get_global_id(0)];

	out[get_global_id(0)] = read_imageui(a, NEAR, (int2)(v & 31, v >> 5 & 31));
}
//@ write_rgba8ui out=img:rgba8ui global=32x32 local=8x8
kernel void write_rgba8ui(global const uint *a, global const uint *b, write_only image2d_t out)
{
	uint v = a[LINE];

	write_imageui(out, AT, (uint4)(v & 255, v >> 8 & 255, v >> 16 & 255, v >> 24));
}
//@ write_rgba8 a=unit out=img:rgba8 global=32x32 local=8x8
kernel void write_rgba8(global const float *a, global const uint *b, write_only image2d_t out)
{
	write_imagef(out, AT, (float4)((LINE & 255) / 255.0f, 0.0f, 1.0f, 2.0f));
}
//@ write_rgba32ui a=u32 out=img:rgba32ui global=32x32 local=8x8
kernel void write_rgba32ui(global const uint4 *a, global const uint *b, write_only image2d_t out)
{
	write_imageui(out, AT, a[LINE]);
}
//@ write_rgba32i out=img:rgba32i global=32x32 local=8x8
kernel void write_rgba32i(global const int4 *a, global const uint *b, write_only image2d_t out)
{
	write_imagei(out, (int2)(31 - AT.x, AT.y), a[LINE]);
}
//@ write_rgba32f a=mid out=img:rgba32f global=32x32 local=8x8 cmp=f32
kernel void write_rgba32f(global const float4 *a, global const uint *b, write_only image2d_t out)
{
	write_imagef(out, AT, a[LINE] * 2.0f);
}
//@ image_to_image a=img:rgba32ui out=img:rgba32ui global=32x32 local=8x8
kernel void image_to_image(read_only image2d_t a, global const uint *b, write_only image2d_t out)
{
	write_imageui(out, (int2)(AT.y, AT.x), read_imageui(a, NEAR, AT) + 1);
}
//@ image_size a=img:rgba32ui global=32x32 local=8x8
kernel void image_size(read_only image2d_t a, global const uint *b, global uint *out)
{
	out[LINE] = get_image_width(a) * 1000 + get_image_height(a) + get_image_dim(a).y;
}
// With normalized coordinates.
//@ unit_rgba8 a=img:rgba8 global=32x32 local=8x8 cmp=f32:2
kernel void unit_rgba8(read_only image2d_t a, global const uint *b, global float4 *out)
{
	out[LINE] = read_imagef(a, UNIT, MIDDLE);
}
//@ unit_rgba8ui a=img:rgba8ui global=32x32 local=8x8
kernel void unit_rgba8ui(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, UNIT, MIDDLE);
}
//@ unit_rgba32i a=img:rgba32i global=32x32 local=8x8
kernel void unit_rgba32i(read_only image2d_t a, global const uint *b, global int4 *out)
{
	out[LINE] = read_imagei(a, UNIT, MIDDLE);
}
//@ unit_rgba32f a=img:rgba32f global=32x32 local=8x8 cmp=f32
kernel void unit_rgba32f(read_only image2d_t a, global const uint *b, global float4 *out)
{
	out[LINE] = read_imagef(a, UNIT, MIDDLE);
}
//@ unit_clamped a=img:rgba32ui global=32x32 local=8x8
kernel void unit_clamped(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, UNIT, MIDDLE * 2.0f - 0.5f + 1.0f / 64);
}
//@ unit_border a=img:rgba32ui global=32x32 local=8x8
kernel void unit_border(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, UNIT_BORDER, MIDDLE - 0.25f);
}
//@ unit_repeat a=img:rgba32ui global=32x32 local=8x8
kernel void unit_repeat(read_only image2d_t a, global const uint *b, global uint4 *out)
{
	out[LINE] = read_imageui(a, UNIT_REPEAT, MIDDLE + 1.25f);
}
// The filter's weights have eight bits.
//@ unit_linear a=img:rgba32f global=32x32 local=8x8 cmp=f32:8+1.7
kernel void unit_linear(read_only image2d_t a, global const uint *b, global float4 *out)
{
	out[LINE] = read_imagef(a, UNIT_LINEAR, MIDDLE + 0.3f / 32);
}
//@ unit_to_image a=img:rgba32ui out=img:rgba32ui global=32x32 local=8x8
kernel void unit_to_image(read_only image2d_t a, global const uint *b, write_only image2d_t out)
{
	write_imageui(out, (int2)(AT.y, AT.x), read_imageui(a, UNIT, MIDDLE) + 1);
}
