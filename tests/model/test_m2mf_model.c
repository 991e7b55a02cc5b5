// SPDX-License-Identifier: MIT
/* M2MF against a byte-by-byte reference: linear, tiled, inline, with random parameters. */
#include "tests/model/xferkit.h"

#define ROUNDS 150

static void side(struct fk_chan *c, struct xk *x, const struct xk_side *s, bool in)
{
	uint64_t va = xk_va(x, s);

	fk_word(c, push_header(PUSH_INC, 2, in ? M2MF_OFFSET_IN_HIGH : M2MF_OFFSET_OUT_HIGH, 2));
	fk_word(c, hi32(va));
	fk_word(c, lo32(va));
	fk_1(c, 2, in ? M2MF_PITCH_IN : M2MF_PITCH_OUT, (uint32_t)s->pitch);
	fk_word(c, push_header(PUSH_INC, 2, in ? M2MF_TILING_MODE_IN : M2MF_TILING_MODE_OUT, 5));
	fk_word(c, s->mode);
	fk_word(c, s->width);
	fk_word(c, s->height);
	fk_word(c, s->depth);
	fk_word(c, s->z);
	fk_word(c, push_header(PUSH_INC, 2,
			       in ? M2MF_TILING_POSITION_IN_X : M2MF_TILING_POSITION_OUT_X, 2));
	fk_word(c, s->x);
	fk_word(c, s->y);
}

static uint32_t exec_bits(const struct xk_side *src, const struct xk_side *dst)
{
	return (src->tiled ? 0 : M2MF_EXEC_LINEAR_IN) | (dst->tiled ? 0 : M2MF_EXEC_LINEAR_OUT);
}

static void size(struct fk_chan *c, uint32_t len, uint32_t rows)
{
	fk_word(c, push_header(PUSH_INC, 2, M2MF_LINE_LENGTH_IN, 2));
	fk_word(c, len);
	fk_word(c, rows);
}

static void rewind_push(struct fk_chan *c)
{
	c->at = c->start = 0;
}

static void copies(void **state)
{
	struct xk *x = xk_open(0x1234567);
	struct fk_chan c = fk_chan(&x->k, 1);

	(void)state;
	fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t len = 1 + xk_rand(x, round % 3 ? 200 : 9000), rows = 1 + xk_rand(x, 30);
		struct xk_side src = xk_side(x, len, rows, 1, false, 2);
		struct xk_side dst = xk_side(x, len, rows, 1, true, 2);

		side(&c, x, &src, true);
		side(&c, x, &dst, false);
		size(&c, len, rows);
		fk_1(&c, 2, M2MF_EXEC, exec_bits(&src, &dst));
		fk_go(&c);
		rewind_push(&c);
		assert_true(fk_done(&c));
		for (uint32_t y = 0; y < rows; y++)
			for (uint32_t i = 0; i < len; i++)
				*xk_byte(x, &dst, i, y) = *xk_byte(x, &src, i, y);
		xk_check(x, round);
	}
	assert_int_equal(dev_rd32(x->k.d, NV_PGRAPH_INTR), 0);
	xk_close(x);
}

/* Lines that run backwards: a pitch is signed. */
static void negative_pitch(void **state)
{
	struct xk *x = xk_open(0x77);
	struct fk_chan c = fk_chan(&x->k, 1);
	struct xk_side src = { .buf = 0, .at = 100000, .pitch = -300 };
	struct xk_side dst = { .buf = 1, .at = XK_HALF + 200000, .pitch = -256 };

	(void)state;
	fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
	side(&c, x, &src, true);
	side(&c, x, &dst, false);
	size(&c, 250, 40);
	fk_1(&c, 2, M2MF_EXEC, exec_bits(&src, &dst));
	fk_go(&c);
	for (uint32_t y = 0; y < 40; y++)
		for (uint32_t i = 0; i < 250; i++)
			*xk_byte(x, &dst, i, y) = *xk_byte(x, &src, i, y);
	xk_check(x, 0);
	xk_close(x);
}

