// SPDX-License-Identifier: MIT
/*
 * Loads and stores of g[] and s[] in the shapes that have quick ways, and in
 * none: what each lane gets is worked out here one by one, and must not depend
 * on the options of the shader cores.  The memory lies across a page's end.
 */
#include <unistd.h>

#include "tests/unit/dev/smkit.h"

#define THREADS 64
#define IN SK_BUF
#define OUT (SK_BUF + 0x2000)
#define MEM_LEN 0x1000u
#define MEM (SK_BUF + 0x40000 - MEM_LEN / 2)
#define ROUNDS 40
#define OFF (1u << 31) /* in an offset: this lane does not take part */
#define KEPT 0x5eed5eedu

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x >> 11;
}

enum { IN_ORDER, ALL_SAME, HALVES, SHUFFLED, CLAMPED, STRIDED, ANYWHERE, SHAPES };

/* Where each lane goes, in elements of len bytes. */
static void fill(uint32_t *at, uint32_t len, uint32_t shape, uint64_t *x)
{
	uint32_t n = MEM_LEN / len, first = (uint32_t)(next(x) % (n - THREADS)), drop;

	/* Now and then the end of the page, the end of the memory, the beginning. */
	switch (next(x) % 4) {
	case 0: first = n / 2 - (uint32_t)(next(x) % 40); break;
	case 1: first = n - THREADS; break;
	default: break;
	}
	drop = next(x) % 2 ? (uint32_t)next(x) : 0;
	for (uint32_t t = 0; t < THREADS; t++) {
		uint32_t e = first + t;

		switch (shape) {
		case ALL_SAME: e = first; break;
		case HALVES: e = first + t / 16 * 7 + t % 16; break;
		case SHUFFLED: e = first + (t ^ (uint32_t)(next(x) & 15)); break;
		case CLAMPED: e = first + (t ? t - 1 : 0); break;
		case STRIDED: e = t * (n / THREADS); break;
		case ANYWHERE: e = (uint32_t)(next(x) % n); break;
		default: break;
		}
		at[t] = e * len | (drop >> t % 32 & 1 ? OFF : 0);
	}
}

/* r2d: the thread's 16 bytes of out; r4: its offset; p0: it takes part; r8..r11: what it has. */
#define START                                                                                      \
	"s2r r0, %tid.x\n shl r1, r0, 2\n iadd.cc r2, r1, c0[0]\n iadd.x r3, rz, c0[4]\n"          \
	"ld.b32 r4, g[r2d]\n isetp.lt.u32 p0, pt, r4, c0[0x18]\n"                                  \
	"shl r1, r0, 4\n iadd.cc r2, r1, c0[0x8]\n iadd.x r3, rz, c0[0xc]\n"                       \
	"iadd.cc r6, r4, c0[0x10]\n iadd.x r7, rz, c0[0x14]\n"                                     \
	"mov r8, r0\n iadd r9, r0, 0x100\n iadd r10, r0, 0x200\n iadd r11, r0, 0x300\n"
#define END "st.b128 g[r2d], r8q\n exit\n"
/* s[] from memory and back: 64 bytes a thread. */
#define COPY(op1, op2)                                                                             \
	"shl r12, r0, 6\n mov r13, rz\n mov r14, c0[0x10]\n mov r15, c0[0x14]\n"                   \
	"iadd.cc r14, r12, r14\n iadd.x r15, rz, r15\n prebrk done" op1                            \
	"\nl" op1 ":\n isetp.ge.u32 p1, pt, r13, 0x40\n @p1 brk\n" op2                             \
	"iadd r12, r12, 4\n iadd r13, r13, 4\n iadd.cc r14, r14, 4\n iadd.x r15, rz, r15\n"        \
	"bra l" op1 "\ndone" op1 ":\n bar.popc pt, rz, 0, 0, pt\n"

