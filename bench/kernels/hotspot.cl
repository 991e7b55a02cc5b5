// SPDX-License-Identifier: MIT
// Heat on a chip: one explicit step.  Edges see themselves as neighbours.

__kernel void heat(__global const float *temp, __global const float *power, __global float *out, uint n,
		   float k, float rx, float ry, float rz, float ambient)
{
	uint x = get_global_id(0), y = get_global_id(1), at = y * n + x;
	float t = temp[at];
	float up = y ? temp[at - n] : t, down = y < n - 1 ? temp[at + n] : t;
	float left = x ? temp[at - 1] : t, right = x < n - 1 ? temp[at + 1] : t;
	float v = fma(fma(-2.0f, t, up + down), ry, power[at]);

	v = fma(fma(-2.0f, t, left + right), rx, v);
	v = fma(ambient - t, rz, v);
	out[at] = fma(k, v, t);
}
