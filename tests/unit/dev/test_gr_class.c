// SPDX-License-Identifier: MIT
/*
 * Methods of the 3D and compute classes that act: constant buffer data, clears
 * of linear targets, macros, dispatch through a macro.
 */
#include "tests/unit/dev/smkit.h"

#define OUT SK_BUF

static void td(struct sk *s, uint32_t mthd, uint32_t v)
{
	fk_1(&s->c, 0, mthd, v);
}

static void go(struct sk *s)
{
	fk_go(&s->c);
	assert_true(fk_done(&s->c));
}

static uint32_t word(struct sk *s, uint64_t off)
{
	uint32_t v;

	sk_rd(s, off, &v, 4);
	return v;
}

/* Data goes where CB_POS points and moves it on, one word or many at once, in both classes. */
static void test_cb_data(void **state)
{
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	for (uint32_t subc = 0; subc < 2; subc++) {
		uint64_t va = fk_data_va(OUT + subc * 0x1000);

		fk_1(&s.c, subc, 0x2380, 0x100);
		fk_1(&s.c, subc, 0x2384, hi32(va));
		fk_1(&s.c, subc, 0x2388, lo32(va));
		fk_1(&s.c, subc, 0x238c, 0x10);
		fk_1(&s.c, subc, 0x2390, 1);
		fk_1(&s.c, subc, 0x2394, 2);
		fk_word(&s.c, push_header(PUSH_ONEINC, subc, 0x238c, 4));
		fk_word(&s.c, 0x40);
		fk_word(&s.c, 3);
		fk_word(&s.c, 4);
		fk_word(&s.c, 5);
	}
	go(&s);
	for (uint32_t subc = 0; subc < 2; subc++) {
		uint64_t at = OUT + subc * 0x1000;

		assert_int_equal(word(&s, at + 0x10), 1);
		assert_int_equal(word(&s, at + 0x14), 2);
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(word(&s, at + 0x40 + 4 * i), 3 + i);
	}
	sk_close(&s);
}

static void clear(struct sk *s, uint32_t format, uint32_t w, uint32_t h, uint32_t pitch)
{
	td(s, 0x800, hi32(fk_data_va(OUT)));
	td(s, 0x804, lo32(fk_data_va(OUT)));
	td(s, 0x808, pitch);
	td(s, 0x80c, h);
	td(s, 0x810, format);
	td(s, 0x814, 1 << 12);
	td(s, 0xff4, w << 16);
	td(s, 0xff8, h << 16);
	for (uint32_t i = 0; i < 4; i++)
		td(s, 0xd80 + 4 * i, 0x01020304 * (i + 1));
	td(s, 0x19d0, 0x3c);
}

static void test_clear(void **state)
{
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	clear(&s, 0xe4, 100, 3, 0x200);
	go(&s);
	for (uint32_t y = 0; y < 4; y++)
		for (uint32_t x = 0; x < 128; x++)
			assert_int_equal(word(&s, OUT + y * 0x200 + 4 * x),
					 y < 3 && x < 100 ? 0x01020304 : 0);
	clear(&s, 0xc2, 2, 1, 0x200);
	go(&s);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(word(&s, OUT + 4 * i), 0x01020304 * (i % 4 + 1));
	clear(&s, 0xf6, 3, 1, 0x200); /* bytes */
	go(&s);
	assert_int_equal(word(&s, OUT), 0x01040404);
	assert_int_equal(sk_intr(&s), 0);
	clear(&s, 0x0a, 3, 1, 0x200); /* a depth format is no colour target */
	fk_go(&s.c);
	assert_int_equal(sk_intr(&s), PGRAPH_INTR_DATA_ERROR);
	sk_close(&s);
}

/* ---- macros, in words by the fields of envydis/macro.c --------------------------------- */

enum { PARM, MOVE, MADDR, PARM_SEND, SEND, PARM_MADDR, PARMSEND_MADDR, MADDR_SEND };
#define EXIT (1u << 7)

static uint32_t m_alu(uint32_t op, uint32_t rule, uint32_t d, uint32_t a, uint32_t b)
{
	return op << 17 | b << 14 | a << 11 | d << 8 | rule << 4;
}
static uint32_t m_imm(uint32_t rule, uint32_t d, uint32_t a, int32_t imm)
{
	return (uint32_t)imm << 14 | a << 11 | d << 8 | rule << 4 | 1;
}
static uint32_t m_branz(uint32_t a, int32_t to, bool annul)
{
	return (uint32_t)to << 14 | a << 11 | (annul ? 1u << 5 : 0) | 1u << 4 | 7;
}
static uint32_t m_ext(uint32_t rule, uint32_t d, uint32_t a, uint32_t b, uint32_t src,
		      uint32_t size, uint32_t dst)
{
	return dst << 27 | size << 22 | src << 17 | b << 14 | a << 11 | d << 8 | rule << 4 | 2;
}

static void upload(struct sk *s, uint32_t subc, uint32_t id, uint32_t at, const uint32_t *w,
		   uint32_t n)
{
	fk_1(&s->c, subc, 0x114, at);
	for (uint32_t i = 0; i < n; i++)
		fk_1(&s->c, subc, 0x118, w[i]);
	fk_1(&s->c, subc, 0x11c, id);
	fk_1(&s->c, subc, 0x120, at);
}

