// SPDX-License-Identifier: MIT
/*
 * Surface instructions: where bytes and texels lie, what happens outside, what a
 * bad descriptor or address ends as.  The reference computes addresses by division.
 */
#include "tests/unit/dev/smkit.h"

#define OUT SK_BUF
#define SURF (SK_BUF + 0x100000)
#define SURF_LEN 0x100000
#define W 37u
#define H 29u
#define THREADS 256u

struct im {
	uint32_t width, height, format, mode; /* as the class wants them */
};

static void image(struct sk *s, uint32_t slot, uint64_t va, const struct im *im)
{
	uint32_t at = 0x2700 + 0x20 * slot;

	sk_cp(s, at, hi32(va));
	sk_cp(s, at + 4, lo32(va));
	sk_cp(s, at + 8, im->width);
	sk_cp(s, at + 12, im->height);
	sk_cp(s, at + 16, im->format << 4 | 0x14000);
	sk_cp(s, at + 20, im->mode);
}

/* Blocks one column of 64 bytes wide and 8 << gy rows high, columns row by row. */
static uint32_t offset_of(uint32_t width, uint32_t gy, uint32_t x, uint32_t y)
{
	uint32_t rows = 8u << gy, across = (width + 63) / 64;
	uint32_t block = y / rows * across + x / 64;

	return block * 64 * rows + y % rows * 64 + x % 64;
}

static uint8_t mem[SURF_LEN];

static void fill(struct sk *s)
{
	uint64_t seed = 77;

	for (uint32_t i = 0; i < SURF_LEN; i++)
		mem[i] = (uint8_t)(kit_rand(&seed) >> 20);
	sk_wr(s, SURF, mem, SURF_LEN);
}

