// SPDX-License-Identifier: MIT
// Programs that break the rules, each in its own way; for test_hostile.py.  The first input is "ones",
// which the compiler cannot know.  tests/cl/case.h says how this file is read.
#define FAR 0x400000000ul /* words beyond any buffer */

//@ endless a=ones global=64 local=64
kernel void endless(global const uint *a, global const uint *b, global uint *out)
{
	volatile global uint *p = out + get_global_id(0);

	while (*p != 0xdeadbeefu)
		*p = a[0];
}

//@ endless_some a=ones global=4096 local=64
kernel void endless_some(global const uint *a, global const uint *b, global uint *out)
{
	volatile global uint *p = out + get_global_id(0);

	*p = 1;
	while (get_global_id(0) == 777 * a[0] && *p)
		*p = a[0];
}

//@ wild_read a=ones
kernel void wild_read(global const uint *a, global const uint *b, global uint *out)
{
	out[get_global_id(0)] = a[a[0] * FAR + get_global_id(0)];
}

//@ wild_write a=ones
kernel void wild_write(global const uint *a, global const uint *b, global uint *out)
{
	out[a[0] * FAR + get_global_id(0)] = 1;
}

//@ wild_atomic a=ones
kernel void wild_atomic(global const uint *a, global const uint *b, global uint *out)
{
	atomic_add(out + a[0] * FAR, 1);
}

//@ null_write a=ones
kernel void null_write(global const uint *a, global const uint *b, global uint *out)
{
	*(global uint *)(ulong)(a[0] - 1) = 1;
}

//@ shared_overrun a=ones
kernel void shared_overrun(global const uint *a, global const uint *b, global uint *out)
{
	local uint s[64];
	uint i = get_local_id(0);

	s[i] = i;
	barrier(CLK_LOCAL_MEM_FENCE);
	s[i + a[0] * 0x100000] = i;
	barrier(CLK_LOCAL_MEM_FENCE);
	out[get_global_id(0)] = s[i];
}

//@ stack_overrun a=ones
kernel void stack_overrun(global const uint *a, global const uint *b, global uint *out)
{
	uint s[64];

	for (uint k = 0; k < 64; k++)
		s[k] = b[k];
	s[get_local_id(0) + a[0] * 0x100000] = 1;
	out[get_global_id(0)] = s[b[0] & 63];
}

//@ misaligned a=ones
kernel void misaligned(global const uint *a, global const uint *b, global uint *out)
{
	*(global uint *)((global char *)out + a[0]) = 1;
}
