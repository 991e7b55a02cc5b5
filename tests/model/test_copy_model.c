// SPDX-License-Identifier: MIT
/* The copy engines against a byte-by-byte reference: linear, tiled, remapped, at random. */
#include "tests/model/xferkit.h"

#define ROUNDS 150

static const uint32_t engines[2][2] = {
	{ ENGINE_CE0, CLASS_COPY0_GF100 },
	{ ENGINE_CE1, CLASS_COPY1_GF100 },
};

/* Sizes and positions in x count elements of elem bytes. */
static void side(struct fk_chan *c, struct xk *x, const struct xk_side *s, bool in, uint32_t elem)
{
	uint64_t va = xk_va(x, s);

	fk_word(c, push_header(PUSH_INC, 3, in ? CE_SRC_ADDRESS_HIGH : CE_DST_ADDRESS_HIGH, 2));
	fk_word(c, hi32(va));
	fk_word(c, lo32(va));
	fk_1(c, 3, in ? CE_SRC_PITCH : CE_DST_PITCH, (uint32_t)s->pitch);
	fk_word(c, push_header(PUSH_INC, 3, in ? CE_SRC_TILE_MODE : CE_DST_TILE_MODE, 7));
	/* Any low nibble but 0xe means the same. */
	fk_word(c, s->mode & 0xf ? s->mode : s->mode | xk_rand(x, 0xe));
	fk_word(c, s->width / elem);
	fk_word(c, s->height);
	fk_word(c, s->depth);
	fk_word(c, s->z);
	fk_word(c, s->x / elem);
	fk_word(c, s->y);
}

static void size(struct fk_chan *c, uint32_t n, uint32_t rows)
{
	fk_word(c, push_header(PUSH_INC, 3, CE_XCNT, 2));
	fk_word(c, n);
	fk_word(c, rows);
}

static uint32_t exec_bits(const struct xk_side *src, const struct xk_side *dst)
{
	return (src->tiled ? 0 : CE_EXEC_SRC_LINEAR) | (dst->tiled ? 0 : CE_EXEC_DST_LINEAR);
}

static struct fk_chan start(struct xk *x, uint32_t round)
{
	const uint32_t *e = engines[round % 2];
	struct fk_chan c = fk_chan(&x->k, 1);

	fk_object(&c, 3, e[0], e[1]);
	return c;
}

static void finish(struct fk_chan *c)
{
	fk_go(c);
	assert_true(fk_done(c));
	dev_wr32(c->k->d, reg_at(REGID_PFIFO_CHAN_INST, c->id), 0);
}

static void copies(void **state)
{
	struct xk *x = xk_open(0xabcdef);

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t len = 1 + xk_rand(x, round % 3 ? 200 : 9000), rows = 1 + xk_rand(x, 30);
		struct xk_side src = xk_side(x, len, rows, 1, false, 0);
		struct xk_side dst = xk_side(x, len, rows, 1, true, 0);
		struct fk_chan c = start(x, round);

		side(&c, x, &src, true, 1);
		side(&c, x, &dst, false, 1);
		size(&c, len, rows);
		fk_1(&c, 3, CE_EXEC, exec_bits(&src, &dst));
		finish(&c);
		for (uint32_t y = 0; y < rows; y++)
			for (uint32_t i = 0; i < len; i++)
				*xk_byte(x, &dst, i, y) = *xk_byte(x, &src, i, y);
		xk_check(x, round);
	}
	xk_close(x);
}

struct format {
	uint32_t bytes, in, out, from[4];
	uint8_t konst[2][4];
};

/* Component c of the destination element made of source element in. */
static void remap(const struct format *f, uint32_t c, const uint8_t *in, uint8_t *out)
{
	for (uint32_t b = 0; b < f->bytes; b++) {
		uint32_t from = f->from[c];

		if (from < f->in)
			out[b] = in[from * f->bytes + b];
		else
			out[b] = from == 4 || from == 5 ? f->konst[from - 4][b] : 0;
	}
}

static struct format random_format(struct xk *x, struct fk_chan *c)
{
	uint32_t r = (uint32_t)kit_rand(&x->rnd), word, k[2];
	struct format f = { .bytes = 1 + r % 4, .in = 1 + r / 4 % 4, .out = 1 + r / 16 % 4 };

	word = (f.bytes - 1) << 16 | (f.in - 1) << 20 | (f.out - 1) << 24;
	for (uint32_t i = 0; i < 4; i++) {
		f.from[i] = xk_rand(x, 3) ? xk_rand(x, 4) : 4 + xk_rand(x, 12);
		word |= f.from[i] << (4 * i);
	}
	for (uint32_t i = 0; i < 2; i++) {
		k[i] = (uint32_t)kit_rand(&x->rnd);
		memcpy(f.konst[i], &k[i], 4);
	}
	fk_word(c, push_header(PUSH_INC, 3, CE_FORMAT, 3));
	fk_word(c, word);
	fk_word(c, k[0]);
	fk_word(c, k[1]);
	return f;
}

