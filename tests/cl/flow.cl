// SPDX-License-Identifier: MIT
// Control flow that differs between the work-items of a warp: branches, loops, what leaves them, calls, barriers between.
// tests/cl/case.h says how this file is read.

#define ARGS global const uint *a, global const uint *b, global uint *out
#define SYNC barrier(CLK_LOCAL_MEM_FENCE)
#define BODY(name, type, text) \
	kernel void name(global const type *a, global const type *b, global type *out) \
	{ size_t i = get_global_id(0); type x = a[i], y = b[i], r = 0; text; out[i] = r; }

//@ if_else
BODY(if_else, uint, if (x & 1) r = x * 3; else r = x + y)
//@ if_chain
BODY(if_chain, uint, if (x < 100) r = 1; else if (x < 70000) r = y; else if (x & 8) r = x ^ y; else r = 7)
//@ nested_if
BODY(nested_if, uint,
     if (x & 1) { if (y & 1) r = 1; else { r = 2; if (x & 2) r = 3 + y; } r += 10; } else if (y & 2) r = x)
//@ deep_if
BODY(deep_if, uint,
     if (x & 1) if (x & 2) if (x & 4) if (x & 8) if (x & 16) if (x & 32) r = y; else r = 6; else r = 5; else r = 4;
     else r = 3; else r = 2; else r = 1)
//@ for_varying
BODY(for_varying, uint, for (uint k = 0; k < (x & 63); k++) r += y ^ k)
//@ while_collatz
BODY(while_collatz, uint, uint v = x % 1000 + 1; while (v != 1) { v = v & 1 ? 3 * v + 1 : v >> 1; r++; })
//@ do_while
BODY(do_while, uint, uint v = x; do { r += v & 15; v >>= 3; } while (v))
//@ nested_for
BODY(nested_for, uint, for (uint k = 0; k < (x & 7); k++) for (uint l = 0; l < (y & 7) + k; l++) r = r * 5 + l)
//@ triple_for
BODY(triple_for, uint,
     for (uint k = 0; k < (x & 3) + 1; k++) for (uint l = k; l < 4; l++) for (uint m = 0; m <= l; m += 1 + (y & 1))
	     r = r * 3 + k * l + m)
//@ break_early
BODY(break_early, uint, for (uint k = 0; k < 100; k++) { if ((x >> (k & 31)) & 1) break; r += k + y; })
//@ continue_odd
BODY(continue_odd, uint, for (uint k = 0; k < 20; k++) { if ((x >> k) & 1) continue; r += k * y; })
//@ break_and_continue
BODY(break_and_continue, uint,
     for (uint k = 0; k < 40; k++) { if ((x + k) % 5 == 0) continue; if ((y + k) % 11 == 0) break; r = r * 3 + k; })
//@ break_inner
BODY(break_inner, uint,
     for (uint k = 0; k < 6; k++) { for (uint l = 0; l < 9; l++) { if (((x >> k) & 7) == l) break; r++; } r *= 2; })
//@ break_outer
BODY(break_outer, uint,
     bool stop = false; for (uint k = 0; k < 8 && !stop; k++) for (uint l = 0; l < 8; l++)
	     { r += k ^ l; if (r > (x & 127)) { stop = true; break; } })
//@ continue_outer
BODY(continue_outer, uint,
     for (uint k = 0; k < 8; k++) { if ((x >> k) & 1) continue; for (uint l = 0; l < k; l++)
	     { if ((y >> l) & 1) continue; r += k * 10 + l; } })
//@ endless_with_break
BODY(endless_with_break, uint, uint k = 0; for (;;) { r += k * k; if (k++ == (x & 31)) break; })
//@ switch_dense
BODY(switch_dense, uint,
     switch (x & 7) { case 0: r = y; break; case 1: r = y + 1; break; case 2: r = y * 2; break; case 3: r = ~y; break;
     case 4: r = y >> 4; break; case 5: r = 99; break; case 6: r = x; break; default: r = x * y; })
//@ switch_sparse
BODY(switch_sparse, uint,
     switch (x & 0xff) { case 3: r = 1; break; case 77: r = y; break; case 128: r = x; break; case 255: r = 4; break;
     default: r = 5; })
//@ switch_falls_through
BODY(switch_falls_through, uint,
     switch (x & 3) { case 0: r += 1; case 1: r += 10; break; case 2: r += 100; default: r += y & 0xff; })
//@ switch_in_loop
BODY(switch_in_loop, uint,
     for (uint k = 0; k < 16; k++) switch ((x >> (2 * k)) & 3) { case 0: r += 1; break; case 1: r *= 3; break;
     case 2: continue; default: r ^= y; })
//@ loop_in_switch
BODY(loop_in_switch, uint,
     switch (x & 3) { case 0: for (uint k = 0; k < (y & 15); k++) r += k; break;
     case 1: while (r < (y & 31)) r += 3; break; default: r = 1; })