/* Big enough for many runs; joined lines take another path than single ones. */
static void big_copies(void **state)
{
	struct xk *x = xk_open(0x99);
	struct fk_chan c = fk_chan(&x->k, 1);

	(void)state;
	fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
	for (uint32_t i = 0; i < 4; i++) {
		struct xk_side src = { .buf = i & 1, .pitch = 1000 };
		struct xk_side dst = { .buf = i >> 1, .at = XK_HALF, .pitch = i ? 1001 : 1000 };

		side(&c, x, &src, true);
		side(&c, x, &dst, false);
		size(&c, 1000, 1040);
		fk_1(&c, 2, M2MF_EXEC, exec_bits(&src, &dst));
		fk_go(&c);
		for (uint32_t y = 0; y < 1040; y++)
			memcpy(xk_byte(x, &dst, 0, y), xk_byte(x, &src, 0, y), 1000);
		xk_check(x, i);
	}
	xk_close(x);
}

/* words at once in one packet; packets and entries end at random places. */
static void push_data(struct xk *x, struct fk_chan *c, const uint8_t *data, uint32_t len)
{
	uint32_t words = (len + 3) / 4;

	for (uint32_t done = 0, n; done < words; done += n) {
		uint32_t form = xk_rand(x, 3);

		n = form == 2 ? 1 : 1 + xk_rand(x, 3000);
		if (n > words - done)
			n = words - done;
		if (form != 1)
			n = 1;
		fk_word(c, push_header(form == 1 ? PUSH_NINC : PUSH_INC, 2, M2MF_DATA, n));
		for (uint32_t i = 0; i < n; i++) {
			uint32_t w = 0xaaaaaaaa, at = 4 * (done + i);

			memcpy(&w, data + at, len - at < 4 ? len - at : 4);
			fk_word(c, w);
			if (!xk_rand(x, 500))
				fk_end(c);
		}
	}
}

static void inline_data(void **state)
{
	struct xk *x = xk_open(0x31415926);
	struct fk_chan c = fk_chan(&x->k, 1);
	static uint8_t data[65536];

	(void)state;
	fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t rows = 1 + xk_rand(x, round % 2 ? 1 : 12);
		uint32_t len = 1 + xk_rand(x, round % 5 ? 300 : 4000);
		struct xk_side none = { .buf = 0 }, dst = xk_side(x, len, rows, 1, true, 2);

		for (uint32_t i = 0; i < len * rows; i++)
			data[i] = (uint8_t)kit_rand(&x->rnd);
		side(&c, x, &none, true);
		side(&c, x, &dst, false);
		size(&c, len, rows);
		fk_1(&c, 2, M2MF_EXEC, M2MF_EXEC_PUSH | exec_bits(&none, &dst));
		push_data(x, &c, data, len * rows);
		fk_go(&c);
		rewind_push(&c);
		assert_true(fk_done(&c));
		for (uint32_t y = 0; y < rows; y++)
			for (uint32_t i = 0; i < len; i++)
				*xk_byte(x, &dst, i, y) = data[y * len + i];
		xk_check(x, round);
	}
	assert_int_equal(dev_rd32(x->k.d, NV_PGRAPH_INTR), 0);
	xk_close(x);
}

static void one_word_too_many(void **state)
{
	struct xk *x = xk_open(1);
	struct fk_chan c = fk_chan(&x->k, 1);
	struct xk_side dst = { .at = XK_HALF };

	(void)state;
	fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
	side(&c, x, &dst, false);
	size(&c, 5, 1);
	fk_1(&c, 2, M2MF_EXEC, M2MF_EXEC_PUSH | M2MF_EXEC_LINEAR_OUT);
	fk_word(&c, push_header(PUSH_NINC, 2, M2MF_DATA, 3));
	for (int i = 0; i < 3; i++)
		fk_word(&c, 0);
	fk_go(&c);
	assert_int_equal(dev_rd32(x->k.d, NV_PGRAPH_INTR), PGRAPH_INTR_DATA_ERROR);
	assert_int_equal(dev_rd32(x->k.d, NV_PGRAPH_DATA_ERROR), PGRAPH_ERROR_OPERATION);
	xk_close(x);
}

