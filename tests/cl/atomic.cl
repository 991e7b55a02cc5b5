// SPDX-License-Identifier: MIT
// Atomics on global and local memory.  Only what does not depend on the order is written out.
// tests/cl/case.h says how this file is read.

#define ARGS global const uint *a, global const uint *b, global uint *out
#define IARGS global const int *a, global const int *b, global int *out
#define SYNC barrier(CLK_LOCAL_MEM_FENCE)
#define ON_GLOBAL(name, call) \
	kernel void name(ARGS) \
	{ size_t i = get_global_id(0); volatile global uint *p = out + (i & 15); uint v = a[i]; call; }
#define ON_LOCAL(name, call) \
	kernel void name(ARGS) \
	{ \
		local uint t[16]; size_t i = get_global_id(0), l = get_local_id(0); \
		volatile local uint *p = t + (i & 15); uint v = a[i]; \
		if (l < 16) t[l] = 1000; \
		SYNC; call; SYNC; \
		if (l < 16) out[get_group_id(0) * 16 + l] = t[l]; \
	}

//@ global_add
ON_GLOBAL(global_add, atomic_add(p, v))
//@ global_sub
ON_GLOBAL(global_sub, atomic_sub(p, v))
//@ global_inc
ON_GLOBAL(global_inc, atomic_inc(p))
//@ global_dec
ON_GLOBAL(global_dec, atomic_dec(p))
//@ global_umin
ON_GLOBAL(global_umin, atomic_min(p, v))
//@ global_umax
ON_GLOBAL(global_umax, atomic_max(p, v | 1))
//@ global_and
ON_GLOBAL(global_and, atomic_and(p, v | 0xff))
//@ global_or
ON_GLOBAL(global_or, atomic_or(p, v & 0xf0f0))
//@ global_xor
ON_GLOBAL(global_xor, atomic_xor(p, v))
//@ local_add
ON_LOCAL(local_add, atomic_add(p, v))
//@ local_sub
ON_LOCAL(local_sub, atomic_sub(p, v))
//@ local_inc
ON_LOCAL(local_inc, atomic_inc(p))
//@ local_dec
ON_LOCAL(local_dec, atomic_dec(p))
//@ local_umin
ON_LOCAL(local_umin, atomic_min(p, v))
//@ local_umax
ON_LOCAL(local_umax, atomic_max(p, v | 1))
//@ local_and
ON_LOCAL(local_and, atomic_and(p, v | 0xff))
//@ local_or
ON_LOCAL(local_or, atomic_or(p, v & 0xf0f0))
//@ local_xor
ON_LOCAL(local_xor, atomic_xor(p, v))
//@ global_imin
kernel void global_imin(IARGS)
{
	size_t i = get_global_id(0);

	atomic_min(out + (i & 15), a[i]);
}
//@ global_imax
kernel void global_imax(IARGS)
{
	size_t i = get_global_id(0);

	atomic_max(out + (i & 15), a[i] | (int)0x80000000);
	atomic_max(out + 16 + (i & 15), a[i]);
}
//@ local_imin
kernel void local_imin(IARGS)
{
	local int t;

	if (!get_local_id(0))
		t = 7;
	SYNC;
	atomic_min(&t, a[get_global_id(0)]);
	SYNC;
	out[get_global_id(0)] = t;
}
//@ local_imax
kernel void local_imax(IARGS)
{
	local int t;

	if (!get_local_id(0))
		t = -7;
	SYNC;
	atomic_max(&t, a[get_global_id(0)]);
	SYNC;
	out[get_global_id(0)] = t;
}
//@ global_xchg
kernel void global_xchg(ARGS)
{
	size_t i = get_global_id(0);

	out[i] = 5;
	out[2048 + i] = atomic_xchg(out + i, a[i]);
}
//@ global_cmpxchg
kernel void global_cmpxchg(ARGS)
{
	size_t i = get_global_id(0);

	out[i] = i & 3;
	out[2048 + i] = atomic_cmpxchg(out + i, 2, a[i]);
}
//@ local_xchg
kernel void local_xchg(ARGS)
{
	local uint t[64];
	size_t i = get_global_id(0), l = get_local_id(0);

	t[l] = a[i];
	out[2048 + i] = atomic_xchg(t + l, b[i]);
	out[i] = t[l];
}
//@ local_cmpxchg
kernel void local_cmpxchg(ARGS)
{
	local uint t[64];
	size_t i = get_global_id(0), l = get_local_id(0);

	t[l] = i & 3;
	out[2048 + i] = atomic_cmpxchg(t + l, 2, b[i]);
	out[i] = t[l];
}
//@ global_ticket
kernel void global_ticket(ARGS)
{
	uint ticket = atomic_inc(out);

	out[1 + ticket] = 1;
}
//@ global_cas_add
kernel void global_cas_add(ARGS)
{
	size_t i = get_global_id(0);
	volatile global uint *p = out + (i & 3);
	uint old, seen = *p;

	do {
		old = seen;
		seen = atomic_cmpxchg(p, old, old + a[i]);
	} while (seen != old);
}
//@ local_cas_add
kernel void local_cas_add(ARGS)
{
	local uint t;
	uint old;

	if (!get_local_id(0))
		t = 0;
	SYNC;
	do {
		old = *(volatile local uint *)&t;
	} while (atomic_cmpxchg(&t, old, old + a[get_global_id(0)]) != old);
	SYNC;
	out[get_global_id(0)] = t;
}
//@ local_histogram local=128
kernel void local_histogram(ARGS)
{
	local uint h[64];
	uint l = get_local_id(0);

	if (l < 64)
		h[l] = 0;
	SYNC;
	for (uint i = get_global_id(0); i < 8192; i += get_global_size(0))
		atomic_inc(h + (a[i] >> 7 & 63));
	SYNC;
	if (l < 64)
		atomic_add(out + l, h[l]);
}
//@ divergent_atomic
kernel void divergent_atomic(ARGS)
{
	size_t i = get_global_id(0);

	if (a[i] & 1)
		atomic_add(out, 3);
	else if (a[i] & 2)
		atomic_add(out + 1, a[i]);
	else
		for (uint k = 0; k < (a[i] >> 4 & 7); k++)
			atomic_inc(out + 2);
}
