// SPDX-License-Identifier: MIT
/* Who runs: runlist, enables, masks, freeze, kick, turns, several channels on all engines. */
#include <stdlib.h>

#include "tests/unit/dev/fifokit.h"

static int open_kit(void **state)
{
	static struct fk k;

	k = fk_open("vram=256M,clock=manual");
	*state = &k;
	return 0;
}

static int open_real(void **state)
{
	static struct fk k;

	k = fk_open("vram=256M");
	*state = &k;
	return 0;
}

static int close_kit(void **state)
{
	fk_close(*state);
	return 0;
}

static const uint32_t engines[3][2] = {
	{ ENGINE_GR, CLASS_M2MF_GF100 },
	{ ENGINE_CE0, CLASS_COPY0_GF100 },
	{ ENGINE_CE1, CLASS_COPY1_GF100 },
};

static void kick(struct fk *k, uint32_t id)
{
	dev_wr32(k->d, NV_PFIFO_KICK, id);
	fk_settle(k);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_KICK), id);
}

static void commit_reports(void **state)
{
	struct fk *k = *state;

	assert_int_equal(dev_rd32(k->d, NV_PFIFO_RUNLIST_INTR), 0);
	fk_chan(k, 3);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_RUNLIST_INTR), RUNLIST_INTR_DONE);
	assert_true(dev_rd32(k->d, NV_PFIFO_INTR) & PFIFO_INTR_RUNLIST);
	assert_int_equal(kit_irq(k->d, 0), 1);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_RUNLIST_STATUS), 1);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_RUNLIST_CUR), k->list >> 12);
	dev_wr32(k->d, NV_PFIFO_RUNLIST_INTR, RUNLIST_INTR_DONE);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_INTR), 0);
}

static void only_a_listed_channel_runs(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_bind(k, 1);
	const uint32_t id = 1;

	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 0);
	assert_int_equal(fk_state(&c) & CHAN_STATE_BUSY, CHAN_STATE_PENDING);
	fk_commit(k, &id, 1);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 1);
	fk_commit(k, NULL, 0);
	fk_1(&c, 0, HOST_REF_CNT, 2);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 1);
}

static void long_runlist_in_system_memory(void **state)
{
	struct fk *k = *state;
	struct fk_chan c[GF100_NR_CHAN];
	uint64_t *list = aligned_alloc(4096, 4096);

	assert_non_null(list);
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		c[i] = fk_bind(k, i);
		list[i] = (uint64_t)RUNLIST_WORD1 << 32 | (GF100_NR_CHAN - 1 - i);
		fk_1(&c[i], 0, HOST_REF_CNT, i + 1);
		fk_end(&c[i]);
		fk_doorbell(&c[i]);
	}
	assert_int_equal(dev_dma_map(k->d, dma(0x40000000), list, 4096), 0);
	dev_wr32(k->d, NV_PFIFO_RUNLIST_ADDR, 0x40000 | (uint32_t)PTE_SYS << 28);
	dev_wr32(k->d, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00000 | GF100_NR_CHAN);
	fk_settle(k);
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		assert_int_equal(fk_ref(&c[i]), i + 1);
	assert_int_equal(dev_dma_unmap(k->d, dma(0x40000000), 4096), 0);
	free(list);
}

static void gates(void **state)
{
	static const uint32_t gate[][2] = { { NV_PFIFO_ENABLE, 1 }, { NV_PFIFO_PBDMA_ENABLE, 7 },
					    { 0x3004 + 8, 0x001f0001 } };
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	for (uint32_t i = 0; i < ARRAY_SIZE(gate); i++) {
		dev_wr32(k->d, gate[i][0], gate[i][1] & ~7u);
		fk_1(&c, 0, HOST_REF_CNT, i + 1);
		fk_go(&c);
		assert_int_equal(fk_ref(&c), i);
		dev_wr32(k->d, gate[i][0], gate[i][1]);
		fk_settle(k);
		assert_int_equal(fk_ref(&c), i + 1);
	}
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_PBDMA_ENABLE), 7);
	dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, ~0u);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_PBDMA_ENABLE), 7);
}