static void queries_and_notify(void **state)
{
	struct xk *x = xk_open(5);
	struct fk_chan c = fk_chan(&x->k, 1);
	struct fk *k = &x->k;

	(void)state;
	fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
	for (uint32_t i = 0; i < 4; i++) {
		struct xk_side src = { .at = 10, .pitch = 1 }, dst = { .at = XK_HALF, .pitch = 1 };
		uint32_t is_short = i & 1, push = i >> 1;

		fk_data_set(k, 64 * i + 4, 0xffff);
		side(&c, x, &src, true);
		side(&c, x, &dst, false);
		size(&c, 4, 1);
		fk_word(&c, push_header(PUSH_INC, 2, M2MF_QUERY_ADDRESS_HIGH, 3));
		fk_word(&c, hi32(fk_data_va(64 * i)));
		fk_word(&c, lo32(fk_data_va(64 * i)));
		fk_word(&c, 0xf00d + i);
		fk_1(&c, 2, M2MF_EXEC,
		     exec_bits(&src, &dst) | 2 << M2MF_EXEC_QUERY_SHIFT | M2MF_EXEC_NOTIFY |
			     (is_short ? M2MF_EXEC_QUERY_SHORT : 0) | push);
		if (push) {
			fk_go(&c);
			/* Not before the data has come. */
			assert_int_equal(fk_data(k, 64 * i), 0);
			assert_int_equal(dev_rd32(k->d, NV_PFIFO_ENG_INTR), 0);
			fk_1(&c, 2, M2MF_DATA, 7);
		}
		assert_int_equal(dev_advance(k->d, 12345 * 32), 0);
		fk_go(&c);
		assert_int_equal(fk_data(k, 64 * i), 0xf00d + i);
		assert_int_equal(fk_data(k, 64 * i + 4), is_short ? 0xffff : 0);
		assert_int_equal(fk_data(k, 64 * i + 8),
				 is_short ? 0 : dev_rd32(k->d, NV_PTIMER_TIME_LO));
		assert_int_equal(dev_rd32(k->d, NV_PFIFO_ENG_INTR), 1u << ENGINE_GR);
		dev_wr32(k->d, reg_at(REGID_PFIFO_ENG_INTR_E, ENGINE_GR), 1);
	}
	xk_close(x);
}

static void empty_rectangles(void **state)
{
	struct xk *x = xk_open(6);
	struct fk_chan c = fk_chan(&x->k, 1);

	(void)state;
	fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t push = 0; push < 2; push++) {
			/* No address of them exists, and none is touched. */
			struct xk_side s = { .at = 0xf0000000, .pitch = 4 };

			side(&c, x, &s, true);
			side(&c, x, &s, false);
			size(&c, i & 1 ? 100 : 0, i & 2 ? 100 : 0);
			fk_1(&c, 2, M2MF_EXEC, exec_bits(&s, &s) | push);
		}
	fk_go(&c);
	assert_true(fk_done(&c));
	assert_int_equal(dev_rd32(x->k.d, NV_PFIFO_MMU_FAULT_UNITS), 0);
	xk_check(x, 0);
	xk_close(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),
		cmocka_unit_test(negative_pitch),
		cmocka_unit_test(big_copies),
		cmocka_unit_test(inline_data),
		cmocka_unit_test(one_word_too_many),
		cmocka_unit_test(queries_and_notify),
		cmocka_unit_test(empty_rectangles),
	};

	return cmocka_run_group_tests_name("m2mf_model", tests, NULL, NULL);
}
