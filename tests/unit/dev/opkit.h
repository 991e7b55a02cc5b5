/* SPDX-License-Identifier: MIT */
/*
 * Operations of the shader cores against scalar references: each thread loads random operands, the
 * awkward ones mixed in, runs the text of one operation and stores what came out; with full warps
 * and with odd lanes masked.  Always true: operands are a r4d, b r6d, c r8d, p0 and the flags;
 * results r16d, p1, p2 and the flags.
 */
#ifndef TESTS_UNIT_DEV_OPKIT_H
#define TESTS_UNIT_DEV_OPKIT_H

#include <math.h>

#include "gpuvm/dev/sim/sm/pool.h"
#include "tests/unit/dev/smkit.h"

#define THREADS 1024
#define IN SK_BUF
#define OUT (SK_BUF + 0x20000)
/* What a masked lane keeps in its results. */
#define KEPT 0x5eed5eedu

/* A thread's operands: 32-bit a, b, c; doubles x, y, z over the same words; p and flags in. */
struct in {
	uint32_t a[2], b[2], c[2], p, flags; /* p: bit 0; flags: z s c o in 0..3 */
};
struct out {
	uint32_t d[2], pred, rest;
};

typedef void (*ref_fn)(const struct in *, struct out *);

struct op {
	const char *text;
	ref_fn ref;
	uint32_t check; /* what is compared: CHECK_* */
};
enum { D1 = 1, D2 = 2, P12 = 4, CC = 8, ULP = 16, NOTCO = 32 };

static inline float f(uint32_t v)
{
	float x;

	memcpy(&x, &v, 4);
	return x;
}
static inline uint32_t fb(float x)
{
	uint32_t v;

	memcpy(&v, &x, 4);
	return x != x ? 0x7fffffff : v;
}
static inline double d(const uint32_t *v)
{
	double x;

	memcpy(&x, v, 8);
	return x;
}
static inline void db(struct out *o, double x)
{
	uint64_t nan = 0xfff8000000000000ull;

	memcpy(o->d, x != x ? (void *)&nan : (void *)&x, 8);
}
static inline void flags(struct out *o, int c, int v)
{
	o->rest = (o->d[0] == 0) | (o->d[0] >> 31) << 1 | (uint32_t)c << 2 | (uint32_t)v << 3;
}

#define REF(name, body)                                                                            \
	static void r_##name(const struct in *i, struct out *o)                                    \
	{                                                                                          \
		uint32_t a = i->a[0], b = i->b[0], c = i->c[0];                                    \
		(void)a, (void)b, (void)c;                                                         \
		body;                                                                              \
	}
#define D(expr) o->d[0] = (uint32_t)(expr)
#define PP(expr) o->pred = (expr) ? 1 : 2

static struct in in[THREADS];
static struct out out[THREADS];

static inline uint32_t awkward(uint64_t *seed)
{
	static const uint32_t v[] = {
		0, 1, 2, 31, 32, 33, 255, 0x7fffffff, 0x80000000, 0xffffffff, 0x3f800000, 0xbf800000,
		0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f7fffff, 0x00000001, 0x807fffff,
		0x00800000, 0x4f000000, 0xcf000000, 0x4f800000, 0x3f000000, 0x40490fdb, 0x41200000,
		0x7ff00000, 0xfff80000, 0x3ff00000, 0x477ff000, 0x33800000, 0x0810, 0x2008, 0x0404,
	};
	uint64_t r = kit_rand(seed);

	switch (r >> 60 & 7) {
	case 0: case 1: return v[(r >> 8) % ARRAY_SIZE(v)];
	case 2: return (uint32_t)r & 0x3f;
	case 3: return fb((float)((int32_t)(r & 0xffff) - 32768) / 64.0f);
	case 4: return ((uint32_t)r & 0x807fffff) | (100 + (uint32_t)(r >> 40) % 60) << 23;
	default: return (uint32_t)r;
	}
}

static inline void fill_inputs(struct sk *s, uint64_t seed)
{
	for (uint32_t t = 0; t < THREADS; t++) {
		uint32_t *w = (uint32_t *)&in[t];

		for (int k = 0; k < 6; k++)
			w[k] = awkward(&seed);
		in[t].p = (uint32_t)kit_rand(&seed) & 1;
		in[t].flags = (uint32_t)kit_rand(&seed) & 15;
		/* Doubles with whole exponents now and then meet each other. */
		if (t % 3 == 0)
			in[t].b[1] = in[t].a[1] ^ (t & 7) << 17;
	}
	sk_wr(s, IN, in, sizeof(in));
}