/* nouveau's own assignment: GR on PBDMA 0, CE1 on 1, CE0 on 2. */
static void engine_masks(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	dev_wr32(k->d, reg_at(REGID_PFIFO_ENG_PBDMA_MASK, ENGINE_GR), ~1u);
	dev_wr32(k->d, reg_at(REGID_PFIFO_ENG_PBDMA_MASK, ENGINE_CE0), ~4u);
	dev_wr32(k->d, reg_at(REGID_PFIFO_ENG_PBDMA_MASK, ENGINE_CE1), ~2u);
	for (uint32_t i = 0; i < 30; i++) {
		uint32_t e = engines[i % 3][0];

		fk_object(&c, 0, e, engines[i % 3][1]);
		fk_1(&c, 0, HOST_REF_CNT, i);
		fk_go(&c);
		assert_int_equal(fk_ref(&c), i);
	}
	/* Without its PBDMA, GR is out of reach; the copy engines are not. */
	dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, 6);
	fk_object(&c, 0, ENGINE_CE0, CLASS_COPY0_GF100);
	fk_1(&c, 0, HOST_REF_CNT, 100);
	fk_object(&c, 0, ENGINE_GR, CLASS_M2MF_GF100);
	fk_1(&c, 0, HOST_REF_CNT, 101);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 100);
	dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, 7);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 101);
}

static void freeze_holds_an_engine_back(void **state)
{
	struct fk *k = *state;

	for (uint32_t i = 0; i < 3; i++) {
		struct fk_chan c = fk_chan(k, 1);
		uint32_t e = engines[i][0];

		dev_wr32(k->d, NV_PFIFO_ENG_FREEZE, 1u << e);
		fk_1(&c, 0, HOST_REF_CNT, 1);
		fk_object(&c, 0, e, engines[i][1]);
		fk_1(&c, 0, HOST_REF_CNT, 2);
		fk_go(&c);
		assert_int_equal(fk_ref(&c), 1);
		dev_wr32(k->d, NV_PFIFO_ENG_FREEZE, 0);
		fk_settle(k);
		assert_int_equal(fk_ref(&c), 2);
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	}
}

static void disabled_engine_waits(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	dev_wr32(k->d, NV_PMC_ENABLE, ~PMC_ENABLE_CE0);
	fk_object(&c, 0, ENGINE_CE0, CLASS_COPY0_GF100);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 0);
	dev_wr32(k->d, NV_PMC_ENABLE, ~0u);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 1);
}

/* A kick of a channel that waits for a semaphore saves it; it comes back to the same method. */
static void kick_while_waiting(void **state)
{
	struct fk *k = *state;

	for (uint32_t sw = 0; sw <= SEM_SWITCH; sw += SEM_SWITCH) {
		struct fk_chan c = fk_chan(k, 2);
		uint32_t st = reg_at(REGID_PFIFO_CHAN_STATE, 2);

		fk_data_set(k, 0, 0);
		fk_1(&c, 0, HOST_REF_CNT, 1);
		fk_sem(&c, 0, 1, SEM_ACQUIRE_EQ | sw);
		fk_1(&c, 0, HOST_REF_CNT, 2);
		fk_go(&c);
		dev_wr32(k->d, st, 0x001f0000);
		kick(k, 2);
		assert_int_equal(fk_state(&c) & CHAN_STATE_LOADED, 0);
		assert_int_equal(fk_state(&c) & CHAN_STATE_PENDING, CHAN_STATE_PENDING);
		/* RAMFC stands at the trigger: one word of its packet is left. */
		assert_int_equal(kit_rd32(k->d, fk_inst(k, 2) + RAMFC_DMA_STATE1) & 0x1fff, 1);
		assert_int_equal(kit_rd32(k->d, fk_inst(k, 2) + RAMFC_DMA_STATE0) & 0x3ffc,
				 HOST_SEM_TRIGGER);
		assert_int_equal(kit_rd32(k->d, fk_inst(k, 2) + RAMFC_GET_LO),
				 lo32(fk_va(fk_push(2))) + 4 * 6);
		fk_data_set(k, 0, 1);
		fk_settle(k);
		assert_int_equal(fk_ref(&c), 1);
		dev_wr32(k->d, st, 0x001f0001);
		fk_settle(k);
		assert_int_equal(fk_ref(&c), 2);
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 2), 0);
	}
}

