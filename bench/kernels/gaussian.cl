// SPDX-License-Identifier: MIT
// Gaussian elimination: the factors of column t, then the rows below row t.

__kernel void factors(__global const float *a, __global float *f, uint n, uint t)
{
	uint i = get_global_id(0) + t + 1;

	if (i < n)
		f[i] = a[i * n + t] / a[t * n + t];
}

__kernel void eliminate(__global float *a, __global float *b, __global const float *f, uint n, uint t)
{
	uint x = get_global_id(0) + t, y = get_global_id(1) + t + 1;

	if (x >= n || y >= n)
		return;
	// Column t is known to become zero and is still read by nobody.
	a[y * n + x] = x == t ? 0.0f : fma(-f[y], a[t * n + x], a[y * n + x]);
	if (x == t)
		b[y] = fma(-f[y], b[t], b[y]);
}