static const struct {
	const char *name, *text;
	uint32_t len;
	bool store;
} cases[] = {
	{ "ld.b32 g", START "@p0 ld.b32 r8, g[r6d]\n" END, 4, false },
	{ "ld.b64 g", START "@p0 ld.b64 r8d, g[r6d]\n" END, 8, false },
	{ "ld.b128 g", START "@p0 ld.b128 r8q, g[r6d]\n" END, 16, false },
	{ "ld over its address", START "@p0 ld.b32 r6, g[r6d]\n mov r8, r6\n" END, 4, false },
	{ "st.b32 g", START "@p0 st.b32 g[r6d], r8\n" END, 4, true },
	{ "st.b64 g", START "@p0 st.b64 g[r6d], r8d\n" END, 8, true },
	{ "st.b128 g", START "@p0 st.b128 g[r6d], r8q\n" END, 16, true },
	{ "ld.b32 s", START COPY("i", "ld.b32 r16, g[r14d]\n st.b32 s[r12], r16\n")
	  "@p0 ld.b32 r8, s[r4]\n" END, 4, false },
	{ "ld.b64 s", START COPY("i", "ld.b32 r16, g[r14d]\n st.b32 s[r12], r16\n")
	  "@p0 ld.b64 r8d, s[r4]\n" END, 8, false },
	{ "ld.b128 s", START COPY("i", "ld.b32 r16, g[r14d]\n st.b32 s[r12], r16\n")
	  "@p0 ld.b128 r8q, s[r4]\n" END, 16, false },
	{ "st.b32 s", START COPY("i", "ld.b32 r16, g[r14d]\n st.b32 s[r12], r16\n")
	  "@p0 st.b32 s[r4], r8\n bar.popc pt, rz, 0, 0, pt\n"
	  COPY("o", "ld.b32 r16, s[r12]\n st.b32 g[r14d], r16\n") END, 4, true },
	{ "st.b128 s", START COPY("i", "ld.b32 r16, g[r14d]\n st.b32 s[r12], r16\n")
	  "@p0 st.b128 s[r4], r8q\n bar.popc pt, rz, 0, 0, pt\n"
	  COPY("o", "ld.b32 r16, s[r12]\n st.b32 g[r14d], r16\n") END, 16, true },
};

struct world {
	uint32_t at[THREADS], mem[MEM_LEN / 4], out[THREADS][4];
};

static void reference(struct world *w, size_t c)
{
	uint32_t words = cases[c].len / 4;
	bool over = cases[c].text && !strcmp(cases[c].name, "ld over its address");

	for (uint32_t t = 0; t < THREADS; t++) {
		uint32_t *m = &w->mem[(w->at[t] & ~OFF) / 4];

		for (uint32_t j = 0; j < 4; j++)
			w->out[t][j] = t + 0x100 * j;
		if (over)
			w->out[t][0] = lo32(fk_data_va(MEM)) + w->at[t];
		if (w->at[t] & OFF)
			continue;
		for (uint32_t j = 0; j < words; j++)
			if (cases[c].store)
				m[j] = w->out[t][j];
			else
				w->out[t][j] = m[j];
	}
}

static void one(struct sk *s, size_t c, uint32_t shape, uint64_t *x)
{
	static struct world want, got;

	fill(want.at, cases[c].len, shape, x);
	/* Two warps that store to one place do so in no particular order: one warp each. */
	if (cases[c].store)
		for (uint32_t t = 32; t < THREADS; t++)
			want.at[t] |= OFF;
	for (size_t i = 0; i < ARRAY_SIZE(want.mem); i++)
		want.mem[i] = (uint32_t)next(x);
	sk_wr(s, IN, want.at, sizeof(want.at));
	sk_wr(s, MEM, want.mem, sizeof(want.mem));
	reference(&want, c);
	sk_run(s, s->entry, &(struct sk_grid){ .block = { THREADS }, .shared = MEM_LEN });
	sk_rd(s, OUT, got.out, sizeof(got.out));
	sk_rd(s, MEM, got.mem, sizeof(got.mem));
	if (memcmp(got.out, want.out, sizeof(got.out)) != 0 ||
	    memcmp(got.mem, want.mem, sizeof(got.mem)) != 0)
		fail_msg("%s, shape %u: wrong", cases[c].name, shape);
}

static void run(const char *options)
{
	uint64_t x = 0x9e3779b97f4a7c15ull;
	struct sk s;

	sk_open(&s, options);
	sk_const_va(&s, 0, IN);
	sk_const_va(&s, 2, OUT);
	sk_const_va(&s, 4, MEM);
	sk_const(&s, 6, OFF);
	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		uint32_t entry;

		s.entry = 0;
		entry = sk_program(&s, cases[c].text);
		s.entry = entry;
		for (uint32_t i = 0; i < ROUNDS; i++)
			one(&s, c, i % SHAPES, &x);
	}
	sk_close(&s);
}

static void test_all_on(void **state)
{
	(void)state;
	run("clock=manual,sm=1");
}

static void test_all_off(void **state)
{
	(void)state;
	run("clock=manual,sm=1,smopt=0");
}

static void test_avx512_alone(void **state)
{
	(void)state;
	run("clock=manual,sm=1,smopt=4");
}

static void test_half_rows(void **state)
{
	(void)state;
	run("clock=manual,sm=1,smopt=5");
}

static void test_wide(void **state)
{
	(void)state;
	run("clock=manual,sm=1,smopt=68");
}

static void test_planned(void **state)
{
	(void)state;
	run("clock=manual,sm=1,smopt=255");
}