static void kick_of_a_runnable_channel_resumes(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 2);

	kick(k, 2); /* idle */
	kick(k, 77); /* not even bound */
	fk_sem(&c, 0, 1, SEM_ACQUIRE_EQ);
	fk_1(&c, 0, HOST_REF_CNT, 2);
	fk_go(&c);
	for (int i = 0; i < 20; i++)
		kick(k, 2);
	assert_int_equal(fk_ref(&c), 0);
	fk_data_set(k, 0, 1);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 2);
}

static void kick_while_stalled_by_an_error(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_bind(k, 2), other = fk_bind(k, 3);
	const uint32_t ids[2] = { 2, 3 };
	uint32_t st = reg_at(REGID_PFIFO_CHAN_STATE, 2), p;

	dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, 1);
	fk_commit(k, ids, 2);
	fk_1(&c, 7, 0x500, 1);
	fk_1(&c, 0, HOST_REF_CNT, 2);
	fk_go(&c);
	p = (uint32_t)__builtin_ctz(dev_rd32(k->d, NV_PFIFO_PBDMA_INTR));
	dev_wr32(k->d, st, 0x001f0000);
	kick(k, 2);
	assert_int_equal(fk_state(&c) & CHAN_STATE_LOADED, 0);
	/* The PBDMA itself stays halted. */
	fk_1(&other, 0, HOST_REF_CNT, 3);
	fk_go(&other);
	assert_int_equal(fk_ref(&other), 0);
	dev_wr32(k->d, reg_at(REGID_PBDMA_INTR, p), ~0u);
	fk_settle(k);
	assert_int_equal(fk_ref(&other), 3);
	dev_wr32(k->d, st, 0x001f0001);
	fk_settle(k);
	/* It came back to the same method. */
	assert_int_not_equal(dev_rd32(k->d, NV_PFIFO_PBDMA_INTR), 0);
	assert_int_equal(fk_ref(&c), 0);
}

static void leaving_the_runlist_takes_it_off(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 2);
	const uint32_t id = 2;

	fk_sem(&c, 0, 1, SEM_ACQUIRE_EQ);
	fk_1(&c, 0, HOST_REF_CNT, 2);
	fk_go(&c);
	assert_true(fk_state(&c) & CHAN_STATE_LOADED);
	dev_wr32(k->d, NV_PFIFO_RUNLIST_INTR, ~0u);
	fk_commit(k, NULL, 0);
	fk_settle(k);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_RUNLIST_STATUS), 0);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_RUNLIST_INTR), RUNLIST_INTR_DONE);
	assert_int_equal(fk_state(&c) & CHAN_STATE_LOADED, 0);
	fk_data_set(k, 0, 1);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 0);
	fk_commit(k, &id, 1);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 2);
}

/* Everything of a channel survives being taken off and bound again, even under another id. */
static void channel_moves_to_another_id(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 2), moved;
	const uint32_t id = 60;

	fk_object(&c, 3, ENGINE_GR, CLASS_M2MF_GF100);
	fk_1(&c, 3, M2MF_OFFSET_OUT_HIGH, hi32(fk_data_va(0x200)));
	fk_1(&c, 3, M2MF_OFFSET_OUT_LOW, lo32(fk_data_va(0x200)));
	fk_1(&c, 3, M2MF_LINE_LENGTH_IN, 8);
	fk_1(&c, 3, M2MF_LINE_COUNT, 1);
	fk_1(&c, 3, M2MF_EXEC, M2MF_EXEC_PUSH | M2MF_EXEC_LINEAR_OUT);
	fk_word(&c, push_header(PUSH_NINC, 3, M2MF_DATA, 2));
	fk_word(&c, 0x11);
	fk_go(&c);
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 2), 0);
	/* The same instance block as channel 60; its USERD page stays where RAMFC says. */
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, id),
		 CHAN_INST_VALID | (uint32_t)(fk_inst(k, 2) >> 12));
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_STATE, id), 0x001f0001);
	moved = c;
	fk_word(&moved, 0x22);
	fk_end(&moved);
	fk_doorbell(&moved); /* reaches memory; channel 2 is no more */
	fk_commit(k, &id, 1);
	fk_settle(k);
	assert_int_equal(fk_data(k, 0x200), 0x11);
	assert_int_equal(fk_data(k, 0x204), 0x22);
}

