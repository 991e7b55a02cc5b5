// SPDX-License-Identifier: MIT
// Needleman-Wunsch: the blocks of one diagonal; inside a block, one item a column, again by diagonals.
// The matrix has n + 1 rows and columns; row and column 0 are given.
#define B 16

__kernel __attribute__((reqd_work_group_size(B, 1, 1)))
void block(__global const int *score, __global int *m, uint n, uint diagonal, uint first, int gap)
{
	__local int t[B + 1][B + 1];
	uint l = get_local_id(0), w = n + 1;
	uint bx = first + get_group_id(0), by = diagonal - bx;
	uint x = bx * B + l + 1, y = by * B;

	t[0][l + 1] = m[y * w + x];
	t[l + 1][0] = m[(y + l + 1) * w + bx * B];
	if (l == 0)
		t[0][0] = m[y * w + bx * B];
	for (uint d = 0; d < 2 * B - 1; d++) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (d >= l && d - l < B) {
			uint r = d - l + 1;

			t[r][l + 1] = max(t[r - 1][l] + score[(y + r - 1) * n + x - 1],
					  max(t[r][l], t[r - 1][l + 1]) - gap);
		}
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	for (uint r = 1; r <= B; r++)
		m[(y + r) * w + x] = t[r][l + 1];
}
