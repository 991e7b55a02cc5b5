// SPDX-License-Identifier: MIT
// Local memory and barriers: what the work-items of a group tell each other.
// tests/cl/case.h says how this file is read.

#define ARGS global const uint *a, global const uint *b, global uint *out
#define SYNC barrier(CLK_LOCAL_MEM_FENCE)

//@ reverse_group
kernel void reverse_group(ARGS)
{
	local uint t[64];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	SYNC;
	out[get_global_id(0)] = t[63 - l];
}
//@ rotate_group_256 local=256
kernel void rotate_group_256(ARGS)
{
	local uint t[256];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	SYNC;
	out[get_global_id(0)] = t[(l + 33) & 255] - t[(l + 255) & 255];
}
//@ group_of_1024 local=1024
kernel void group_of_1024(ARGS)
{
	local uint t[1024];
	uint l = get_local_id(0);

	t[l] = a[l];
	SYNC;
	out[l] = t[l ^ 0x3ff] + t[l ^ 0x155];
}
//@ odd_group local=48 global=960
kernel void odd_group(ARGS)
{
	local uint t[48];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	SYNC;
	out[get_global_id(0)] = t[(l + 17) % 48];
}
//@ reduce_sum local=128
kernel void reduce_sum(ARGS)
{
	local uint t[128];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	SYNC;
	for (uint s = 64; s; s >>= 1) {
		if (l < s)
			t[l] += t[l + s];
		SYNC;
	}
	if (!l)
		out[get_group_id(0)] = t[0];
}
//@ reduce_max_float a=mid local=256
kernel void reduce_max_float(global const float *a, global const uint *b, global float *out)
{
	local float t[256];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	SYNC;
	for (uint s = 128; s; s >>= 1) {
		if (l < s)
			t[l] = fmax(t[l], t[l + s]);
		SYNC;
	}
	out[get_global_id(0)] = t[0];
}
//@ scan_group local=128
kernel void scan_group(ARGS)
{
	local uint t[128];
	uint l = get_local_id(0), v;

	t[l] = a[get_global_id(0)];
	SYNC;
	for (uint s = 1; s < 128; s <<= 1) {
		v = l >= s ? t[l - s] : 0;
		SYNC;
		t[l] += v;
		SYNC;
	}
	out[get_global_id(0)] = t[l];
}
//@ sort_group local=64
kernel void sort_group(ARGS)
{
	local uint t[64];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	SYNC;
	for (uint k = 2; k <= 64; k <<= 1)
		for (uint j = k >> 1; j; j >>= 1) {
			uint p = l ^ j;

			if (p > l && (t[l] > t[p]) == !(l & k)) {
				uint v = t[l];

				t[l] = t[p];
				t[p] = v;
			}
			SYNC;
		}
	out[get_global_id(0)] = t[l];
}
//@ transpose_tile global=64x64 local=16x16
kernel void transpose_tile(ARGS)
{
	local uint t[16][17];
	uint x = get_local_id(0), y = get_local_id(1);

	t[y][x] = a[get_global_id(1) * 64 + get_global_id(0)];
	SYNC;
	out[(get_group_id(0) * 16 + y) * 64 + get_group_id(1) * 16 + x] = t[x][y];
}
//@ product_tile a=unit b=unit global=64x64 local=16x16 cmp=f32:16
kernel void product_tile(global const float *a, global const float *b, global float *out)
{
	local float s[16][16], t[16][16];
	uint x = get_local_id(0), y = get_local_id(1);
	uint gx = get_global_id(0), gy = get_global_id(1);
	float sum = 0;

	for (uint k = 0; k < 64; k += 16) {
		s[y][x] = a[gy * 64 + k + x];
		t[y][x] = b[(k + y) * 64 + gx];
		SYNC;
		for (uint i = 0; i < 16; i++)
			sum = fma(s[y][i], t[i][x], sum);
		SYNC;
	}
	out[gy * 64 + gx] = sum;
}
//@ local_bytes
kernel void local_bytes(ARGS)
{
	local uchar t[256];
	uint l = get_local_id(0), v = a[get_global_id(0)];

	for (uint i = 0; i < 4; i++)
		t[l + 64 * i] = v >> 8 * i;
	SYNC;
	for (uint i = 0; i < 4; i++)
		out[4 * get_global_id(0) + i] = t[4 * l + i];
}
//@ local_shorts
kernel void local_shorts(ARGS)
{
	local short t[128];
	uint l = get_local_id(0), v = a[get_global_id(0)];

	t[l] = v;
	t[127 - l] = v >> 16;
	SYNC;
	out[get_global_id(0)] = t[2 * l] + t[2 * l + 1];
}
//@ local_vectors
kernel void local_vectors(global const uint4 *a, global const uint *b, global uint4 *out)
{
	local uint4 t[64];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	SYNC;
	out[get_global_id(0)] = t[(l * 5) & 63].wzyx;
}
//@ local_longs
kernel void local_longs(global const ulong *a, global const uint *b, global ulong *out)
{
	local ulong t[64];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	SYNC;
	out[get_global_id(0)] = t[l ^ 21] - t[l];
}
//@ local_structs
struct pair {
	uint key;
	uchar tag;
};
kernel void local_structs(ARGS)
{
	local struct pair t[64];
	uint l = get_local_id(0);

	t[l].key = a[get_global_id(0)];
	t[l].tag = l * 3;
	SYNC;
	out[get_global_id(0)] = t[63 - l].key ^ t[l ^ 1].tag;
}
//@ barrier_in_loop local=64
kernel void barrier_in_loop(ARGS)
{
	local uint t[64];
	uint l = get_local_id(0), v = a[get_global_id(0)];

	for (uint i = 0; i < 20; i++) {
		t[l] = v + i;
		SYNC;
		v = t[(l + i) & 63] * 3 + t[(l + 7) & 63];
		SYNC;
	}
	out[get_global_id(0)] = v;
}
//@ barrier_in_uniform_branch
kernel void barrier_in_uniform_branch(ARGS)
{
	local uint t[64];
	uint l = get_local_id(0);

	t[l] = a[get_global_id(0)];
	if (get_group_id(0) & 1) {
		SYNC;
		out[get_global_id(0)] = t[63 - l];
	} else {
		out[get_global_id(0)] = t[l] + 1;
	}
}
//@ barrier_global local=128
kernel void barrier_global(ARGS)
{
	uint g = get_global_id(0), l = get_local_id(0);

	out[g] = a[g] * 5;
	barrier(CLK_GLOBAL_MEM_FENCE);
	out[4096 + g] = out[g - l + (127 - l)];
}
//@ local_24k local=256
kernel void local_24k(ARGS)
{
	local uint t[6144];
	uint l = get_local_id(0);

	for (uint i = l; i < 6144; i += 256)
		t[i] = a[i] + get_group_id(0);
	SYNC;
	for (uint i = l; i < 1024; i += 256)
		out[get_group_id(0) * 1024 + i] = t[6143 - i * 6];
}
//@ local_32k local=256
kernel void local_32k(ARGS)
{
	local uint t[8192];
	uint l = get_local_id(0);

	for (uint i = l; i < 8192; i += 256)
		t[i] = a[i] + get_group_id(0);
	SYNC;
	for (uint i = l; i < 2048; i += 256)
		out[get_group_id(0) * 2048 + i] = t[8191 - i * 4];
}
//@ two_local_arrays
kernel void two_local_arrays(ARGS)
{
	local uint s[64];
	local ushort t[64];
	uint l = get_local_id(0);

	s[l] = a[get_global_id(0)];
	t[l] = b[get_global_id(0)];
	SYNC;
	out[get_global_id(0)] = s[t[l] & 63] + t[s[l] & 63];
}
//@ group_in_3d global=8x8x16 local=4x4x4
kernel void group_in_3d(ARGS)
{
	local uint t[4][4][4];
	uint x = get_local_id(0), y = get_local_id(1), z = get_local_id(2);
	uint g = (get_global_id(2) * 8 + get_global_id(1)) * 8 + get_global_id(0);

	t[z][y][x] = a[g];
	SYNC;
	out[g] = t[x][z][y];
}