static void reused_instance_block_starts_clean(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 2);

	fk_object(&c, 3, ENGINE_GR, CLASS_M2MF_GF100);
	fk_1(&c, 3, M2MF_OFFSET_OUT_HIGH, hi32(fk_data_va(0)));
	fk_1(&c, 3, M2MF_OFFSET_OUT_LOW, lo32(fk_data_va(0)));
	fk_1(&c, 3, M2MF_LINE_LENGTH_IN, 4);
	fk_1(&c, 3, M2MF_LINE_COUNT, 1);
	fk_go(&c);
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 2), 0);
	c = fk_chan(k, 2);
	fk_object(&c, 3, ENGINE_GR, CLASS_M2MF_GF100);
	fk_1(&c, 3, M2MF_EXEC, M2MF_EXEC_PUSH | M2MF_EXEC_LINEAR_OUT);
	fk_1(&c, 3, M2MF_DATA, 0x55); /* no bytes outstanding: the old sizes are gone */
	fk_go(&c);
	assert_int_equal(dev_rd32(k->d, NV_PGRAPH_INTR), PGRAPH_INTR_DATA_ERROR);
	assert_int_equal(fk_data(k, 0), 0);
}

static int pbdma_busy(const struct fk_chan *c)
{
	return !!(fk_state(c) & CHAN_STATE_LOADED);
}

/* One PBDMA: channels take turns entry by entry, so none waits for another one's end. */
static void turns_at_entry_boundaries(void **state)
{
	struct fk *k = *state;
	const uint32_t ids[2] = { 1, 2 };
	struct fk_chan a, b;

	dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, 1);
	a = fk_bind(k, 1);
	b = fk_bind(k, 2);
	/* a waits for b in its third entry, b for a in its second: only turns let both end. */
	fk_sem(&a, 0, 1, SEM_RELEASE);
	fk_end(&a);
	fk_sem(&a, 0, 2, SEM_RELEASE);
	fk_end(&a);
	fk_sem(&a, 16, 1, SEM_ACQUIRE_EQ);
	fk_end(&a);
	fk_sem(&b, 16, 1, SEM_RELEASE);
	fk_end(&b);
	fk_sem(&b, 0, 2, SEM_ACQUIRE_EQ);
	fk_end(&b);
	fk_doorbell(&a);
	fk_doorbell(&b);
	fk_commit(k, ids, 2);
	fk_settle(k);
	assert_true(fk_done(&a));
	assert_true(fk_done(&b));
}

static void status_while_an_engine_works(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 33);
	uint32_t p, v, seen = 0;

	/* 64 MiB in 1-byte lines: long enough to be caught in the act, and stopped by the kick. */
	fk_object(&c, 0, ENGINE_GR, CLASS_M2MF_GF100);
	fk_1(&c, 0, M2MF_OFFSET_IN_HIGH, hi32(fk_data_va(0)));
	fk_1(&c, 0, M2MF_OFFSET_IN_LOW, lo32(fk_data_va(0)));
	fk_1(&c, 0, M2MF_OFFSET_OUT_HIGH, hi32(fk_data_va(0)));
	fk_1(&c, 0, M2MF_OFFSET_OUT_LOW, lo32(fk_data_va(0)));
	fk_1(&c, 0, M2MF_LINE_LENGTH_IN, 1);
	fk_1(&c, 0, M2MF_LINE_COUNT, ~0u);
	fk_1(&c, 0, M2MF_EXEC, M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT);
	fk_end(&c);
	fk_doorbell(&c);
	assert_true(fk_until(pbdma_busy, &c));
	for (int i = 0; i < 10000000 && !seen; i++) {
		v = fk_engine(k, ENGINE_GR);
		seen = v & ENG_STATUS_BUSY;
	}
	assert_int_equal(v, ENG_STATUS_BUSY | 33);
	for (p = 0; p < GF100_NR_PBDMA; p++)
		if (dev_rd32(k->d, reg_at(REGID_PBDMA_CHID, p)) == (33 | PBDMA_CHID_ACTIVE))
			break;
	assert_true(p < GF100_NR_PBDMA);
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_STATE, 33), 0x001f0000);
	dev_wr32(k->d, NV_PFIFO_KICK, 33);
	for (int i = 0; dev_rd32(k->d, NV_PFIFO_KICK) & KICK_PENDING; i++)
		assert_true(i < 100000000);
	assert_int_equal(fk_engine(k, ENGINE_GR), 0);
	assert_int_equal(fk_state(&c) & CHAN_STATE_BUSY, CHAN_STATE_PENDING);
}