static void remaps(void **state)
{
	struct xk *x = xk_open(0xfeed);

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t n = 1 + xk_rand(x, round % 3 ? 40 : 800), rows = 1 + xk_rand(x, 20);
		struct fk_chan c = start(x, round);
		struct format f = random_format(x, &c);
		uint32_t in = f.bytes * f.in, out = f.bytes * f.out;
		struct xk_side src = xk_side(x, n * in, rows, in, false, 0);
		struct xk_side dst = xk_side(x, n * out, rows, out, true, 0);

		side(&c, x, &src, true, in);
		side(&c, x, &dst, false, out);
		size(&c, n, rows);
		fk_1(&c, 3, CE_EXEC, exec_bits(&src, &dst) | CE_EXEC_SWZ);
		finish(&c);
		for (uint32_t y = 0; y < rows; y++)
			for (uint32_t i = 0; i < n * f.out; i++) {
				uint8_t from[16], to[4];

				for (uint32_t b = 0; b < in; b++)
					from[b] = *xk_byte(x, &src, i / f.out * in + b, y);
				remap(&f, i % f.out, from, to);
				for (uint32_t b = 0; b < f.bytes; b++)
					*xk_byte(x, &dst, i * f.bytes + b, y) = to[b];
			}
		xk_check(x, round);
	}
	xk_close(x);
}

/* A fill names no source component: its source need not exist. */
static void fill_reads_nothing(void **state)
{
	struct xk *x = xk_open(3);
	struct fk_chan c = start(x, 0);
	struct xk_side src = { .at = 0xf0000000 }, dst = { .buf = 1, .at = XK_HALF, .pitch = 4096 };

	(void)state;
	side(&c, x, &src, true, 1);
	side(&c, x, &dst, false, 1);
	size(&c, 1024, 100);
	fk_word(&c, push_header(PUSH_INC, 3, CE_FORMAT, 2));
	fk_word(&c, 0x4 | 3 << 16); /* one component of 4 bytes: constant 0 */
	fk_word(&c, 0xcafebabe);
	fk_1(&c, 3, CE_EXEC, exec_bits(&src, &dst) | CE_EXEC_SWZ);
	finish(&c);
	for (uint32_t i = 0; i < 100 * 4096; i += 4)
		memcpy(&x->want[1][XK_HALF + i], &(uint32_t){ 0xcafebabe }, 4);
	xk_check(x, 0);
	assert_int_equal(dev_rd32(x->k.d, NV_PFIFO_MMU_FAULT_UNITS), 0);
	xk_close(x);
}

/* As TTM moves buffers: 4096-byte lines; and the longest lines there are. */
static void big_copies(void **state)
{
	struct xk *x = xk_open(9);

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t len = i & 4 ? 0xffff : 4096, rows = i & 4 ? 16 : 256;
		struct xk_side src = { .buf = i & 1, .pitch = (int32_t)len };
		struct xk_side dst = { .buf = i >> 1 & 1, .at = XK_HALF, .pitch = (int32_t)len };
		struct fk_chan c = start(x, i);

		side(&c, x, &src, true, 1);
		side(&c, x, &dst, false, 1);
		size(&c, len, rows);
		fk_1(&c, 3, CE_EXEC, exec_bits(&src, &dst));
		finish(&c);
		memcpy(&x->want[dst.buf][XK_HALF], x->want[src.buf], (size_t)len * rows);
		xk_check(x, i);
	}
	xk_close(x);
}

static void queries(void **state)
{
	struct xk *x = xk_open(5);
	struct fk *k = &x->k;

	(void)state;
	assert_int_equal(dev_advance(k->d, 54321 * 32), 0);
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t is_short = i & 1, off = 64 * i, len = i & 4 ? 16 : 0;
		struct xk_side src = { .at = 64, .pitch = 16 };
		struct xk_side dst = { .at = XK_HALF, .pitch = 16 };
		struct fk_chan c = start(x, i / 2);

		fk_data_set(k, off + 4, 0xffff);
		fk_data_set(k, off + 8, 0xffff);
		side(&c, x, &src, true, 1);
		side(&c, x, &dst, false, 1);
		size(&c, len, 1);
		fk_word(&c, push_header(PUSH_INC, 3, CE_QUERY_ADDRESS_HIGH, 3));
		fk_word(&c, hi32(fk_data_va(off)));
		fk_word(&c, lo32(fk_data_va(off)));
		fk_word(&c, 0x9000 + i);
		fk_1(&c, 3, CE_EXEC, exec_bits(&src, &dst) | (is_short ? CE_EXEC_QUERY_SHORT : 0));
		fk_go(&c);
		assert_int_equal(fk_data(k, off), 0); /* no query was asked for */
		fk_1(&c, 3, CE_WRCACHE_FLUSH, 0);
		fk_1(&c, 3, CE_EXEC,
		     exec_bits(&src, &dst) | CE_EXEC_QUERY | (is_short ? CE_EXEC_QUERY_SHORT : 0));
		finish(&c);
		assert_int_equal(fk_data(k, off), 0x9000 + i);
		assert_int_equal(fk_data(k, off + 4), is_short ? 0xffff : 0);
		assert_int_equal(fk_data(k, off + 8),
				 is_short ? 0xffff : dev_rd32(k->d, NV_PTIMER_TIME_LO));
		assert_int_equal(fk_data(k, off + 12), 0);
		memcpy(&x->want[0][XK_HALF], &x->want[0][64], len);
	}
	xk_check(x, 0);
	xk_close(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),
		cmocka_unit_test(remaps),
		cmocka_unit_test(fill_reads_nothing),
		cmocka_unit_test(big_copies),
		cmocka_unit_test(queries),
	};

	return cmocka_run_group_tests_name("copy_model", tests, NULL, NULL);
}
