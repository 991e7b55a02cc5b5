// SPDX-License-Identifier: MIT
// What a work-item knows about where it is: one to three dimensions, odd sizes, an offset.
// tests/cl/case.h says how this file is read.

#define ARGS global const uint *a, global const uint *b, global uint *out
#define LINE1 (get_global_id(0) - get_global_offset(0))
#define LINE2 (LINE1 + get_global_size(0) * (get_global_id(1) - get_global_offset(1)))
#define LINE3 (LINE2 + get_global_size(0) * get_global_size(1) * (get_global_id(2) - get_global_offset(2)))
#define LAYOUT(name, line, e) \
	kernel void name(ARGS) { size_t l = (line); out[l & 16383] = (e); }
#define GROUPS (get_group_id(0) | get_group_id(1) << 8 | get_group_id(2) << 16)
#define LOCALS (get_local_id(0) | get_local_id(1) << 11 | get_local_id(2) << 22)
#define GLOBALS (get_global_id(0) | get_global_id(1) << 12 | get_global_id(2) << 24)
#define SIZES (get_local_size(0) | get_local_size(1) << 11 | get_local_size(2) << 22)

//@ global_1d
LAYOUT(global_1d, LINE1, GLOBALS)
//@ local_1d
LAYOUT(local_1d, LINE1, LOCALS)
//@ group_1d
LAYOUT(group_1d, LINE1, GROUPS)
//@ size_1d local=32
LAYOUT(size_1d, LINE1, SIZES + 7 * get_global_size(0) + 3 * get_num_groups(0))
//@ odd_1d global=999 local=37
LAYOUT(odd_1d, LINE1, GROUPS * 100 + LOCALS)
//@ prime_1d global=1009 local=1009
LAYOUT(prime_1d, LINE1, GLOBALS ^ LOCALS << 10)
//@ lone_item global=1 local=1
LAYOUT(lone_item, LINE1, 5 + GLOBALS + get_global_size(0))
//@ groups_of_one global=300 local=1
LAYOUT(groups_of_one, LINE1, GROUPS + 1)
//@ global_2d global=64x32 local=8x8
LAYOUT(global_2d, LINE2, GLOBALS)
//@ local_2d global=64x32 local=16x4
LAYOUT(local_2d, LINE2, LOCALS)
//@ group_2d global=64x32 local=16x4
LAYOUT(group_2d, LINE2, GROUPS)
//@ odd_2d global=45x21 local=5x7
LAYOUT(odd_2d, LINE2, GROUPS ^ LOCALS)
//@ tall_2d global=1x600 local=1x60
LAYOUT(tall_2d, LINE2, GROUPS * 3 + LOCALS)
//@ size_2d global=40x24 local=8x4
LAYOUT(size_2d, LINE2, SIZES + get_num_groups(0) * 1000 + get_num_groups(1))
//@ global_3d global=16x8x8 local=4x4x4
LAYOUT(global_3d, LINE3, GLOBALS)
//@ local_3d global=16x8x8 local=8x2x4
LAYOUT(local_3d, LINE3, LOCALS)
//@ group_3d global=16x8x8 local=8x2x4
LAYOUT(group_3d, LINE3, GROUPS)
//@ odd_3d global=9x10x7 local=3x5x7
LAYOUT(odd_3d, LINE3, GROUPS ^ LOCALS)
//@ size_3d global=12x10x6 local=6x5x2
LAYOUT(size_3d, LINE3, SIZES + get_num_groups(0) + 10 * get_num_groups(1) + 100 * get_num_groups(2))
//@ offset_1d offset=1000
LAYOUT(offset_1d, LINE1, GLOBALS + get_global_offset(0) * 65536)
//@ offset_2d global=32x32 local=8x8 offset=5x77
LAYOUT(offset_2d, LINE2, GLOBALS ^ GROUPS << 3)
//@ offset_3d global=8x8x8 local=4x4x2 offset=1x2x3
LAYOUT(offset_3d, LINE3, GLOBALS + get_global_offset(2))
//@ unused_dimensions
LAYOUT(unused_dimensions, LINE1,
       get_global_id(1) + get_global_size(1) * 2 + get_local_size(2) * 4 + get_num_groups(2) * 8 + get_group_id(1))
// The answers for a dimension that is none are 0, 1 and 1 (OpenCL 1.2, 6.12.1); PoCL 3.1 has others.
//@ beyond_dimensions ref=6
LAYOUT(beyond_dimensions, LINE1, get_global_id(7) + get_global_size(5) * 2 + get_local_size(3) * 4)
//@ work_dim global=16x8x8 local=4x4x4
LAYOUT(work_dim, LINE3, get_work_dim())
//@ required_size local=32x2 global=64x32
kernel __attribute__((reqd_work_group_size(32, 2, 1))) void required_size(ARGS)
{
	out[LINE2] = LOCALS + SIZES;
}
//@ hinted_size local=64
kernel __attribute__((work_group_size_hint(64, 1, 1))) void hinted_size(ARGS)
{
	out[LINE1] = LOCALS + SIZES;
}
//@ many_groups global=65536 local=32
kernel void many_groups(ARGS)
{
	size_t g = get_group_id(0);

	if (!get_local_id(0))
		atomic_add(out + (g & 255), (uint)g + 1);
}
