// SPDX-License-Identifier: MIT
// Cheapest way down a wall of costs: rows lines a launch; a group of G items has rows items too many on each side,
// whose results are worth less with each line.
#define G 256

__kernel __attribute__((reqd_work_group_size(G, 1, 1)))
void descend(__global const int *wall, __global const int *from, __global int *to, int cols, int first, int rows)
{
	__local int even[G], odd[G];
	int l = get_local_id(0), own = G - 2 * rows;
	int x = (int)get_group_id(0) * own + l - rows;
	bool inside = x >= 0 && x < cols;
	// Beyond the wall nothing is cheap.
	int v = inside ? from[x] : 0x3fffffff;

	for (int r = 0; r < rows; r++) {
		__local int *t = r & 1 ? odd : even;

		t[l] = v;
		barrier(CLK_LOCAL_MEM_FENCE);
		v = min(v, min(t[max(l - 1, 0)], t[min(l + 1, G - 1)]));
		v = inside ? v + wall[(first + r) * cols + x] : 0x3fffffff;
	}
	if (inside && l >= rows && l < G - rows)
		to[x] = v;
}