static inline uint32_t program(struct sk *s, const struct op *op, bool odd)
{
	char text[2000];

	/* r11 = p, flags: word 7 shifted to where r2p wants them (z s c o in 12..15). */
	snprintf(text, sizeof(text),
		 "s2r r0, %%tid.x\n shl r1, r0, 5\n iadd.cc r2, r1, c0[0x0]\n iadd.x r3, rz, c0[0x4]\n"
		 "ld.b128 r4q, g[r2d]\n ld.b128 r8q, g[r2d+0x10]\n shl r12, r11, 12\n"
		 "lop.or r12, r12, r10\n r2p r12, 0xf001\n mov r16, c0[0x10]\n mov r17, c0[0x10]\n"
		 "mov r13, rz\n"
		 "%s%s\n%s"
		 "p2r r18, rz, 6\n shr.u32 r18, r18, 1\n p2r r19, rz, 0xf000\n shr.u32 r19, r19, 12\n"
		 "shl r1, r0, 4\n iadd.cc r2, r1, c0[0x8]\n iadd.x r3, rz, c0[0xc]\n"
		 "st.b128 g[r2d], r16q\n exit\n",
		 odd ? "lop.and r14, r0, 1\n isetp.ne.u32 p3, pt, r14, rz\n joinat done\n"
		       "@p3 nop.join\n" : "",
		 op->text, odd ? "nop.join\ndone:\n" : "");
	return sk_program(s, text);
}

static inline bool near(uint32_t got, uint32_t want)
{
	int64_t a = (int32_t)got < 0 ? -(int64_t)(got & 0x7fffffff) : got;
	int64_t b = (int32_t)want < 0 ? -(int64_t)(want & 0x7fffffff) : want;

	/* Near zero of sine and cosine the absolute error counts. */
	return llabs(a - b) <= 2 || fabsf(f(got) - f(want)) < 1e-7f;
}

static inline void compare(const struct op *op, uint32_t t, bool masked)
{
	struct out want = { .d = { KEPT, KEPT }, .rest = in[t].flags };
	const struct out *got = &out[t];
	bool ok = true;

	if (op->check & ULP)
		want.d[0] = got->d[0];
	if (!masked)
		op->ref(&in[t], &want);
	else if (op->check & ULP)
		want.d[0] = KEPT;
	if (op->check & (D1 | D2))
		ok = op->check & ULP ? near(got->d[0], want.d[0]) : got->d[0] == want.d[0];
	if (op->check & D2)
		ok = ok && got->d[1] == want.d[1];
	if (op->check & P12)
		ok = ok && got->pred == want.pred;
	if (op->check & CC)
		ok = ok && got->rest == want.rest;
	if (!ok)
		fail_msg("%s: a %08x:%08x b %08x:%08x c %08x:%08x p %u flags %x%s: "
			 "%08x %08x p %x cc %x, not %08x %08x p %x cc %x",
			 op->text, in[t].a[1], in[t].a[0], in[t].b[1], in[t].b[0], in[t].c[1],
			 in[t].c[0], in[t].p, in[t].flags, masked ? " masked" : "", got->d[0],
			 got->d[1], got->pred, got->rest, want.d[0], want.d[1], want.pred, want.rest);
}

static inline void run_ops(enum sm_isa isa, const struct op *ops, size_t n)
{
	struct sk s;

	sk_open(&s, "clock=manual,sm=1");
	kit_sim(s.k.d)->sm->isa = isa;
	sk_const_va(&s, 0, IN);
	sk_const_va(&s, 2, OUT);
	sk_const(&s, 4, KEPT);
	for (size_t i = 0; i < n; i++) {
		for (int odd = 0; odd < 2; odd++) {
			s.entry = 0;
			fill_inputs(&s, 0x9e3779b97f4a7c15ull + i * 2 + (uint64_t)odd);
			sk_run(&s, program(&s, &ops[i], odd),
			       &(struct sk_grid){ .block = { THREADS } });
			sk_rd(&s, OUT, out, sizeof(out));
			for (uint32_t t = 0; t < THREADS; t++)
				compare(&ops[i], t, odd && t & 1);
		}
	}
	sk_close(&s);
}

/* A test for each vector extension: the ops of the file's table. */
#define OP_TESTS(table)                                                                            \
	static void test_plain(void **state)                                                       \
	{                                                                                          \
		(void)state;                                                                       \
		run_ops(SM_ISA_PLAIN, table, ARRAY_SIZE(table));                                   \
	}                                                                                          \
	static void test_avx2(void **state)                                                        \
	{                                                                                          \
		(void)state;                                                                       \
		if (sm_isa_best(SM_OPT_ALL) < SM_ISA_AVX2)                                         \
			skip();                                                                    \
		run_ops(SM_ISA_AVX2, table, ARRAY_SIZE(table));                                    \
	}                                                                                          \
	static void test_avx512(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		if (sm_isa_best(SM_OPT_ALL) < SM_ISA_AVX512)                                       \
			skip();                                                                    \
		run_ops(SM_ISA_AVX512, table, ARRAY_SIZE(table));                                  \
	}                                                                                          \
	static void test_fast(void **state)                                                        \
	{                                                                                          \
		(void)state;                                                                       \
		if (sm_isa_best(SM_OPT_ALL) < SM_ISA_FAST)                                         \
			skip();                                                                    \
		run_ops(SM_ISA_FAST, table, ARRAY_SIZE(table));                                    \
	}

#endif
