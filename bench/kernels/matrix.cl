// SPDX-License-Identifier: MIT
// Matrices and vectors, element by element, and the tiled product.

__kernel void madd(__global const uint *a, __global const uint *b, __global uint *c, uint n)
{
	uint at = get_global_id(1) * n + get_global_id(0);

	c[at] = a[at] + b[at];
}

#define T 16

__kernel __attribute__((reqd_work_group_size(T, T, 1)))
void mmul(__global const uint *a, __global const uint *b, __global uint *c, uint n)
{
	__local uint ta[T][T], tb[T][T];
	uint x = get_global_id(0), y = get_global_id(1);
	uint lx = get_local_id(0), ly = get_local_id(1);
	uint sum = 0;

	for (uint t = 0; t < n; t += T) {
		ta[ly][lx] = a[y * n + t + lx];
		tb[ly][lx] = b[(t + ly) * n + x];
		barrier(CLK_LOCAL_MEM_FENCE);
		for (uint k = 0; k < T; k++)
			sum += ta[ly][k] * tb[k][lx];
		barrier(CLK_LOCAL_MEM_FENCE);
	}
	c[y * n + x] = sum;
}

__kernel void fmadd(__global const float *a, __global const float *b, __global float *c, uint n)
{
	uint at = get_global_id(1) * n + get_global_id(0);

	c[at] = a[at] + b[at];
}

__kernel void fmmul(__global const float *a, __global const float *b, __global float *c, uint n)
{
	uint at = get_global_id(1) * n + get_global_id(0);

	c[at] = a[at] * b[at];
}

__kernel void vadd(__global const float *a, __global const float *b, __global float *c)
{
	uint at = get_global_id(0);

	c[at] = a[at] + b[at];
}
