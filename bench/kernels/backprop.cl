// SPDX-License-Identifier: MIT
// One layer of a perceptron: 16 hidden units, 16 inputs a work-group.
#define H 16

// partial[group][h]: the group's 16 products, summed as a tree.
__kernel __attribute__((reqd_work_group_size(H, H, 1)))
void forward(__global const float *x, __global const float *w, __global float *partial)
{
	__local float t[H][H];
	uint h = get_local_id(0), r = get_local_id(1), i = get_global_id(1);

	t[r][h] = x[i] * w[i * H + h];
	for (uint s = H / 2; s; s >>= 1) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (r < s)
			t[r][h] += t[r + s][h];
	}
	if (r == 0)
		partial[get_group_id(1) * H + h] = t[0][h];
}

// rate[h] is the learning rate times the unit's delta.
__kernel void adjust(__global const float *x, __global float *w, __global float *old,
		     __global const float *rate, float momentum)
{
	uint h = get_global_id(0), i = get_global_id(1), at = i * H + h;
	float d = fma(rate[h], x[i], momentum * old[at]);

	w[at] += d;
	old[at] = d;
}
