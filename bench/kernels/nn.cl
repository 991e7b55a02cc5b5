// SPDX-License-Identifier: MIT
// Distance of each record (latitude, longitude) to one place.

__kernel void distances(__global const float2 *place, __global float *d, uint n, float lat, float lng)
{
	uint i = get_global_id(0);

	if (i < n) {
		float2 p = place[i];
		float y = p.x - lat, x = p.y - lng;

		d[i] = sqrt(fma(y, y, x * x));
	}
}