static void injected_fault_stops_the_running_channel(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 33);
	uint32_t st = reg_at(REGID_PFIFO_ENG_STATUS, ENGINE_CE1);

	fk_object(&c, 0, ENGINE_CE1, CLASS_COPY1_GF100);
	fk_1(&c, 0, CE_SRC_ADDRESS_LOW, lo32(fk_data_va(0)));
	fk_1(&c, 0, CE_DST_ADDRESS_LOW, lo32(fk_data_va(0)));
	fk_1(&c, 0, CE_XCNT, 0xffff);
	fk_1(&c, 0, CE_YCNT, 0x1fff);
	for (int i = 0; i < 1000; i++)
		fk_1(&c, 0, CE_EXEC, CE_EXEC_SRC_LINEAR | CE_EXEC_DST_LINEAR);
	fk_end(&c);
	fk_doorbell(&c);
	for (int i = 0; !(dev_rd32(k->d, st) & ENG_STATUS_BUSY); i++)
		assert_true(i < 100000000);
	dev_wr32(k->d, reg_at(REGID_PFIFO_FAULT_TRIGGER, ENGINE_CE1),
		 FAULT_TRIGGER_GO | FAULT_UNIT_CE1);
	for (int i = 0; dev_rd32(k->d, st) != ENG_STATUS_FAULTED; i++)
		assert_true(i < 100000000);
	assert_int_equal(dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_INST, FAULT_UNIT_CE1)),
			 fk_inst(k, 33) >> 12);
	assert_int_equal(fk_state(&c) & CHAN_STATE_BUSY, CHAN_STATE_PENDING);
}

/* Twelve channels, four on each engine, many entries each, under the real clock. */
static void all_engines_at_once(void **state)
{
	struct fk *k = *state;
	struct fk_chan c[12];
	uint32_t ids[12];

	for (uint32_t i = 0; i < 12; i++) {
		ids[i] = 3 * i + 1;
		c[i] = fk_bind(k, ids[i]);
	}
	fk_commit(k, ids, 12);
	for (uint32_t round = 0; round < 40; round++)
		for (uint32_t i = 0; i < 12; i++) {
			fk_object(&c[i], i % 8, engines[i % 3][0], engines[i % 3][1]);
			fk_sem(&c[i], 16 * i, round + 1, SEM_RELEASE);
			/* Each waits for its neighbour's same round. */
			fk_sem(&c[i], 16 * ((i + 1) % 12), round + 1, SEM_ACQUIRE_GE | SEM_SWITCH);
			fk_1(&c[i], i % 8, HOST_REF_CNT, round + 1);
			fk_end(&c[i]);
			fk_doorbell(&c[i]);
		}
	for (uint32_t i = 0; i < 12; i++) {
		assert_true(fk_until(fk_done, &c[i]));
		assert_int_equal(fk_ref(&c[i]), 40);
	}
	for (uint32_t e = 0; e < NR_ENGINES; e++)
		assert_int_equal(fk_engine(k, e), 0);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_PBDMA_INTR), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
#define R(f) cmocka_unit_test_setup_teardown(f, open_real, close_kit)
	const struct CMUnitTest tests[] = {
		T(commit_reports),
		T(only_a_listed_channel_runs),
		T(long_runlist_in_system_memory),
		T(gates),
		T(engine_masks),
		T(freeze_holds_an_engine_back),
		T(disabled_engine_waits),
		T(kick_while_waiting),
		T(kick_of_a_runnable_channel_resumes),
		T(kick_while_stalled_by_an_error),
		T(leaving_the_runlist_takes_it_off),
		T(channel_moves_to_another_id),
		T(reused_instance_block_starts_clean),
		T(turns_at_entry_boundaries),
		R(status_while_an_engine_works),
		R(injected_fault_stops_the_running_channel),
		R(all_engines_at_once),
	};

	return cmocka_run_group_tests_name("pfifo_sched", tests, NULL, NULL);
}