static void test_avx2(void **state)
{
	(void)state;
	run("clock=manual,sm=1,smopt=11");
}

/* A page that is mapped elsewhere, or away, is so for the next launch after the flush. */
static void test_remap(void **state)
{
	uint64_t page = MEM & ~0x1ffffull, other = SK_BUF + 0x80000;
	static struct world w;
	uint32_t entry;
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, IN);
	sk_const_va(&s, 2, OUT);
	sk_const_va(&s, 4, MEM);
	sk_const(&s, 6, OFF);
	entry = sk_program(&s, cases[0].text);
	for (uint32_t round = 0; round < 4; round++) {
		uint64_t to = round & 1 ? other : page;

		for (uint32_t t = 0; t < THREADS; t++) {
			w.at[t] = 4 * t;
			w.mem[t] = round << 16 | t;
		}
		kit_map(&s.k.vm, fk_data_va(page), 1,
			pte_pack(PTE_VRAM, fk_vram(FK_DATA + to), PTE_PRESENT));
		kit_flush(&s.k.vm);
		sk_wr(&s, IN, w.at, sizeof(w.at));
		sk_wr(&s, to + (MEM - page), w.mem, 4 * THREADS);
		sk_run(&s, entry, &(struct sk_grid){ .block = { THREADS }, .shared = MEM_LEN });
		sk_rd(&s, OUT, w.out, sizeof(w.out));
		for (uint32_t t = 0; t < THREADS; t++)
			assert_int_equal(w.out[t][0], w.mem[t]);
	}
	kit_map(&s.k.vm, fk_data_va(page), 1, 0);
	kit_flush(&s.k.vm);
	sk_launch(&s, entry, &(struct sk_grid){ .block = { THREADS }, .shared = MEM_LEN });
	fk_go(&s.c);
	assert_int_equal(dev_rd32(s.k.d, NV_PFIFO_MMU_FAULT_UNITS), 1);
	sk_close(&s);
}

/* Neighbours in the address space whose memory is elsewhere: lanes in both, and none in between. */
static void test_parted(void **state)
{
	uint64_t page = MEM + MEM_LEN / 2, other = SK_BUF + 0x80000;
	static struct world w;
	uint32_t entry;
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, IN);
	sk_const_va(&s, 2, OUT);
	sk_const_va(&s, 4, MEM);
	sk_const(&s, 6, OFF);
	entry = sk_program(&s, cases[0].text);
	kit_map(&s.k.vm, fk_data_va(page), 1, pte_pack(PTE_VRAM, fk_vram(FK_DATA + other), PTE_PRESENT));
	kit_flush(&s.k.vm);
	for (uint32_t t = 0; t < THREADS; t++) {
		uint64_t place = page - 0x20 + 4 * (t % 32 * 7 % 32);
		uint32_t v = 0x1000 + t % 32 * 7 % 32;

		w.at[t] = (uint32_t)(place - MEM);
		sk_wr(&s, place < page ? place : other + (place - page), &v, 4);
	}
	sk_wr(&s, IN, w.at, sizeof(w.at));
	sk_run(&s, entry, &(struct sk_grid){ .block = { THREADS }, .shared = MEM_LEN });
	sk_rd(&s, OUT, w.out, sizeof(w.out));
	for (uint32_t t = 0; t < THREADS; t++)
		assert_int_equal(w.out[t][0], 0x1000 + t % 32 * 7 % 32);
	sk_close(&s);
}

/* 40 threads of three instructions: two warps, one of them with 8 lanes. */
static void test_count(void **state)
{
	char path[] = "/tmp/gpuvm-test-XXXXXX", options[80];
	int fd = mkstemp(path);
	uint64_t n[3] = { 0 };
	struct sk s;

	(void)state;
	assert_true(fd >= 0);
	snprintf(options, sizeof(options), "clock=manual,sm=1,count=%s", path);
	sk_open(&s, options);
	for (int i = 0; i < 2; i++)
		sk_run(&s, sk_program(&s, "mov r0, r1\n iadd r2, r0, 1\n exit\n"),
		       &(struct sk_grid){ .block = { 40 } });
	sk_close(&s);
	assert_int_equal(read(fd, n, sizeof(n)), sizeof(n));
	assert_int_equal(n[0], 2);
	assert_int_equal(n[1], 2 * 2 * 3);
	assert_int_equal(n[2], 2 * 40 * 3);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_on),	  cmocka_unit_test(test_all_off),
		cmocka_unit_test(test_half_rows), cmocka_unit_test(test_avx512_alone),
		cmocka_unit_test(test_avx2),	  cmocka_unit_test(test_remap),
		cmocka_unit_test(test_wide),	  cmocka_unit_test(test_planned),
		cmocka_unit_test(test_parted),	  cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
