// SPDX-License-Identifier: MIT
// Nearest of k centres for each point; features lie feature by feature.  The first of equals wins.

__kernel void assign(__global const float *feature, __global const float *centre, __global uint *member, uint n,
		     uint dims, uint k)
{
	uint i = get_global_id(0), best = 0;
	float least = FLT_MAX;

	if (i >= n)
		return;
	for (uint c = 0; c < k; c++) {
		float sum = 0.0f;

		for (uint d = 0; d < dims; d++) {
			float v = feature[d * n + i] - centre[c * dims + d];

			sum = fma(v, v, sum);
		}
		if (sum < least) {
			least = sum;
			best = c;
		}
	}
	member[i] = best;
}
