// SPDX-License-Identifier: MIT
// LU decomposition in place, in blocks of 16: the diagonal block, its row and column, what lies below right.
#define B 16

__kernel __attribute__((reqd_work_group_size(B, 1, 1)))
void diagonal(__global float *m, uint n, uint o)
{
	__local float t[B][B + 1];
	uint l = get_local_id(0);

	for (uint i = 0; i < B; i++)
		t[i][l] = m[(o + i) * n + o + l];
	barrier(CLK_LOCAL_MEM_FENCE);
	for (uint i = 0; i < B - 1; i++) {
		if (l > i) {
			float f = t[l][i] / t[i][i];

			t[l][i] = f;
			for (uint k = i + 1; k < B; k++)
				t[l][k] = fma(-f, t[i][k], t[l][k]);
		}
		barrier(CLK_LOCAL_MEM_FENCE);
	}
	for (uint i = 0; i < B; i++)
		m[(o + i) * n + o + l] = t[i][l];
}

// Group g: the g-th block right of the diagonal one (first half of its items) and below it (second half).
__kernel __attribute__((reqd_work_group_size(2 * B, 1, 1)))
void perimeter(__global float *m, uint n, uint o)
{
	__local float d[B][B + 1];
	uint l = get_local_id(0), c = l % B;
	uint far = o + B * (get_group_id(0) + 1);

	if (l < B)
		for (uint i = 0; i < B; i++)
			d[i][c] = m[(o + i) * n + o + c];
	barrier(CLK_LOCAL_MEM_FENCE);
	if (l < B) {
		for (uint i = 1; i < B; i++) {
			float v = m[(o + i) * n + far + c];

			for (uint k = 0; k < i; k++)
				v = fma(-d[i][k], m[(o + k) * n + far + c], v);
			m[(o + i) * n + far + c] = v;
		}
	} else {
		for (uint i = 0; i < B; i++) {
			float v = m[(far + c) * n + o + i];

			for (uint k = 0; k < i; k++)
				v = fma(-m[(far + c) * n + o + k], d[k][i], v);
			m[(far + c) * n + o + i] = v / d[i][i];
		}
	}
}

__kernel __attribute__((reqd_work_group_size(B, B, 1)))
void inner(__global float *m, uint n, uint o)
{
	__local float a[B][B], b[B][B];
	uint lx = get_local_id(0), ly = get_local_id(1);
	uint x = o + B + get_global_id(0), y = o + B + get_global_id(1);
	float v = m[y * n + x];

	a[ly][lx] = m[y * n + o + lx];
	b[ly][lx] = m[(o + ly) * n + x];
	barrier(CLK_LOCAL_MEM_FENCE);
	for (uint k = 0; k < B; k++)
		v = fma(-a[ly][k], b[k][lx], v);
	m[y * n + x] = v;
}
