// SPDX-License-Identifier: MIT
/* RAMFC and USERD wherever they are; reset, engine reset and close at any moment. */
#include <stdlib.h>

#include "tests/unit/dev/fifokit.h"

#define BUS 0x80000000ull

static int open_kit(void **state)
{
	static struct fk k;

	k = fk_open("vram=256M,clock=manual");
	*state = &k;
	return 0;
}

static int close_kit(void **state)
{
	fk_close(*state);
	return 0;
}

static void ramfc_holds_what_the_channel_reached(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);
	uint64_t inst = fk_inst(k, 1);

	fk_1(&c, 0, HOST_REF_CNT, 0x77);
	fk_end(&c);
	fk_sem(&c, 0x40, 0x88, SEM_RELEASE);
	fk_go(&c);
	assert_int_equal(kit_rd32(k->d, inst + RAMFC_GP_PUT), 2);
	assert_int_equal(kit_rd32(k->d, inst + RAMFC_GP_GET), 2);
	assert_int_equal(kit_rd32(k->d, inst + RAMFC_REF), 0x77);
	assert_int_equal(kit_rd32(k->d, inst + RAMFC_SEM_ADDR_LO), lo32(fk_data_va(0x40)));
	assert_int_equal(kit_rd32(k->d, inst + RAMFC_SEM_PAYLOAD), 0x88);
	assert_int_equal(kit_rd32(k->d, inst + RAMFC_SEM_STATE), SEM_RELEASE);
	assert_int_equal(kit_rd32(k->d, inst + RAMFC_GET_LO),
			 lo32(fk_va(fk_push(1)) + 4ull * c.at));
	/* What the driver put there and PBDMAs do not change. */
	assert_int_equal(kit_rd32(k->d, inst + RAMFC_SIGNATURE), RAMFC_SIGNATURE_VALUE);
	assert_int_equal(kit_rd32(k->d, inst + 0xf8), 0x10003080);
	assert_int_equal(kit_rd32(k->d, inst + RAMFC_DMA_STATE0) & 0x400000, 0x400000);
	/* The PBDMA's registers show the same. */
	for (uint32_t p = 0;; p++) {
		assert_true(p < GF100_NR_PBDMA);
		if (dev_rd32(k->d, reg_at(REGID_PBDMA_CHID, p)) == 1 &&
		    dev_rd32(k->d, 0x40000 + p * 0x2000 + RAMFC_REF) == 0x77)
			break;
	}
}

/* A pusher that starts in the middle, as a restored channel does. */
static void ramfc_is_where_it_starts(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_bind(k, 1);
	uint64_t inst = fk_inst(k, 1), va = fk_va(fk_push(1));
	const uint32_t id = 1;

	fk_word(&c, 5); /* data of a packet whose header was read before the save */
	fk_word(&c, 6);
	fk_1(&c, 0, HOST_NOP, 0);
	kit_wr32(k->d, inst + RAMFC_GET_LO, lo32(va));
	kit_wr32(k->d, inst + RAMFC_PUT_LO, lo32(va) + 4 * c.at);
	kit_wr32(k->d, inst + RAMFC_DMA_STATE0, (uint32_t)PUSH_NINC << 29 | HOST_REF_CNT);
	kit_wr32(k->d, inst + RAMFC_DMA_STATE1, 2);
	kit_wr32(k->d, inst + RAMFC_GP_GET, 3);
	kit_wr32(k->d, inst + RAMFC_GP_PUT, 3);
	kit_wr32(k->d, fk_userd(&c) + USERD_GP_PUT, 3);
	fk_commit(k, &id, 1);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 6);
	assert_true(fk_done(&c));
}

static void userd_in_system_memory(void **state)
{
	static const uint32_t targets[] = { PTE_SYS, PTE_SYS_NC };
	struct fk *k = *state;
	uint32_t *page = aligned_alloc(4096, 4096);

	assert_non_null(page);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct fk_chan c = fk_bind(k, 1);
		const uint32_t id = 1;

		memset(page, 0, 4096);
		assert_int_equal(dev_dma_map(k->d, dma(BUS), page, 4096), 0);
		kit_wr64(k->d, fk_inst(k, 1) + RAMFC_USERD_LO, BUS | targets[i]);
		fk_1(&c, 0, HOST_REF_CNT, 0x99);
		fk_end(&c);
		page[USERD_GP_PUT / 4] = 1; /* the store itself; then what tells PFIFO */
		fk_commit(k, &id, 1);
		fk_doorbell(&c);
		fk_settle(k);
		assert_int_equal(page[USERD_REF / 4], 0x99);
		assert_int_equal(page[USERD_GP_GET / 4], 1);
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
		assert_int_equal(dev_dma_unmap(k->d, dma(BUS), 4096), 0);
	}
	free(page);
}

