// SPDX-License-Identifier: MIT
// Something that only comes out right if the mapping was.

__kernel void scramble(__global uint *x, uint n, uint key)
{
	uint i = get_global_id(0);

	if (i < n)
		x[i] = (x[i] ^ key) + i;
}