//@ early_return
kernel void early_return(ARGS)
{
	size_t i = get_global_id(0);

	if (a[i] & 1)
		return;
	out[i] = b[i] | 1;
	if (a[i] & 2)
		return;
	out[2048 + i] = a[i] + b[i];
}
//@ return_from_loop
kernel void return_from_loop(ARGS)
{
	size_t i = get_global_id(0);

	for (uint k = 0; k < 32; k++) {
		if (a[i] >> k & 1) {
			out[i] = k + 1;
			return;
		}
		out[2048 + i] += b[i];
	}
	out[i] = 77;
}
//@ function_call
uint twist(uint x, uint n)
{
	for (uint k = 0; k < n; k++)
		x = (x << 7 | x >> 25) + 0x9e3779b9;
	return x;
}
kernel void function_call(ARGS)
{
	size_t i = get_global_id(0);

	out[i] = a[i] & 1 ? twist(a[i], b[i] & 7) : twist(b[i], 3) ^ twist(a[i], 1);
}
//@ function_returns
uint first_above(global const uint *v, uint from, uint least)
{
	for (uint k = from; k < from + 16; k++)
		if (v[k] > least)
			return k;
	return 12345;
}
kernel void function_returns(ARGS)
{
	size_t i = get_global_id(0);

	out[i] = first_above(a, i, b[i]);
}
//@ function_through_pointer
void halve(uint *x, uint *n)
{
	while (*x & ~1u) {
		*x >>= 1;
		(*n)++;
	}
}
kernel void function_through_pointer(ARGS)
{
	size_t i = get_global_id(0);
	uint x = a[i], n = 0;

	halve(&x, &n);
	out[2 * i] = x;
	out[2 * i + 1] = n;
}
//@ short_circuit
BODY(short_circuit, uint, uint n = 0; if ((x & 1) && (n++, y & 1) || (n += 4, x & 4)) r = 100; r += n)
//@ conditional_chain
BODY(conditional_chain, uint, r = x & 1 ? y & 1 ? 1 : y & 2 ? 2 : 3 : x & 2 ? x & 4 ? 4 : y : 6)
//@ loop_of_one_item
BODY(loop_of_one_item, uint, if (i % 32 == 5) for (uint k = 0; k < 200; k++) r = r * 7 + y)
//@ half_warp_loops
BODY(half_warp_loops, uint, for (uint k = 0; k < (i & 16 ? 3 : 50); k++) r = r * 5 + (x ^ k))
//@ float_loop_exit a=unit b=unit cmp=f32
BODY(float_loop_exit, float, float v = x; while (v < 100.0f) { v = fma(v, 1.25f, 1.0f); r += 1.0f; })
//@ gcd
kernel void gcd(ARGS)
{
	size_t i = get_global_id(0);
	uint u = a[i], v = b[i];

	while (v) {
		uint w = u % v;

		u = v;
		v = w;
	}
	out[i] = u;
}
//@ sqrt_by_bits
BODY(sqrt_by_bits, uint, for (int k = 15; k >= 0; k--) { uint v = r | 1u << k; if (v * v <= x) r = v; })
//@ binary_search
kernel void binary_search(ARGS)
{
	size_t i = get_global_id(0);
	uint low = 0, high = 4096, want = a[i] >> 16;

	while (low < high) {
		uint mid = (low + high) / 2;

		if (mid * 17 < want)
			low = mid + 1;
		else
			high = mid;
	}
	out[i] = low;
}
// PoCL 3.1 loses a part of this one, so its reference is computed by the comparing script.
//@ barrier_after_divergence ref=barrier_after_divergence
kernel void barrier_after_divergence(ARGS)
{
	local uint t[64];
	size_t i = get_global_id(0), l = get_local_id(0);
	uint v = a[i];

	if (v & 1)
		for (uint k = 0; k < (v & 15); k++)
			v = v * 3 + k;
	else
		v = ~v;
	t[l] = v;
	SYNC;
	if (t[63 - l] & 2)
		v += t[l ^ 1];
	SYNC;
	t[l] = v;
	SYNC;
	out[i] = t[(l * 7) & 63];
}
//@ barrier_in_equal_loops
kernel void barrier_in_equal_loops(ARGS)
{
	local uint t[64];
	size_t i = get_global_id(0), l = get_local_id(0);
	uint v = a[i], n = 3 + (get_group_id(0) & 3);

	for (uint k = 0; k < n; k++) {
		uint w = 0;

		for (uint m = 0; m < (v & 7); m++)
			w += m * k;
		t[l] = v + w;
		SYNC;
		v = t[(l + k + 1) & 63];
		SYNC;
	}
	out[i] = v;
}
//@ barrier_then_leave
kernel void barrier_then_leave(ARGS)
{
	local uint t[64];
	size_t i = get_global_id(0), l = get_local_id(0);

	t[l] = a[i];
	SYNC;
	if (l & 1)
		return;
	out[i] = t[l + 1] + (t[l] & 4 ? t[63 - l] : b[i]);
}
//@ partial_last_group global=1000 local=200
BODY(partial_last_group, uint, if (i < 987) { if (x & 1) r = x; else r = y * 2; } else r = 1)
//@ stores_in_branches
kernel void stores_in_branches(ARGS)
{
	size_t i = get_global_id(0);

	for (uint k = 0; k < 4; k++)
		if (a[i] >> k & 1)
			out[i * 4 + k] = b[i] + k;
		else if (b[i] >> k & 1)
			out[i * 4 + k] = k;
}
