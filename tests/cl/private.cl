// SPDX-License-Identifier: MIT
// Private arrays, more values than registers, structs and pointers.
// tests/cl/case.h says how this file is read.

#define ARGS global const uint *a, global const uint *b, global uint *out

//@ indexed_array
kernel void indexed_array(ARGS)
{
	size_t i = get_global_id(0);
	uint t[16];

	for (uint k = 0; k < 16; k++)
		t[k] = a[i] * k + b[i];
	out[i] = t[b[i] & 15] ^ t[a[i] >> 3 & 15];
}
//@ sorted_array
kernel void sorted_array(ARGS)
{
	size_t i = get_global_id(0);
	uint t[8];

	for (uint k = 0; k < 8; k++)
		t[k] = a[i * 8 + k];
	for (uint k = 1; k < 8; k++)
		for (uint m = k; m && t[m - 1] > t[m]; m--) {
			uint v = t[m];

			t[m] = t[m - 1];
			t[m - 1] = v;
		}
	for (uint k = 0; k < 8; k++)
		out[i * 8 + k] = t[k];
}
//@ digit_counts
kernel void digit_counts(ARGS)
{
	size_t i = get_global_id(0);
	uchar n[16];

	for (uint k = 0; k < 16; k++)
		n[k] = 0;
	for (uint k = 0; k < 8; k++) {
		n[a[i] >> (4 * k) & 15]++;
		n[b[i] >> (4 * k) & 15] += 3;
	}
	for (uint k = 0; k < 16; k++)
		out[i] = out[i] * 3 + n[k];
}
//@ byte_array
kernel void byte_array(ARGS)
{
	size_t i = get_global_id(0);
	uchar t[64];

	for (uint k = 0; k < 64; k++)
		t[k] = (uchar)(a[i] >> (k & 31)) + k;
	out[i] = t[b[i] & 63] | t[b[i] >> 6 & 63] << 8 | t[b[i] >> 12 & 63] << 16;
}
//@ short_array
kernel void short_array(ARGS)
{
	size_t i = get_global_id(0);
	short t[24];

	for (uint k = 0; k < 24; k++)
		t[k] = (short)(a[i] * (k + 1));
	out[i] = (int)t[b[i] % 24] - t[a[i] % 24];
}
//@ long_array
kernel void long_array(global const ulong *a, global const ulong *b, global ulong *out)
{
	size_t i = get_global_id(0);
	ulong t[10];

	for (uint k = 0; k < 10; k++)
		t[k] = a[i] * k ^ b[i];
	out[i] = t[b[i] % 10] + t[a[i] % 10];
}
//@ vector_array
kernel void vector_array(global const uint4 *a, global const uint *b, global uint4 *out)
{
	size_t i = get_global_id(0);
	uint4 t[6];

	for (uint k = 0; k < 6; k++)
		t[k] = a[i] + k * (uint4)(1, 10, 100, 1000);
	out[i] = t[b[i] % 6].wzyx;
}
//@ float_array a=mid b=mid cmp=f32
kernel void float_array(global const float *a, global const float *b, global float *out)
{
	size_t i = get_global_id(0);
	float t[12];

	for (uint k = 0; k < 12; k++)
		t[k] = a[i] * (float)k;
	out[i] = t[(int)fabs(b[i]) % 12];
}
//@ matrix_array
kernel void matrix_array(ARGS)
{
	size_t i = get_global_id(0);
	uint m[4][4], r = 0;

	for (uint k = 0; k < 16; k++)
		m[k / 4][k % 4] = a[(i + k) & 4095];
	for (uint k = 0; k < 4; k++)
		r = r * 31 + m[k][b[i] >> (2 * k) & 3] - m[b[i] >> (2 * k + 8) & 3][k];
	out[i] = r;
}
//@ kilobyte_array global=256
kernel void kilobyte_array(ARGS)
{
	size_t i = get_global_id(0);
	uint t[256], at = a[i] & 255;

	for (uint k = 0; k < 256; k++)
		t[k] = k * 2654435761u + b[i];
	for (uint k = 0; k < 64; k++)
		at = t[at] >> 24;
	out[i] = at;
}
//@ two_arrays
kernel void two_arrays(ARGS)
{
	size_t i = get_global_id(0);
	uint s[8];
	ushort t[8];

	for (uint k = 0; k < 8; k++) {
		s[k] = a[i] >> k;
		t[k] = b[i] >> k;
	}
	for (uint k = 0; k < 8; k++)
		s[t[k] & 7] += t[s[k] & 7];
	out[i] = s[0] ^ s[3] ^ s[7];
}
//@ swapped_arrays
kernel void swapped_arrays(ARGS)
{
	size_t i = get_global_id(0);
	uint s[4], t[4], *p = s, *q = t;

	for (uint k = 0; k < 4; k++) {
		s[k] = a[i] + k;
		t[k] = b[i] * k;
	}
	for (uint k = 0; k < (a[i] & 7); k++) {
		uint *w = p;

		p = q;
		q = w;
		p[k & 3] += q[(k + 1) & 3];
	}
	out[i] = p[b[i] & 3];
}
//@ many_values
kernel void many_values(ARGS)
{
	size_t i = get_global_id(0);
	uint v[96], r = 0;

	for (uint k = 0; k < 96; k++)
		v[k] = a[(i + k * 37) & 8191];
	for (uint k = 0; k < 96; k++)
		v[k] = v[k] * v[(k * 7 + 5) % 96] + k;
	for (uint k = 0; k < 96; k++)
		r = r * 17 + v[(k * 5) % 96];
	out[i] = r;
}
//@ many_floats a=unit cmp=f32
kernel void many_floats(global const float *a, global const float *b, global float *out)
{
	size_t i = get_global_id(0);
	float v[80], r = 0;

	for (uint k = 0; k < 80; k++)
		v[k] = a[(i + k * 13) & 8191];
	for (uint k = 0; k < 80; k++)
		v[k] = fma(v[k], v[(k * 3 + 1) % 80], 0.5f);
	for (uint k = 0; k < 80; k++)
		r = fma(r, 0.5f, v[79 - k]);
	out[i] = r;
}
//@ struct_by_value
struct point {
	int x, y;
	uchar tag;
	ulong big;
};
struct point moved(struct point p, int by)
{
	p.x += by;
	p.y -= p.x;
	p.big = p.big * 3 + p.tag;
	return p;
}
kernel void struct_by_value(ARGS)
{
	size_t i = get_global_id(0);
	struct point p = { (int)a[i], (int)b[i], (uchar)i, 0x100000000ul + a[i] };

	p = moved(moved(p, 5), (int)b[i]);
	out[4 * i] = p.x;
	out[4 * i + 1] = p.y;
	out[4 * i + 2] = (uint)p.big;
	out[4 * i + 3] = (uint)(p.big >> 32);
}
//@ struct_array
struct item {
	uint key;
	ushort weight;
};
kernel void struct_array(ARGS)
{
	size_t i = get_global_id(0);
	struct item t[8];

	for (uint k = 0; k < 8; k++) {
		t[k].key = a[(i * 8 + k) & 16383];
		t[k].weight = b[(i + k) & 16383];
	}
	out[i] = t[b[i] & 7].key * t[a[i] & 7].weight;
}
//@ struct_in_memory
struct record {
	char c;
	short s;
	int i;
	long l;
};
kernel void struct_in_memory(global const struct record *a, global const uint *b, global struct record *out)
{
	size_t i = get_global_id(0);
	struct record r = a[i];

	out[i].c = r.c + 1;
	out[i].s = r.s * 3;
	out[i].i = r.i - r.s;
	out[i].l = r.l ^ r.c;
}
//@ packed_struct
struct __attribute__((packed)) tight {
	uchar c;
	uint i;
	ushort s;
};
kernel void packed_struct(global const struct tight *a, global const uint *b, global uint *out)
{
	size_t i = get_global_id(0);

	out[i] = a[i].i + a[i].s * a[i].c;
}
//@ union_of_views
union view {
	uint u;
	uchar c[4];
};
kernel void union_of_views(ARGS)
{
	size_t i = get_global_id(0);
	union view v = { .u = a[i] };

	v.c[b[i] & 3] = 0x5a;
	out[i] = v.u;
}
//@ pointer_into_array
kernel void pointer_into_array(ARGS)
{
	size_t i = get_global_id(0);
	uint t[32], *p = t + 31;

	for (uint k = 0; k < 32; k++)
		t[k] = a[(i + k) & 16383];
	p -= b[i] & 15;
	out[i] = *p + p[-(int)(a[i] & 15)];
}