/* r1 words as parameters, each doubled, into CB_DATA; then their sum. */
static void test_macro_loop(void **state)
{
	static const uint32_t code[] = {
		1u | MADDR << 4 | (0x238c / 4) << 14,	/* maddr CB_POS */
		1u | SEND << 4 | 0x10 << 14,		/* send 0x10 */
		1u | MADDR << 4 | (0x2390 / 4) << 14,	/* maddr CB_DATA, no increment */
		1u | PARM << 4 | 2 << 8,		/* loop: parm r2 */
		0 | SEND << 4 | 0 << 8 | 2 << 11 | 2 << 14, /* send r2 + r2 */
		0 | MOVE << 4 | 3 << 8 | 3 << 11 | 2 << 14, /* r3 += r2 */
	};
	uint32_t w[12];
	struct sk s;

	(void)state;
	memcpy(w, code, sizeof(code));
	w[6] = m_imm(MOVE, 1, 1, -1);
	w[7] = m_branz(1, 3 - 7, true);
	w[8] = m_imm(SEND, 0, 3, 0) | EXIT;
	w[9] = m_imm(SEND, 0, 0, 0x77); /* the delay slot runs */
	sk_open(&s, "clock=manual,sm=1");
	sk_bind(&s, 0, OUT, 0x100);
	upload(&s, 0, 5, 0x100, w, 10); /* through 3D: compute shares the memory */
	sk_cp(&s, 0x3800 + 5 * 8, 3);
	for (uint32_t i = 1; i <= 3; i++)
		sk_cp(&s, 0x3804 + 5 * 8, 10 * i);
	go(&s);
	assert_int_equal(sk_intr(&s), 0);
	assert_int_equal(word(&s, OUT + 0x10), 20);
	assert_int_equal(word(&s, OUT + 0x14), 40);
	assert_int_equal(word(&s, OUT + 0x18), 60);
	assert_int_equal(word(&s, OUT + 0x1c), 60);
	assert_int_equal(word(&s, OUT + 0x20), 0x77);
	sk_close(&s);
}

/* Grid sizes as parameters, LAUNCH from the macro: an indirect dispatch. */
static void test_macro_launch(void **state)
{
	uint32_t w[] = {
		m_imm(PARM, 2, 0, 0),			 /* y */
		m_imm(PARM, 3, 0, 0),			 /* z */
		m_ext(MOVE, 1, 1, 2, 0, 16, 16),	 /* r1 = y << 16 | x */
		m_imm(MADDR, 0, 0, 0x238 / 4 | 1 << 12),
		m_alu(0, SEND, 0, 1, 0),
		m_alu(0, SEND, 0, 3, 0),
		m_imm(MADDR, 0, 0, 0x368 / 4),
		m_imm(SEND, 0, 0, 0x1000) | EXIT,
		m_imm(MOVE, 0, 0, 0),
	};
	uint32_t e;
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=2");
	sk_const_va(&s, 0, OUT);
	upload(&s, SK_CP, 0xc, 0, w, ARRAY_SIZE(w));
	e = sk_program(&s, "mov r2, c0[0x0]\n mov r3, c0[0x4]\n mov r4, 1\n"
			   "red.add.u32 g[r2d], r4\n exit\n");
	sk_cp(&s, 0x3b4, e);
	sk_cp(&s, 0x3ac, 1 << 16 | 32);
	sk_cp(&s, 0x3b0, 1);
	sk_cp(&s, 0x3860, 4);
	sk_cp(&s, 0x3864, 3);
	sk_cp(&s, 0x3864, 2);
	go(&s);
	assert_int_equal(sk_intr(&s), 0);
	assert_int_equal(word(&s, OUT), 32 * 4 * 3 * 2);
	sk_close(&s);
}

static void test_macro_bad(void **state)
{
	static const uint32_t spin[] = { 7 | 1 << 5, 0 };	    /* braz r0 to itself */
	static const uint32_t illegal[] = { 4u << 17 | MOVE << 4 }; /* no such operation */

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct sk s;

		sk_open(&s, "clock=manual,sm=1");
		upload(&s, 0, 1, 0, i ? illegal : spin, i ? 1 : 2);
		td(&s, i == 2 ? 0x3804 : 0x3808, 0); /* a parameter nobody waits for */
		fk_go(&s.c);
		assert_int_equal(sk_intr(&s), PGRAPH_INTR_DATA_ERROR);
		sk_close(&s);
	}
}

/* A report in its long form carries the time. */
static void test_query(void **state)
{
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	dev_advance(s.k.d, 5000);
	td(&s, 0x1b00, hi32(fk_data_va(OUT)));
	td(&s, 0x1b04, lo32(fk_data_va(OUT)));
	td(&s, 0x1b08, 42);
	td(&s, 0x1b0c, 0x00005002);
	go(&s);
	assert_int_equal(word(&s, OUT), 42);
	assert_int_equal(word(&s, OUT + 8), 5000);
	sk_close(&s);
}

/* A draw goes on, but is not silent. */
static void test_draw(void **state)
{
	struct log log;
	struct sk s;
	FILE *f;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	f = sk_listen(&s, &log);
	td(&s, 0x1618, 4);
	go(&s);
	assert_true(sk_said(&s, f, "drawing is not implemented"));
	sk_close(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_draw),
		cmocka_unit_test(test_cb_data),	   cmocka_unit_test(test_clear),
		cmocka_unit_test(test_macro_loop), cmocka_unit_test(test_macro_launch),
		cmocka_unit_test(test_macro_bad),  cmocka_unit_test(test_query),
	};

	return cmocka_run_group_tests_name("gr_class", tests, NULL, NULL);
}
