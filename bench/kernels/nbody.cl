// SPDX-License-Identifier: MIT
// Acceleration of each of n bodies (x, y, z, mass) by all of them.
#define G 128

__kernel __attribute__((reqd_work_group_size(G, 1, 1)))
void attract(__global const float4 *body, __global float4 *accel, uint n, float soft)
{
	__local float4 t[G];
	uint l = get_local_id(0);
	float4 me = body[get_global_id(0)];
	float ax = 0.0f, ay = 0.0f, az = 0.0f;

	for (uint first = 0; first < n; first += G) {
		t[l] = body[first + l];
		barrier(CLK_LOCAL_MEM_FENCE);
		for (uint k = 0; k < G; k++) {
			float4 o = t[k];
			float x = o.x - me.x, y = o.y - me.y, z = o.z - me.z;
			float inv = rsqrt(fma(x, x, fma(y, y, fma(z, z, soft))));
			float s = o.w * inv * inv * inv;

			ax = fma(s, x, ax);
			ay = fma(s, y, ay);
			az = fma(s, z, az);
		}
		barrier(CLK_LOCAL_MEM_FENCE);
	}
	accel[get_global_id(0)] = (float4)(ax, ay, az, 0.0f);
}
