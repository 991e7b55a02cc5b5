// SPDX-License-Identifier: MIT
/* Errors of PBDMAs and engines: every interrupt, what it shows, and going on after it. */
#include "tests/unit/dev/fifokit.h"

static int open_kit(void **state)
{
	static struct fk k;

	k = fk_open("vram=256M,clock=manual,fuses=0x7");
	*state = &k;
	return 0;
}

static int close_kit(void **state)
{
	fk_close(*state);
	return 0;
}

/* The PBDMA with an interrupt; there must be one, and its register must hold exactly bits. */
static uint32_t pbdma_with(struct fk *k, uint32_t bits)
{
	uint32_t v = dev_rd32(k->d, NV_PFIFO_PBDMA_INTR), p;

	assert_true(v && !(v & (v - 1)));
	assert_true(dev_rd32(k->d, NV_PFIFO_INTR) & PFIFO_INTR_PBDMA);
	assert_true(dev_rd32(k->d, NV_PMC_INTR) & PMC_INTR_PFIFO);
	p = (uint32_t)__builtin_ctz(v);
	assert_int_equal(dev_rd32(k->d, reg_at(REGID_PBDMA_INTR, p)), bits);
	return p;
}

static void clear(struct fk *k, uint32_t p)
{
	dev_wr32(k->d, reg_at(REGID_PBDMA_INTR, p), ~0u);
	fk_settle(k);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_PBDMA_INTR), 0);
}

/* The push buffer so far raises bits; REF 1 behind it runs when they are cleared, not before. */
static uint32_t stalls_on(struct fk_chan *c, uint32_t bits, uint32_t method, uint32_t data)
{
	struct fk *k = c->k;
	uint32_t p;

	fk_1(c, 0, HOST_REF_CNT, 1);
	fk_go(c);
	p = pbdma_with(k, bits);
	assert_int_equal(fk_ref(c), 0);
	assert_false(fk_done(c));
	assert_int_equal(dev_rd32(k->d, reg_at(REGID_PBDMA_CHID, p)), c->id | PBDMA_CHID_ACTIVE);
	if (method) {
		assert_int_equal(dev_rd32(k->d, reg_at(REGID_PBDMA_METHOD, p)), method);
		assert_int_equal(dev_rd32(k->d, reg_at(REGID_PBDMA_DATA, p)), data);
	}
	clear(k, p);
	assert_int_equal(fk_ref(c), 1);
	assert_true(fk_done(c));
	return p;
}

static void bad_entry(void **state)
{
	struct fk_chan c = fk_chan(*state, 1);

	fk_entry(&c, 1ull << 32); /* the illegal operation */
	stalls_on(&c, PBDMA_INTR_IB_ENTRY, 0, 0);
}

static void bad_entry_bit(void **state)
{
	struct fk_chan c = fk_chan(*state, 1);

	fk_entry(&c, gp_entry_pack(fk_va(fk_push(1)), 4) | GP_ENTRY_UNK1);
	stalls_on(&c, PBDMA_INTR_IB_ENTRY, 0, 0);
}

static void put_beyond_the_ring(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);
	uint32_t p;

	fk_settle(k); /* the look at a newly listed channel is over: one bad PUT, one look */
	dev_bar_wr(k->d, 1, fk_userd(&c) + USERD_GP_PUT, 4, FK_RING_ENTRIES);
	fk_settle(k);
	p = pbdma_with(k, PBDMA_INTR_GP_PUT);
	clear(k, p);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 1);
}

static void bad_headers(void **state)
{
	static const uint32_t bad[] = { 6u << 29, 2u << 29 | 1 << 16, 0xdfff1234 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fk *k = *state;
		struct fk_chan c = fk_chan(k, 1);
		uint32_t p;

		fk_word(&c, bad[i]);
		p = stalls_on(&c, PBDMA_INTR_HEADER,
			      METHOD_VALID | push_subc(bad[i]) << 16 | push_method(bad[i]), bad[i]);
		assert_int_equal(dev_rd32(k->d, reg_at(REGID_PBDMA_CMD, p)), bad[i]);
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	}
}

