// SPDX-License-Identifier: MIT
/*
 * Programs that go wrong, and programs that are interrupted: each ends as an
 * error of its own channel, or goes on as if nothing had been, and the device
 * works for the next one.
 */
#include "tests/unit/dev/smkit.h"

#define OUT SK_BUF

static int intr_there(const struct fk_chan *c)
{
	return dev_rd32(c->k->d, NV_PGRAPH_INTR) || dev_rd32(c->k->d, NV_PFIFO_MMU_FAULT_UNITS);
}

static void go(struct sk *s, const char *text, const struct sk_grid *g)
{
	sk_launch(s, sk_program(s, text), g);
	fk_end(&s->c);
	fk_doorbell(&s->c);
}

/* After an error: acknowledged, another program runs on the same device. */
static void expect_alive(struct sk *s)
{
	struct fk_chan c;
	uint32_t v;

	dev_wr32(s->k.d, NV_PGRAPH_INTR, ~0u);
	dev_wr32(s->k.d, reg_at(REGID_PFIFO_CHAN_INST, s->c.id), 0);
	dev_wr32(s->k.d, NV_PFIFO_MMU_FAULT_UNITS, ~0u);
	dev_wr32(s->k.d, NV_PFIFO_ENG_FAULT, ~0u);
	c = fk_chan(&s->k, 2);
	s->c = c;
	fk_object(&s->c, SK_CP, ENGINE_GR, CLASS_COMPUTE_GF100);
	sk_cp(s, 0x1608, hi32(fk_data_va(SK_CODE)));
	sk_cp(s, 0x160c, lo32(fk_data_va(SK_CODE)));
	sk_bind(s, 0, SK_CB, 0x1000);
	sk_const_va(s, 0, OUT);
	go(s, "mov r2, c0[0x0]\n mov r3, c0[0x4]\n mov r4, 0x77\n st.b32 g[r2d], r4\n exit\n",
	   &(struct sk_grid){ .block = { 1 } });
	assert_true(fk_until(fk_done, &s->c));
	sk_rd(s, OUT, &v, sizeof(v));
	assert_int_equal(v, 0x77);
}

static void expect_trap(const char *text, const struct sk_grid *g)
{
	struct sk s;

	sk_open(&s, "sm=2");
	go(&s, text, g);
	assert_true(fk_until(intr_there, &s.c));
	assert_int_equal(sk_intr(&s), PGRAPH_INTR_TRAP);
	expect_alive(&s);
	sk_close(&s);
}

static void test_garbage(void **state)
{
	uint64_t seed = 99;

	(void)state;
	for (int n = 0; n < 40; n++) {
		struct sk s;
		uint64_t code[32];
		uint32_t e;

		sk_open(&s, "sm=1");
		for (int i = 0; i < 32; i++)
			code[i] = kit_rand(&seed) | 8; /* short forms are none of ours */
		e = sk_words(&s, code, 32);
		sk_launch(&s, e, &(struct sk_grid){ .block = { 64 } });
		fk_end(&s.c);
		fk_doorbell(&s.c);
		assert_true(fk_until(intr_there, &s.c));
		assert_int_equal(sk_intr(&s), PGRAPH_INTR_TRAP);
		sk_close(&s);
	}
}

/*
 * Any instructions in any order: whatever they do ends as a fault, a trap, or an
 * end, or loops until the channel goes.  The sanitizers say whether they reached
 * what they must not.
 */
static void test_any_words(void **state)
{
	uint64_t seed = 4711;

	(void)state;
	for (int n = 0; n < 150; n++) {
		struct timespec nap = { 0, 200000 };
		uint64_t code[48];
		struct sk s;
		uint32_t e;

		sk_open(&s, "sm=2");
		sk_const_va(&s, 0, OUT);
		sk_const_va(&s, 2, OUT);
		for (int i = 0; i < 48; i++) {
			struct sm20_insn in;

			do /* always executed, no join: most words would stop at once */
				code[i] = (kit_rand(&seed) & ~0x3c1full) | 0x1c00 |
					  kit_rand(&seed) % 6;
			while (sm20_decode(code[i], 0, &in));
		}
		/* Addresses that lie in memory now and then: r0..r3 are pointers. */
		e = sk_program(&s, "mov r0, c0[0x0]\n mov r1, c0[0x4]\n mov r2, c0[0x8]\n"
				   "mov r3, c0[0xc]\n s2r r4, %laneid\n mov r5, r0\n mov r6, r1\n"
				   "mov r7, 8\n");
		s.entry = e + 64;
		sk_words(&s, code, 48);
		sk_launch(&s, e, &(struct sk_grid){ .grid = { 4 }, .block = { 96 },
						    .shared = 0x400, .local = 0x100 });
		fk_end(&s.c);
		fk_doorbell(&s.c);
		for (int i = 0; i < 50 && !fk_done(&s.c) && !intr_there(&s.c); i++)
			nanosleep(&nap, NULL);
		sk_close(&s);
	}
}