static void userd_that_is_not_memory(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_bind(k, 1);
	const uint32_t id = 1;

	kit_wr64(k->d, fk_inst(k, 1) + RAMFC_USERD_LO, BUS | PTE_SYS);
	fk_commit(k, &id, 1);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_not_equal(dev_rd32(k->d, NV_PFIFO_MMU_FAULT_UNITS), 0);
}

/* Memory traffic that never ends by itself; each channel on memory of its own. */
static void endless(struct fk_chan *c, uint32_t e, uint32_t class_id)
{
	uint64_t va = fk_data_va(c->id * MIB);

	fk_object(c, 0, e, class_id);
	if (e == ENGINE_GR) {
		fk_1(c, 0, M2MF_OFFSET_IN_LOW, lo32(va));
		fk_1(c, 0, M2MF_OFFSET_OUT_LOW, lo32(va));
		fk_1(c, 0, M2MF_LINE_LENGTH_IN, 64);
		fk_1(c, 0, M2MF_LINE_COUNT, ~0u);
		fk_1(c, 0, M2MF_EXEC, M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT);
	} else {
		fk_1(c, 0, CE_SRC_ADDRESS_LOW, lo32(va));
		fk_1(c, 0, CE_DST_ADDRESS_LOW, lo32(va));
		fk_1(c, 0, CE_XCNT, 0xffff);
		fk_1(c, 0, CE_YCNT, 0x1fff);
		fk_word(c, push_header(PUSH_NINC, 0, CE_EXEC, 0x1fff));
		for (int i = 0; i < 0x1fff; i++)
			fk_word(c, CE_EXEC_SRC_LINEAR | CE_EXEC_DST_LINEAR);
	}
	fk_end(c);
	fk_doorbell(c);
}

static const uint32_t engines[3][2] = {
	{ ENGINE_GR, CLASS_M2MF_GF100 },
	{ ENGINE_CE0, CLASS_COPY0_GF100 },
	{ ENGINE_CE1, CLASS_COPY1_GF100 },
};

static void busy_card(struct fk *k, struct fk_chan *c)
{
	uint32_t ids[3] = { 10, 11, 12 };

	for (uint32_t i = 0; i < 3; i++)
		c[i] = fk_bind(k, ids[i]);
	fk_commit(k, ids, 3);
	for (uint32_t i = 0; i < 3; i++)
		endless(&c[i], engines[i][0], engines[i][1]);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t st = reg_at(REGID_PFIFO_ENG_STATUS, engines[i][0]);

		for (int n = 0; !(dev_rd32(k->d, st) & ENG_STATUS_BUSY); n++)
			assert_true(n < 100000000);
	}
}

static void close_while_busy(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct fk k = fk_open("vram=256M");
		struct fk_chan c[3];

		busy_card(&k, c);
		fk_close(&k);
	}
}

static void close_while_waiting(void **state)
{
	(void)state;
	for (uint32_t sw = 0; sw <= SEM_SWITCH; sw += SEM_SWITCH) {
		struct fk k = fk_open("vram=256M,clock=manual");
		struct fk_chan c = fk_chan(&k, 1);

		fk_sem(&c, 0, 1, SEM_ACQUIRE_EQ | sw);
		fk_go(&c);
		fk_close(&k);
	}
}

static void pfifo_reset_while_busy(void **state)
{
	struct fk k = fk_open("vram=256M");
	struct fk_chan c[3], again;
	uint32_t en = dev_rd32(k.d, NV_PMC_ENABLE);

	(void)state;
	busy_card(&k, c);
	dev_wr32(k.d, NV_PMC_ENABLE, en & ~PMC_ENABLE_PFIFO);
	dev_wr32(k.d, NV_PMC_ENABLE, en);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(fk_state(&c[i]), 0);
		assert_int_equal(dev_rd32(k.d, reg_at(REGID_PFIFO_CHAN_INST, 10 + i)), 0);
		assert_int_equal(fk_engine(&k, engines[i][0]), 0);
	}
	assert_int_equal(dev_rd32(k.d, NV_PFIFO_INTR), 0);
	assert_int_equal(dev_rd32(k.d, NV_PFIFO_ENABLE), 0);
	dev_wr32(k.d, NV_PFIFO_ENABLE, 1);
	dev_wr32(k.d, NV_PFIFO_PBDMA_ENABLE, 7);
	dev_wr32(k.d, NV_PFIFO_USERD_BASE, USERD_BASE_VALID | FK_USERD >> 12);
	again = fk_chan(&k, 10);
	fk_1(&again, 0, HOST_REF_CNT, 1);
	fk_end(&again);
	fk_doorbell(&again);
	assert_true(fk_until(fk_done, &again));
	assert_int_equal(fk_ref(&again), 1);
	fk_close(&k);
}