static void illegal_host_methods(void **state)
{
	struct fk *k = *state;

	for (uint32_t m = 4; m < 0x100; m += 4) {
		static const uint8_t legal[] = { 0x08, 0x10, 0x14, 0x18, 0x1c,
						 0x20, 0x24, 0x50, 0x80 };
		struct fk_chan c;

		if (memchr(legal, (int)m, sizeof(legal)))
			continue;
		c = fk_chan(k, 1);
		fk_1(&c, 2, m, 0x77);
		stalls_on(&c, PBDMA_INTR_METHOD, METHOD_VALID | 2 << 16 | m, 0x77);
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	}
}

static void engines_that_are_not_there(void **state)
{
	static const uint32_t absent[] = { ENGINE_MSPDEC, ENGINE_MSPPP, ENGINE_MSVLD, 6, 0x1e };
	struct fk *k = *state;

	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		struct fk_chan c = fk_chan(k, 1);

		fk_object(&c, 0, absent[i], 0x90b1);
		stalls_on(&c, PBDMA_INTR_METHOD, METHOD_VALID, absent[i] << 16 | 0x90b1);
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	}
}

static void fused_off_copy_engines(void **state)
{
	struct fk k = fk_open("vram=256M,clock=manual,fuses=0x307");

	(void)state;
	for (uint32_t e = ENGINE_CE0; e <= ENGINE_CE1; e++) {
		struct fk_chan c = fk_chan(&k, 1);

		fk_object(&c, 0, e, CLASS_COPY0_GF100);
		stalls_on(&c, PBDMA_INTR_METHOD, METHOD_VALID, e << 16 | CLASS_COPY0_GF100);
		dev_wr32(k.d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	}
	fk_close(&k);
}

static void software_methods(void **state)
{
	struct fk_chan c = fk_chan(*state, 1);

	fk_object(&c, 7, ENGINE_SW, 0x906e);
	fk_1(&c, 7, 0x500, 0x1111);
	stalls_on(&c, PBDMA_INTR_SW_METHOD, METHOD_VALID | 7 << 16 | 0x500, 0x1111);
}

static void unbound_subchannel(void **state)
{
	struct fk_chan c = fk_chan(*state, 1);

	fk_1(&c, 4, 0x3ffc, 0x1111);
	stalls_on(&c, PBDMA_INTR_SW_METHOD, METHOD_VALID | 4 << 16 | 0x3ffc, 0x1111);
}

static void handler_puts_another_method(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);
	uint32_t p;

	fk_1(&c, 7, 0x500, 5);
	fk_go(&c);
	p = pbdma_with(k, PBDMA_INTR_SW_METHOD);
	dev_wr32(k->d, reg_at(REGID_PBDMA_METHOD, p), METHOD_VALID | HOST_REF_CNT);
	dev_wr32(k->d, reg_at(REGID_PBDMA_DATA, p), 99);
	clear(k, p);
	assert_int_equal(fk_ref(&c), 99);
}

static void bad_semaphores(void **state)
{
	static const uint32_t bad[][2] = {
		{ HOST_SEM_ADDR_HI, 0x100 }, { HOST_SEM_ADDR_LO, 2 }, { HOST_SEM_TRIGGER, 0 },
		{ HOST_SEM_TRIGGER, 3 },     { HOST_SEM_TRIGGER, 0xf },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fk_chan c = fk_chan(*state, 1);

		fk_1(&c, 0, bad[i][0], bad[i][1]);
		stalls_on(&c, PBDMA_INTR_SEMAPHORE, METHOD_VALID | bad[i][0], bad[i][1]);
		dev_wr32(c.k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	}
}

static void long_release_wants_16_byte_alignment(void **state)
{
	struct fk_chan c = fk_chan(*state, 1);

	fk_sem(&c, 4, 1, SEM_RELEASE);
	stalls_on(&c, PBDMA_INTR_SEMAPHORE, METHOD_VALID | HOST_SEM_TRIGGER, SEM_RELEASE);
}

static void bad_signature(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_bind(k, 1);
	const uint32_t id = 1;
	uint32_t p;

	kit_wr32(k->d, fk_inst(k, 1) + RAMFC_SIGNATURE, 0xfacf);
	fk_commit(k, &id, 1);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	p = pbdma_with(k, PBDMA_INTR_SIGNATURE);
	clear(k, p);
	assert_int_equal(fk_ref(&c), 0);
	/* Only the low 16 bits count; another commit tries again. */
	kit_wr32(k->d, fk_inst(k, 1) + RAMFC_SIGNATURE, 0x1234face);
	fk_commit(k, &id, 1);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 1);
}