static void test_traps(void **state)
{
	static const char *const bad[] = {
		"bpt.trap 0\n",				 /* breakpoint */
		"brk\n exit\n",				 /* nothing to leave for */
		"nop.join\n exit\n",
		"mov r0, 0x100\n st.b32 s[r0], r0\n exit\n", /* beyond s[] */
		"mov r0, 2\n ld.b32 r1, s[r0]\n exit\n", /* misaligned */
		"mov r0, 0x40\n st.b32 l[r0], r0\n exit\n", /* beyond l[] */
		"mov r0, 2\n st.b32 g[r0], r0\n exit\n",
		"lop:\n prebrk lop\n bra lop\n",		 /* a stack without end */
		"iadd.l r0, rz, 0xfe000100\n ld.b32 r1, g[r0]\n exit\n", /* the window's end */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_trap(bad[i], &(struct sk_grid){ .grid = { 4 }, .block = { 64 },
						       .shared = 0x100, .local = 0x40 });
}

/* One warp waits for a barrier that the other never reaches. */
static void test_barrier_never(void **state)
{
	(void)state;
	expect_trap("s2r r0, %tid.x\n isetp.lt.u32 p0, pt, r0, 0x20\n"
		    "@p0 bar.popc pt, rz, 0, 0x80, pt\n exit\n",
		    &(struct sk_grid){ .block = { 64 } });
}

static void expect_fault(const char *text, uint64_t va, bool write)
{
	struct sk s;
	uint32_t info;

	sk_open(&s, "sm=2");
	go(&s, text, &(struct sk_grid){ .grid = { 8 }, .block = { 64 } });
	assert_true(fk_until(intr_there, &s.c));
	assert_int_equal(sk_intr(&s), 0);
	assert_int_equal(dev_rd32(s.k.d, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_PGRAPH);
	info = dev_rd32(s.k.d, reg_at(REGID_PFIFO_MMU_FAULT_INFO, FAULT_UNIT_PGRAPH));
	assert_int_equal(!!(info & FAULT_INFO_WRITE), write);
	assert_int_equal(info & FAULT_INFO_HUB, 0);
	assert_int_equal(dev_rd32(s.k.d, reg_at(REGID_PFIFO_MMU_FAULT_VALO, FAULT_UNIT_PGRAPH)) &
				 ~0xfffu, lo32(va));
	assert_int_equal(dev_rd32(s.k.d, reg_at(REGID_PFIFO_MMU_FAULT_VAHI, FAULT_UNIT_PGRAPH)),
			 hi32(va));
	expect_alive(&s);
	sk_close(&s);
}

static void test_wild(void **state)
{
	(void)state;
	expect_fault("mov r2, 0x5000\n mov r3, 0x12\n ld.b32 r4, g[r2d]\n exit\n", 0x1200005000,
		     false);
	expect_fault("mov r2, 0x5000\n mov r3, 0x12\n st.b32 g[r2d], r2\n exit\n", 0x1200005000,
		     true);
	expect_fault("mov r2, 0x5000\n mov r3, 0x12\n red.add.u32 g[r2d], r2\n exit\n",
		     0x1200005000, true);
	expect_fault("bra.abs 0x40000000\n", fk_data_va(SK_CODE) + 0x40000000, false);
	/* A constant buffer whose memory is not there. */
	struct sk s;

	sk_open(&s, "sm=1");
	sk_bind(&s, 3, FK_LEN, 0x100);
	go(&s, "mov r2, c3[0x10]\n exit\n", &(struct sk_grid){ .block = { 1 } });
	assert_true(fk_until(intr_there, &s.c));
	assert_int_equal(dev_rd32(s.k.d, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_PGRAPH);
	expect_alive(&s);
	sk_close(&s);
}

static const char endless[] = "lop:\n bra lop\n";

/* A program without end leaves when its channel is unbound, and when the device is closed. */
static void test_endless(void **state)
{
	struct sk s;

	(void)state;
	for (int how = 0; how < 2; how++) {
		sk_open(&s, "sm=2");
		go(&s, endless, &(struct sk_grid){ .grid = { 16 }, .block = { 256 } });
		while (!(fk_engine(&s.k, ENGINE_GR) & 0x80000000u) &&
		       !(fk_engine(&s.k, ENGINE_GR) & 1))
			usleep(100);
		if (!how)
			expect_alive(&s);
		sk_close(&s);
	}
}

/* A grid that is kicked again and again does everything once. */
static void test_resume(void **state)
{
	enum { THREADS = 64, BLOCKS = 40 };
	static uint32_t out[THREADS * BLOCKS + 1];
	struct sk s;

	(void)state;
	sk_open(&s, "sm=2");
	sk_const_va(&s, 0, OUT + 4);
	sk_const_va(&s, 2, OUT);
	sk_const(&s, 4, THREADS);
	go(&s, "s2r r0, %tid.x\n s2r r1, %ctaid.x\n imad.u32.u32 r0, r1, c0[0x10], r0\n"
	       "shl r4, r0, 2\n iadd.cc r2, r4, c0[0x0]\n iadd.x r3, rz, c0[0x4]\n"
	       "mov r5, rz\n shl r7, r0, 2\n iadd r7, r7, 0x4000\n mov r8, c0[0x8]\n mov r9, c0[0xc]\n"
	       "mov r10, 1\n shl r12, r0, 2\n lop.and r12, r12, 0xfc\n st.b32 s[r12], r5\n"
	       "bar.popc pt, rz, 0, 0, pt\n"
	       "prebrk out\n lop:\n ld.b32 r13, s[r12]\n iadd r13, r13, 1\n st.b32 s[r12], r13\n"
	       "iadd r5, r5, 1\n isetp.ge.u32 p0, pt, r5, r7\n @p0 brk\n bra lop\n"
	       "out:\n ld.b32 r13, s[r12]\n st.b32 g[r2d], r13\n red.add.u32 g[r8d], r10\n exit\n",
	   &(struct sk_grid){ .grid = { BLOCKS }, .block = { THREADS }, .shared = 0x100 });
	for (int i = 0; i < 200 && !fk_done(&s.c); i++) {
		dev_wr32(s.k.d, NV_PFIFO_KICK, s.c.id);
		usleep(300);
	}
	assert_true(fk_until(fk_done, &s.c));
	assert_int_equal(sk_intr(&s), 0);
	sk_rd(&s, OUT, out, sizeof(out));
	assert_int_equal(out[0], THREADS * BLOCKS);
	for (uint32_t i = 0; i < THREADS * BLOCKS; i++)
		assert_int_equal(out[1 + i], 4 * i + 0x4000);
	sk_close(&s);
}

/* Sizes no core can hold are refused by the method. */
static void test_bad_sizes(void **state)
{
	static const struct sk_grid bad[] = {
		{ .block = { 1025 } }, { .block = { 32, 64 } }, { .block = { 1 }, .shared = 0xc001 },
		{ .block = { 1 }, .local = 0x200000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sk s;

		sk_open(&s, "sm=1");
		go(&s, "exit\n", &bad[i]);
		assert_true(fk_until(intr_there, &s.c));
		assert_int_equal(sk_intr(&s), PGRAPH_INTR_DATA_ERROR);
		expect_alive(&s);
		sk_close(&s);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage),	 cmocka_unit_test(test_any_words),
		cmocka_unit_test(test_traps),
		cmocka_unit_test(test_barrier_never), cmocka_unit_test(test_wild),
		cmocka_unit_test(test_endless),	 cmocka_unit_test(test_resume),
		cmocka_unit_test(test_bad_sizes),
	};

	return cmocka_run_group_tests_name("sm_bad", tests, NULL, NULL);
}