__attribute__((format(printf, 2, 3))) static uint32_t program(struct sk *s, const char *fmt, ...)
{
	char text[1600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->entry = 0;
	return sk_program(s, text);
}

/* Thread t works at texel (3t, 7t) of a surface a little larger than is there. */
#define HEAD                                                                                       \
	"s2r r0, %%tid.x\n shl r1, r0, 4\n iadd.cc r2, r1, c0[0x0]\n iadd.x r3, rz, c0[0x4]\n"      \
	"imad.u32.u32 r4, r0, 3, rz\n"                                                             \
	"m1:\n isetp.lt.u32 p1, pt, r4, 41\n @!p1 iadd r4, r4, -41\n @!p1 bra m1\n"                \
	"imad.u32.u32 r5, r0, 7, rz\n"                                                             \
	"m2:\n isetp.lt.u32 p1, pt, r5, 31\n @!p1 iadd r5, r5, -31\n @!p1 bra m2\n"

static void where(uint32_t t, uint32_t *x, uint32_t *y)
{
	*x = 3 * t % 41;
	*y = 7 * t % 31;
}

static void run_loads(struct sk *s, uint32_t gy, uint32_t bytes, uint32_t format, const char *type,
		      const char *mode)
{
	static uint32_t out[THREADS][4];
	bool clamp = !strcmp(mode, "clamp");

	image(s, 3, fk_data_va(SURF), &(struct im){ W, H, format, gy << 4 });
	sk_run(s, program(s, HEAD "imad.u32.u32 r4, r4, %u, rz\n mov r8, rz\n mov r9, rz\n"
				  "mov r10, rz\n mov r11, rz\n mov r12, 3\n"
				  "suldb.%s.2d.%s r8%s, r4d, r12\n st.b128 g[r2d], r8q\n exit\n",
			  bytes, type, mode, bytes == 16 ? "q" : bytes == 8 ? "d" : ""),
	       &(struct sk_grid){ .block = { THREADS } });
	sk_rd(s, OUT, out, sizeof(out));
	for (uint32_t t = 0; t < THREADS; t++) {
		uint32_t x, y, want[4] = { 0 };

		where(t, &x, &y);
		if (clamp) {
			x = x < W ? x : W - 1;
			y = y < H ? y : H - 1;
		}
		if (x < W && y < H)
			memcpy(want, mem + offset_of(W * bytes, gy, x * bytes, y), bytes);
		if (!strcmp(type, "s16"))
			want[0] = (uint32_t)(int32_t)(int16_t)want[0];
		assert_memory_equal(out[t], want, sizeof(want));
	}
}

static void test_suldb(void **state)
{
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	fill(&s);
	for (uint32_t gy = 0; gy < 5; gy++) {
		run_loads(&s, gy, 16, 0xc2, "b128", "zero");
		run_loads(&s, gy, 8, 0xc9, "b64", "zero");
		run_loads(&s, gy, 4, 0xe4, "b32", "clamp");
		run_loads(&s, gy, 2, 0xf1, "u16", "zero");
		run_loads(&s, gy, 2, 0xf0, "s16", "clamp");
		run_loads(&s, gy, 1, 0xf6, "u8", "zero");
	}
	sk_close(&s);
}

/* A store changes its bytes and nothing else; outside it changes nothing. */
static void test_sustb(void **state)
{
	static uint8_t got[SURF_LEN];
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	fill(&s);
	image(&s, 0, fk_data_va(SURF), &(struct im){ W, H, 0xcd, 1 << 4 });
	sk_run(&s, program(&s, HEAD "imad.u32.u32 r6, r4, 8, rz\n mov r7, r5\n iadd r8, r4, 1000\n"
				       "iadd r9, r5, 5000\n sustb.b64.2d.zero r6d, 0, r8d\n exit\n"),
	       &(struct sk_grid){ .block = { THREADS } });
	for (uint32_t t = 0; t < THREADS; t++) {
		uint32_t x, y, v[2];

		where(t, &x, &y);
		v[0] = x + 1000;
		v[1] = y + 5000;
		if (x < W && y < H)
			memcpy(mem + offset_of(W * 8, 1, x * 8, y), v, 8);
	}
	sk_rd(&s, SURF, got, SURF_LEN);
	assert_memory_equal(got, mem, SURF_LEN);
	sk_close(&s);
}

static void store_texels(struct sk *s, uint32_t format, const char *mask)
{
	image(s, 1, fk_data_va(SURF), &(struct im){ W, H, format, 2 << 4 });
	/* 0.25, 0.5, 0.75, 1.0 from mov.l: floats' bits. */
	sk_run(s, program(s, HEAD "mov.l r8, 0x3e800000\n mov.l r9, 0x3f000000\n"
				  "mov.l r10, 0x3f400000\n mov.l r11, 0x3f800000\n"
				  "sustp.%s.2d.zero r4d, 1, r8%s\n exit\n",
			  mask, strlen(mask) == 4 ? "q" : "d"),
	       &(struct sk_grid){ .block = { THREADS } });
}

static void expect_texels(struct sk *s, uint32_t bytes, const void *texel)
{
	static uint8_t got[SURF_LEN];

	for (uint32_t t = 0; t < THREADS; t++) {
		uint32_t x, y;

		where(t, &x, &y);
		if (x < W && y < H)
			memcpy(mem + offset_of(W * bytes, 2, x * bytes, y), texel, bytes);
	}
	sk_rd(s, SURF, got, SURF_LEN);
	assert_memory_equal(got, mem, SURF_LEN);
}

static void test_sustp(void **state)
{
	static const uint8_t rgba8[] = { 64, 128, 191, 255 }, bgra8[] = { 191, 128, 64, 255 };
	static const uint8_t masked[] = { 11, 64, 33, 128 };
	static const uint16_t half[] = { 0x3400, 0x3800, 0x3a00, 0x3c00 };
	static const uint32_t f32 = 0x3e800000;
	static const uint16_t sn16[] = { 8192, 16384 };
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	fill(&s);
	store_texels(&s, 0xd5, "xyzw");
	expect_texels(&s, 4, rgba8);
	store_texels(&s, 0xcf, "xyzw");
	expect_texels(&s, 4, bgra8);
	store_texels(&s, 0xca, "xyzw");
	expect_texels(&s, 8, half);
	store_texels(&s, 0xe5, "xyzw");
	expect_texels(&s, 4, &f32);
	store_texels(&s, 0xdb, "xyzw");
	expect_texels(&s, 4, sn16);
	/* g and a take the two registers; r and b stay. */
	memset(mem, 0, SURF_LEN);
	for (uint32_t i = 0; i < SURF_LEN; i += 2)
		mem[i] = i & 2 ? 33 : 11;
	sk_wr(&s, SURF, mem, SURF_LEN);
	store_texels(&s, 0xd5, "yw");
	expect_texels(&s, 4, masked);
	sk_close(&s);
}

/* Linear memory, one dimension; and layers: the third coordinate counts 256 bytes. */
static void test_linear_and_layers(void **state)
{
	uint32_t out[64];
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	fill(&s);
	image(&s, 2, fk_data_va(SURF), &(struct im){ 0x100, 1 | 1 << 20, 0xe4, 0 });
	image(&s, 5, fk_data_va(SURF), &(struct im){ 16, 8, 0xe4, 0 });
	sk_run(&s, sk_program(&s,
			      "s2r r0, %tid.x\n shl r1, r0, 2\n iadd.cc r2, r1, c0[0x0]\n"
			      "iadd.x r3, rz, c0[0x4]\n shl r4, r0, 3\n"
			      "suldb.b32.1d.zero r5, r4, 2\n lop.and r8, r0, 15\n shl r8, r8, 2\n"
			      "mov r9, 3\n shr.u32 r10, r0, 4\n shl r10, r10, 1\n"
			      "suldb.b32.e2d.zero r6, r8t, 5\n lop.xor r5, r5, r6\n"
			      "st.b32 g[r2d], r5\n exit\n"),
	       &(struct sk_grid){ .block = { 64 } });
	sk_rd(&s, OUT, out, sizeof(out));
	for (uint32_t t = 0; t < 64; t++) {
		uint32_t a = 0, b;

		if (t < 32)
			memcpy(&a, mem + 8 * t, 4);
		memcpy(&b, mem + 512 * (t / 16) + 3 * 64 + 4 * (t % 16), 4);
		assert_int_equal(out[t], a ^ b);
	}
	sk_close(&s);
}

/* The address of a word and whether it is outside, as an atomic then uses them. */
static void test_suleab(void **state)
{
	uint32_t got, outside = 0, out[THREADS][4];
	static uint8_t now[SURF_LEN];
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	memset(mem, 0, SURF_LEN);
	sk_wr(&s, SURF, mem, SURF_LEN);
	image(&s, 7, fk_data_va(SURF), &(struct im){ W, H, 0xe4, 3 << 4 });
	sk_run(&s, program(&s, HEAD "shl r6, r4, 2\n mov r7, r5\n mov r13, 5\n mov r12, rz\n"
				       "suleab.b32.2d.zero p2, r8d, r6d, 7\n"
				       "@!p2 red.add.u32 g[r8d], r13\n @p2 mov r12, 1\n"
				       "mov r10, rz\n mov r11, rz\n mov r8, r12\n mov r9, rz\n"
				       "st.b128 g[r2d], r8q\n exit\n"),
	       &(struct sk_grid){ .block = { THREADS } });
	sk_rd(&s, OUT, out, sizeof(out));
	sk_rd(&s, SURF, now, SURF_LEN);
	for (uint32_t t = 0; t < THREADS; t++) {
		uint32_t x, y, add = 5;

		where(t, &x, &y);
		assert_int_equal(out[t][0], !(x < W && y < H));
		outside += out[t][0];
		if (!out[t][0]) {
			memcpy(&got, mem + offset_of(W * 4, 3, x * 4, y), 4);
			add += got;
			memcpy(mem + offset_of(W * 4, 3, x * 4, y), &add, 4);
		}
	}
	assert_true(outside > 0 && outside < THREADS);
	assert_memory_equal(now, mem, SURF_LEN);
	sk_close(&s);
}

/* ---- what goes wrong ---------------------------------------------------------------------- */

static void expect_error(const char *text, uint64_t va, const struct im *im, const char *trap)
{
	struct log log;
	struct sk s;
	FILE *f;

	sk_open(&s, "clock=manual,sm=1");
	image(&s, 0, va, im);
	f = sk_listen(&s, &log);
	sk_launch(&s, sk_program(&s, text), &(struct sk_grid){ .block = { 32 } });
	fk_go(&s.c);
	if (!trap)
		assert_int_not_equal(dev_rd32(s.k.d, NV_PFIFO_MMU_FAULT_UNITS), 0);
	else
		assert_int_equal(sk_intr(&s), PGRAPH_INTR_TRAP);
	assert_true(sk_said(&s, f, trap ? trap : ""));
	sk_close(&s);
}

static void test_bad(void **state)
{
	const char *load = "mov r4, rz\n mov r5, rz\n suldb.b32.2d.zero r8, r4d, 0\n exit\n";
	const char *store = "mov r4, rz\n mov r5, rz\n sustp.xyzw.2d.zero r4d, 0, r8q\n exit\n";
	const struct im good = { 16, 16, 0xe4, 0 };
	uint64_t va = fk_data_va(SURF);

	(void)state;
	expect_error(load, 0x12340000, &good, NULL);
	expect_error(store, 0x12340000, &good, NULL);
	expect_error(load, va, &(struct im){ 16, 16, 0xff, 0 }, "surface format 0xff");
	expect_error(store, va, &(struct im){ 16, 16, 0x1d, 0 }, "surface format 0x1d");
	expect_error("mov r4, 2\n mov r5, rz\n suldb.b32.2d.zero r8, r4d, 0\n exit\n", va, &good,
		     "misaligned");
	expect_error("mov r4, 64\n mov r5, rz\n suldb.b32.2d.trap r8, r4d, 0\n exit\n", va, &good,
		     "out of range");
	expect_error("mov r4, rz\n mov r5, rz\n mov r6, 8\n suldb.b32.2d.zero r8, r4d, r6\n exit\n",
		     va, &good, "no such surface");
	expect_error("mov r4, rz\n mov r5, rz\n mov r6, rz\n suldb.b32.3d.zero r8, r4t, 0\n exit\n",
		     va, &good, "not implemented");
}

/* A surface that is not bound is empty: loads read zero, stores go nowhere. */
static void test_unbound(void **state)
{
	uint32_t v = 1;
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	sk_wr(&s, OUT, &v, 4);
	sk_run(&s, sk_program(&s, "mov r2, c0[0]\n mov r3, c0[4]\n mov r4, rz\n mov r5, rz\n"
				  "mov r8, 7\n suldb.b32.2d.clamp r8, r4d, 6\n"
				  "sustp.xyzw.2d.clamp r4d, 6, r8q\n st.b32 g[r2d], r8\n exit\n"),
	       &(struct sk_grid){ .block = { 1 } });
	sk_rd(&s, OUT, &v, 4);
	assert_int_equal(v, 0);
	sk_close(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suldb), cmocka_unit_test(test_sustb),
		cmocka_unit_test(test_sustp), cmocka_unit_test(test_linear_and_layers),
		cmocka_unit_test(test_suleab), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_unbound),
	};

	return cmocka_run_group_tests_name("sm_surf", tests, NULL, NULL);
}