static void without_halt_it_goes_on(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	for (uint32_t p = 0; p < GF100_NR_PBDMA; p++)
		dev_wr32(k->d, reg_at(REGID_PBDMA_HALT_MASK, p), ~PBDMA_INTR_METHOD);
	fk_1(&c, 0, 0x60, 1);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 1);
	pbdma_with(k, PBDMA_INTR_METHOD);
}

static void other_pbdmas_go_on(void **state)
{
	struct fk *k = *state;
	const uint32_t ids[2] = { 1, 2 };
	struct fk_chan a = fk_bind(k, 1), b = fk_bind(k, 2);

	fk_commit(k, ids, 2);
	fk_1(&a, 0, 0x60, 1);
	fk_go(&a);
	fk_1(&b, 0, HOST_REF_CNT, 1);
	fk_go(&b);
	assert_int_equal(fk_ref(&b), 1);
	assert_false(fk_done(&a));
}

/* ---- engine errors ---------------------------------------------------------- */

static void gr_error(struct fk *k, struct fk_chan *c, uint32_t subc, uint32_t mthd, uint32_t val,
		     uint32_t bit)
{
	fk_1(c, 0, HOST_REF_CNT, 1);
	fk_1(c, subc, 0x204, 0); /* the engine's next method waits */
	fk_1(c, 0, HOST_REF_CNT, 2);
	fk_go(c);
	assert_int_equal(dev_rd32(k->d, NV_PGRAPH_INTR), bit);
	assert_true(dev_rd32(k->d, NV_PMC_INTR) & PMC_INTR_PGRAPH);
	assert_int_equal(dev_rd32(k->d, NV_PGRAPH_TRAP_ADDR), subc << 16 | mthd);
	assert_int_equal(dev_rd32(k->d, NV_PGRAPH_TRAP_DATA), val);
	assert_int_equal(fk_ref(c), 1);
	dev_wr32(k->d, NV_PGRAPH_INTR, bit);
	dev_wr32(k->d, NV_PGRAPH_RESUME, 0x00010001);
	fk_settle(k);
	assert_int_equal(fk_ref(c), 2);
	assert_false(dev_rd32(k->d, NV_PMC_INTR) & PMC_INTR_PGRAPH);
}

static void m2mf_errors(void **state)
{
	static const uint32_t bad[][4] = {
		{ 0x354, 1, PGRAPH_INTR_ILLEGAL_METHOD, 0 },
		{ 0x3ffc, 1, PGRAPH_INTR_ILLEGAL_METHOD, 0 },
		{ M2MF_OFFSET_IN_HIGH, 0x100, PGRAPH_INTR_DATA_ERROR, PGRAPH_ERROR_BITFIELD },
		{ M2MF_OFFSET_OUT_HIGH, 0x100, PGRAPH_INTR_DATA_ERROR, PGRAPH_ERROR_BITFIELD },
		{ M2MF_QUERY_ADDRESS_HIGH, ~0u, PGRAPH_INTR_DATA_ERROR, PGRAPH_ERROR_BITFIELD },
		{ M2MF_EXEC, 0x80000110, PGRAPH_INTR_DATA_ERROR, PGRAPH_ERROR_BITFIELD },
		{ M2MF_DATA, 1, PGRAPH_INTR_DATA_ERROR, PGRAPH_ERROR_OPERATION },
	};
	struct fk *k = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fk_chan c = fk_chan(k, 1);

		fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
		fk_1(&c, 2, bad[i][0], bad[i][1]);
		gr_error(k, &c, 2, bad[i][0], bad[i][1], bad[i][2]);
		if (bad[i][3])
			assert_int_equal(dev_rd32(k->d, NV_PGRAPH_DATA_ERROR), bad[i][3]);
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	}
}