static void engine_reset_takes_its_channel_off(void **state)
{
	struct fk k = fk_open("vram=256M");
	static const uint32_t bits[] = { PMC_ENABLE_PGRAPH, PMC_ENABLE_CE0, PMC_ENABLE_CE1 };
	uint32_t en = dev_rd32(k.d, NV_PMC_ENABLE);
	struct fk_chan c[3];

	(void)state;
	busy_card(&k, c);
	for (uint32_t i = 0; i < 3; i++) {
		dev_wr32(k.d, NV_PMC_ENABLE, en & ~bits[i]);
		assert_int_equal(fk_engine(&k, engines[i][0]), 0);
		assert_int_equal(fk_state(&c[i]) & CHAN_STATE_BUSY, CHAN_STATE_PENDING);
		/* The others still work. */
		for (uint32_t j = i + 1; j < 3; j++)
			assert_true(fk_state(&c[j]) & CHAN_STATE_LOADED);
		en &= ~bits[i];
	}
	fk_close(&k);
}

static void card_reset_while_busy(void **state)
{
	struct fk k = fk_open("vram=256M");
	struct fk_chan c[3];

	(void)state;
	busy_card(&k, c);
	assert_int_equal(dev_reset(k.d), 0);
	assert_int_equal(fk_state(&c[0]), 0);
	assert_int_equal(dev_rd32(k.d, NV_PMC_INTR), 0);
	assert_int_equal(dev_rd32(k.d, reg_at(REGID_PBDMA_HALT_MASK, 0)), ~0u);
	fk_close(&k);
}

static void unmap_waits_for_the_engine(void **state)
{
	struct fk k = fk_open("vram=256M");
	struct fk_chan c = fk_chan(&k, 1);
	uint64_t va = 0x60000000;
	uint32_t *mem = aligned_alloc(4096, 2 * MIB);
	uint32_t units = 0;

	(void)state;
	assert_non_null(mem);
	memset(mem, 0, 2 * MIB);
	for (uint64_t off = 0; off < 2 * MIB; off += 4096)
		kit_map(&k.vm, va + off, 0, pte_pack(PTE_SYS, BUS + off, PTE_PRESENT));
	assert_int_equal(dev_dma_map(k.d, dma(BUS), mem, 2 * MIB), 0);
	fk_object(&c, 0, ENGINE_CE0, CLASS_COPY0_GF100);
	fk_1(&c, 0, CE_SRC_ADDRESS_LOW, lo32(va));
	fk_1(&c, 0, CE_DST_ADDRESS_LOW, lo32(va + MIB));
	fk_1(&c, 0, CE_SRC_PITCH, 4096);
	fk_1(&c, 0, CE_DST_PITCH, 4096);
	fk_1(&c, 0, CE_XCNT, 4096);
	fk_1(&c, 0, CE_YCNT, 256);
	fk_word(&c, push_header(PUSH_NINC, 0, CE_EXEC, 0x1fff));
	for (int i = 0; i < 0x1fff; i++)
		fk_word(&c, CE_EXEC_SRC_LINEAR | CE_EXEC_DST_LINEAR);
	fk_end(&c);
	fk_doorbell(&c);
	for (int n = 0; !(fk_engine(&k, ENGINE_CE0) & ENG_STATUS_BUSY); n++)
		assert_true(n < 100000000);
	assert_int_equal(dev_dma_unmap(k.d, dma(BUS), 2 * MIB), 0);
	free(mem); /* a sanitizer tells if the engine is still in there */
	for (int n = 0; !units; n++) {
		assert_true(n < 100000000);
		units = dev_rd32(k.d, NV_PFIFO_MMU_FAULT_UNITS);
	}
	assert_int_equal(units, 1u << FAULT_UNIT_CE0);
	fk_close(&k);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
	const struct CMUnitTest tests[] = {
		T(ramfc_holds_what_the_channel_reached),
		T(ramfc_is_where_it_starts),
		T(userd_in_system_memory),
		T(userd_that_is_not_memory),
		cmocka_unit_test(close_while_busy),
		cmocka_unit_test(close_while_waiting),
		cmocka_unit_test(pfifo_reset_while_busy),
		cmocka_unit_test(engine_reset_takes_its_channel_off),
		cmocka_unit_test(card_reset_while_busy),
		cmocka_unit_test(unmap_waits_for_the_engine),
	};

	return cmocka_run_group_tests_name("pfifo_life", tests, NULL, NULL);
}
