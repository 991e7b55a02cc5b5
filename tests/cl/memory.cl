// SPDX-License-Identifier: MIT
// Loads and stores: constant memory, every width and alignment, gathers and scatters, addresses that are computed.
// tests/cl/case.h says how this file is read.

#define ARGS global const uint *a, global const uint *b, global uint *out
constant uint primes[16] = { 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53 };
constant uchar bytes[8] = { 200, 1, 33, 7, 255, 0, 128, 64 };
constant float4 rows[4] = { (float4)(1, 2, 3, 4), (float4)(5, 6, 7, 8), (float4)(-1, 0, 1, 0), (float4)(9, 8, 7, 6) };
constant struct { ushort s; ulong l; } pairs[3] = { { 7, 0x123456789abcdef0ul }, { 9, 1 }, { 65535, ~0ul } };

//@ constant_table
kernel void constant_table(ARGS)
{
	size_t i = get_global_id(0);

	out[i] = primes[a[i] & 15] * primes[b[i] & 15];
}
//@ constant_bytes
kernel void constant_bytes(ARGS)
{
	size_t i = get_global_id(0);

	out[i] = bytes[a[i] & 7] - bytes[b[i] & 7];
}
//@ constant_vectors cmp=f32
kernel void constant_vectors(global const uint *a, global const uint *b, global float4 *out)
{
	size_t i = get_global_id(0);

	out[i] = rows[a[i] & 3] + rows[b[i] & 3].wzyx;
}
//@ constant_structs
kernel void constant_structs(global const uint *a, global const uint *b, global ulong *out)
{
	size_t i = get_global_id(0);

	out[i] = pairs[a[i] % 3].l + pairs[b[i] % 3].s;
}
//@ constant_argument
kernel void constant_argument(constant uint *a, global const uint *b, global uint *out)
{
	size_t i = get_global_id(0);

	out[i] = a[b[i] & 1023] + a[i];
}
//@ constant_local_table
kernel void constant_local_table(ARGS)
{
	const uint weights[5] = { 1, 10, 100, 1000, 10000 };
	size_t i = get_global_id(0);

	out[i] = weights[a[i] % 5] * (b[i] & 15);
}
//@ gather
kernel void gather(ARGS)
{
	size_t i = get_global_id(0);

	out[i] = a[b[i] & 16383] + a[(i * 1031) & 16383];
}
//@ scatter
kernel void scatter(ARGS)
{
	size_t i = get_global_id(0);

	out[(i * 2053) & 16383] = a[i];
}
//@ gather_bytes
kernel void gather_bytes(global const uchar *a, global const uint *b, global uchar *out)
{
	size_t i = get_global_id(0);

	out[(i * 5) & 1023] = a[b[i] & 65535];
}
//@ gather_shorts
kernel void gather_shorts(global const short *a, global const uint *b, global int *out)
{
	size_t i = get_global_id(0);

	out[i] = a[b[i] & 32767] - a[i * 3];
}
//@ gather_longs
kernel void gather_longs(global const ulong *a, global const uint *b, global ulong *out)
{
	size_t i = get_global_id(0);

	out[i] = a[b[i] & 8191] ^ a[i];
}
//@ scatter_bytes
kernel void scatter_bytes(global const uint *a, global const uint *b, global uchar *out)
{
	size_t i = get_global_id(0);

	out[i * 7] = a[i];
	out[i * 7 + 3] = b[i] >> 8;
}
//@ scatter_shorts
kernel void scatter_shorts(global const uint *a, global const uint *b, global ushort *out)
{
	size_t i = get_global_id(0);

	out[(i * 11) & 32767] = a[i] >> 5;
}
//@ vector_16_bytes
kernel void vector_16_bytes(global const uint4 *a, global const uint *b, global uint4 *out)
{
	size_t i = get_global_id(0);

	out[(i * 3) & 4095] = a[b[i] & 4095].yxwz;
}
//@ vector_8_bytes
kernel void vector_8_bytes(global const uint2 *a, global const uint *b, global uint2 *out)
{
	size_t i = get_global_id(0);

	out[(i * 3) & 8191] = a[b[i] & 8191].yx;
}
//@ vector_of_3
kernel void vector_of_3(global const uint3 *a, global const uint *b, global uint3 *out)
{
	size_t i = get_global_id(0);

	vstore3(a[i].zxy, i, (global uint *)out);
}
//@ read_write_same
kernel void read_write_same(ARGS)
{
	size_t i = get_global_id(0);

	out[i] = a[i];
	for (uint k = 0; k < 5; k++)
		out[i] = out[i] * 3 + k;
}
//@ negative_index
kernel void negative_index(ARGS)
{
	size_t i = get_global_id(0);
	global const uint *p = a + 8000;

	out[i] = p[-(int)i] + *(p - (b[i] & 4095));
}
//@ strided_walk
kernel void strided_walk(ARGS)
{
	size_t i = get_global_id(0);
	uint sum = 0;

	for (global const uint *p = a + (i & 63); p < a + 8192; p += 509)
		sum = sum * 7 + *p;
	out[i] = sum;
}
//@ chased_pointers
kernel void chased_pointers(ARGS)
{
	size_t i = get_global_id(0);
	uint at = i;

	for (uint k = 0; k < 10; k++)
		at = (a[at] ^ b[at]) & 16383;
	out[i] = at;
}
//@ pointer_differences
kernel void pointer_differences(ARGS)
{
	size_t i = get_global_id(0);
	global const uint *p = a + (b[i] & 4095), *q = a + (a[i] & 4095);

	out[i] = (uint)(p - q) + (p < q) * 100000;
}
//@ selected_pointer
kernel void selected_pointer(ARGS)
{
	size_t i = get_global_id(0);
	global const uint *p = a[i] & 1 ? a : b;

	out[i] = p[i & 15 ? i : 77];
}
//@ cast_bytes
kernel void cast_bytes(ARGS)
{
	size_t i = get_global_id(0);
	global const uchar *p = (global const uchar *)(a + i);

	out[i] = p[b[i] & 3] * 256 + p[0];
}
//@ async_copy
kernel void async_copy(ARGS)
{
	local uint t[64];
	size_t g = get_group_id(0), l = get_local_id(0);
	event_t e = async_work_group_copy(t, a + g * 64, 64, 0);

	wait_group_events(1, &e);
	out[g * 64 + l] = t[63 - l];
}
//@ async_copy_back
kernel void async_copy_back(ARGS)
{
	local uint t[64];
	size_t g = get_group_id(0), l = get_local_id(0);
	event_t e;

	t[l] = a[g * 64 + l] * 3;
	barrier(CLK_LOCAL_MEM_FENCE);
	e = async_work_group_copy(out + g * 64, t, 64, 0);
	wait_group_events(1, &e);
}
//@ async_strided
kernel void async_strided(ARGS)
{
	local uint t[64];
	size_t g = get_group_id(0), l = get_local_id(0);
	event_t e = async_work_group_strided_copy(t, a + g * 64, 64, 5, 0);

	wait_group_events(1, &e);
	out[g * 64 + l] = t[l];
}
//@ fences_and_prefetch
kernel void fences_and_prefetch(ARGS)
{
	size_t i = get_global_id(0);

	prefetch(a + i, 1);
	out[i] = a[i];
	mem_fence(CLK_GLOBAL_MEM_FENCE);
	out[i] += b[i];
	read_mem_fence(CLK_GLOBAL_MEM_FENCE);
	write_mem_fence(CLK_LOCAL_MEM_FENCE);
	out[i] ^= 5;
}