static void bad_tile_modes(void **state)
{
	static const uint32_t mode[] = { 0x600, 0x060, 0x006, 0x1000 };
	struct fk *k = *state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(mode); i++) {
		struct fk_chan c = fk_chan(k, 1);
		uint32_t exec = i & 1 ? M2MF_EXEC_LINEAR_IN : M2MF_EXEC_LINEAR_OUT;

		fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
		fk_1(&c, 2, i & 1 ? M2MF_TILING_MODE_OUT : M2MF_TILING_MODE_IN, mode[i / 2]);
		fk_1(&c, 2, M2MF_EXEC, exec);
		gr_error(k, &c, 2, M2MF_EXEC, exec, PGRAPH_INTR_DATA_ERROR);
		assert_int_equal(dev_rd32(k->d, NV_PGRAPH_DATA_ERROR), PGRAPH_ERROR_ENUM);
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	}
}

static void unknown_class(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	fk_object(&c, 1, ENGINE_GR, 0x9297); /* a later chip's */
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_equal(dev_rd32(k->d, NV_PGRAPH_INTR), PGRAPH_INTR_ILLEGAL_CLASS);
	assert_int_equal(fk_ref(&c), 1);
	dev_wr32(k->d, NV_PGRAPH_INTR, ~0u);
	/* Its methods are refused, too. */
	fk_1(&c, 1, 0x200, 0);
	fk_go(&c);
	assert_int_equal(dev_rd32(k->d, NV_PGRAPH_INTR), PGRAPH_INTR_ILLEGAL_CLASS);
}

static void copy_engine_errors(void **state)
{
	static const uint32_t bad[][3] = {
		{ 0x104, 0, CE_ERROR_ILLEGAL_METHOD },
		{ 0x344, 0, CE_ERROR_ILLEGAL_METHOD },
		{ 0x21c, 0, CE_ERROR_ILLEGAL_METHOD },
		{ CE_SRC_ADDRESS_HIGH, 0x100, CE_ERROR_BITFIELD },
		{ CE_SRC_PITCH, 0x80000, CE_ERROR_BITFIELD },
		{ CE_XCNT, 0x10000, CE_ERROR_BITFIELD },
		{ CE_YCNT, 0x2000, CE_ERROR_BITFIELD },
		{ CE_FORMAT, 0x40000, CE_ERROR_BITFIELD },
		{ CE_SRC_TILE_MODE, 0x1000, CE_ERROR_BITFIELD },
	};
	struct fk *k = *state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(bad); i++) {
		uint32_t e = i & 1, base = e ? 0x105000 : 0x104000;
		struct fk_chan c = fk_chan(k, 1);

		fk_object(&c, 3, ENGINE_CE0 + e, e ? CLASS_COPY1_GF100 : CLASS_COPY0_GF100);
		fk_1(&c, 3, bad[i / 2][0], bad[i / 2][1]);
		fk_1(&c, 3, CE_NOP, 0);
		fk_1(&c, 0, HOST_REF_CNT, 1);
		fk_go(&c);
		assert_int_equal(fk_ref(&c), 0);
		assert_true(dev_rd32(k->d, NV_PMC_INTR) & (e ? PMC_INTR_CE1 : PMC_INTR_CE0));
		assert_int_equal(dev_rd32(k->d, base + 8) & CE_INTR_ERROR, CE_INTR_ERROR);
		assert_int_equal(dev_rd32(k->d, base + 0x40),
				 (3 << 11 | bad[i / 2][0] >> 2) << 16 | bad[i / 2][2]);
		assert_int_equal(dev_rd32(k->d, base + 0x44), bad[i / 2][1]);
		dev_wr32(k->d, base + 4, CE_INTR_ERROR);
		fk_settle(k);
		assert_int_equal(fk_ref(&c), 1);
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
	const struct CMUnitTest tests[] = {
		T(bad_entry),
		T(bad_entry_bit),
		T(put_beyond_the_ring),
		T(bad_headers),
		T(illegal_host_methods),
		T(engines_that_are_not_there),
		cmocka_unit_test(fused_off_copy_engines),
		T(software_methods),
		T(unbound_subchannel),
		T(handler_puts_another_method),
		T(bad_semaphores),
		T(long_release_wants_16_byte_alignment),
		T(bad_signature),
		T(without_halt_it_goes_on),
		T(other_pbdmas_go_on),
		T(m2mf_errors),
		T(bad_tile_modes),
		T(unknown_class),
		T(copy_engine_errors),
	};

	return cmocka_run_group_tests_name("pfifo_error", tests, NULL, NULL);
}
