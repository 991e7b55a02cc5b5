// SPDX-License-Identifier: MIT
// Speckle reducing anisotropic diffusion.  Image of h rows and w columns; edges see themselves as neighbours.
#define G 256
#define T 16

__kernel void extract(__global float *image, uint n)
{
	if (get_global_id(0) < n)
		image[get_global_id(0)] = exp(image[get_global_id(0)] / 255.0f);
}

// Sum, and sum of squares, of each work-group's part.
__kernel __attribute__((reqd_work_group_size(G, 1, 1)))
void moments(__global const float *image, __global float2 *part, uint n)
{
	__local float sum[G], square[G];
	uint l = get_local_id(0), i = get_global_id(0);
	float v = i < n ? image[i] : 0.0f;

	sum[l] = v;
	square[l] = v * v;
	for (uint s = G / 2; s; s >>= 1) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (l < s) {
			sum[l] += sum[l + s];
			square[l] += square[l + s];
		}
	}
	if (l == 0)
		part[get_group_id(0)] = (float2)(sum[0], square[0]);
}

// The diffusion coefficient of a pixel of value v and differences d to north, south, west, east.
float coefficient(float v, float4 d, float q0)
{
	float inv = 1.0f / v;
	float lap = (d.x + d.y + d.z + d.w) * inv;
	float g2 = fma(d.w, d.w, fma(d.z, d.z, fma(d.y, d.y, d.x * d.x))) * inv * inv;
	float den = fma(0.25f, lap, 1.0f);
	float q = fma(0.5f, g2, -0.0625f * lap * lap) / (den * den);

	return clamp(1.0f / (1.0f + (q - q0) / (q0 * (1.0f + q0))), 0.0f, 1.0f);
}

__kernel void diffuse(__global const float *image, __global float *c, __global float4 *diff, uint w, uint h, float q0)
{
	uint x = get_global_id(0), y = get_global_id(1), at = y * w + x;

	if (x < w && y < h) {
		float v = image[at];
		float4 d = (float4)(image[y ? at - w : at] - v, image[y < h - 1 ? at + w : at] - v,
				    image[x ? at - 1 : at] - v, image[x < w - 1 ? at + 1 : at] - v);

		diff[at] = d;
		c[at] = coefficient(v, d, q0);
	}
}

// The same through local memory, for sizes that are whole tiles.
__kernel __attribute__((reqd_work_group_size(T, T, 1)))
void diffuse_tile(__global const float *image, __global float *c, __global float4 *diff, uint w, uint h, float q0)
{
	__local float t[T][T];
	uint x = get_global_id(0), y = get_global_id(1), at = y * w + x;
	uint lx = get_local_id(0), ly = get_local_id(1);
	float v = image[at];
	float4 d;

	t[ly][lx] = v;
	barrier(CLK_LOCAL_MEM_FENCE);
	d.x = (ly ? t[ly - 1][lx] : image[y ? at - w : at]) - v;
	d.y = (ly < T - 1 ? t[ly + 1][lx] : image[y < h - 1 ? at + w : at]) - v;
	d.z = (lx ? t[ly][lx - 1] : image[x ? at - 1 : at]) - v;
	d.w = (lx < T - 1 ? t[ly][lx + 1] : image[x < w - 1 ? at + 1 : at]) - v;
	diff[at] = d;
	c[at] = coefficient(v, d, q0);
}

__kernel void update(__global float *image, __global const float *c, __global const float4 *diff, uint w, uint h,
		     float lambda)
{
	uint x = get_global_id(0), y = get_global_id(1), at = y * w + x;

	if (x < w && y < h) {
		float here = c[at], south = c[y < h - 1 ? at + w : at], east = c[x < w - 1 ? at + 1 : at];
		float4 d = diff[at];
		float div = fma(east, d.w, fma(here, d.z, fma(south, d.y, here * d.x)));

		image[at] = fma(0.25f * lambda, div, image[at]);
	}
}

__kernel void compress(__global float *image, uint n)
{
	if (get_global_id(0) < n)
		image[get_global_id(0)] = log(image[get_global_id(0)]) * 255.0f;
}
