// SPDX-License-Identifier: MIT
// A long chain of dependent integer operations, and a short kernel beside it.

__kernel void spin(__global uint *x, uint iters)
{
	uint v = x[get_global_id(0)];

	for (uint i = 0; i < iters; i++)
		v = v * 1664525u + 1013904223u;
	x[get_global_id(0)] = v;
}

__kernel void bump(__global uint *x, uint k)
{
	uint at = get_global_id(0);

	x[at] = x[at] * 3u + k;
}
