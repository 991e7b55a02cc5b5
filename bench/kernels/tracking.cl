// SPDX-License-Identifier: MIT
// Follows points through a film, as heart wall tracking does: one work-group a point looks for the place near
// the last one that differs least (sum of squares) from the point's template, then blends the template.
#define G 256

__kernel __attribute__((reqd_work_group_size(G, 1, 1)))
void track(__global const uchar *frame, __global int *templ, __global int *pos, int width, int r, int s)
{
	__local int cost[G], where[G];
	int l = get_local_id(0), p = get_group_id(0);
	int side = 2 * r + 1, span = 2 * s + 1;
	__global int *t = templ + p * side * side;
	int px = pos[2 * p], py = pos[2 * p + 1];
	int best = 0x7fffffff, at = 0;

	for (int d = l; d < span * span; d += G) {
		int x0 = px + d % span - s - r, y0 = py + d / span - s - r;
		int sum = 0;

		for (int y = 0; y < side; y++)
			for (int x = 0; x < side; x++) {
				int v = (int)frame[(y0 + y) * width + x0 + x] - t[y * side + x];

				sum += v * v;
			}
		if (sum < best) {
			best = sum;
			at = d;
		}
	}
	cost[l] = best;
	where[l] = at;
	for (int h = G / 2; h; h >>= 1) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (l < h && (cost[l + h] < cost[l] || (cost[l + h] == cost[l] && where[l + h] < where[l]))) {
			cost[l] = cost[l + h];
			where[l] = where[l + h];
		}
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	// Stay where the whole search window is inside the next frame (frames are square).
	px = clamp(px + where[0] % span - s, r + s, width - 1 - r - s);
	py = clamp(py + where[0] / span - s, r + s, width - 1 - r - s);
	for (int i = l; i < side * side; i += G)
		t[i] = (3 * t[i] + (int)frame[(py - r + i / side) * width + px - r + i % side] + 2) >> 2;
	if (l == 0) {
		pos[2 * p] = px;
		pos[2 * p + 1] = py;
	}
}
