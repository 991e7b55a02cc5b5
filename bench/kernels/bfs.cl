// SPDX-License-Identifier: MIT
// Breadth-first search, a level at a time.  start[i]..start[i + 1] are node i's edges.
// All writers of one word write the same value.

__kernel void expand(__global const uint *start, __global const uint *edge, __global uint *mask,
		     __global const uint *visited, __global uint *cost, __global uint *next, uint n)
{
	uint i = get_global_id(0);

	if (i >= n || !mask[i])
		return;
	mask[i] = 0;
	for (uint e = start[i]; e < start[i + 1]; e++) {
		uint to = edge[e];

		if (!visited[to]) {
			cost[to] = cost[i] + 1;
			next[to] = 1;
		}
	}
}

__kernel void commit(__global uint *mask, __global uint *visited, __global uint *next,
		     __global uint *more, uint n)
{
	uint i = get_global_id(0);

	if (i >= n || !next[i])
		return;
	next[i] = 0;
	mask[i] = 1;
	visited[i] = 1;
	more[0] = 1;
}
