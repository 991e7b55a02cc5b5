// SPDX-License-Identifier: MIT
/* Errors of the channel table and the runlist; MMU faults of each unit, and recovery. */
#include "tests/unit/dev/fifokit.h"

#define UNMAPPED 0x7000000000ull

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

/* ---- channel table and runlist ------------------------------------------------ */

static void channel_table_errors(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);
	uint32_t inst = reg_at(REGID_PFIFO_CHAN_INST, 1);

	dev_wr32(k->d, NV_PFIFO_INTR, ~0u);
	fk_settle(k);
	dev_wr32(k->d, inst, 0);
	assert_true(dev_rd32(k->d, NV_PFIFO_INTR) & PFIFO_INTR_CHSW);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_CHSW_INTR), 0xb);
	c = fk_chan(k, 1);
	fk_settle(k);
	fk_ramfc(k, 2);
	dev_wr32(k->d, inst, CHAN_INST_VALID | (uint32_t)(fk_inst(k, 2) >> 12));
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_CHSW_INTR), 1);
	fk_settle(k);
	dev_wr32(k->d, inst, 0);
	c = fk_chan(k, 1);
	fk_sem(&c, 0, 1, SEM_ACQUIRE_EQ);
	fk_go(&c);
	dev_wr32(k->d, inst, 0);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_CHSW_INTR), 3);
	assert_int_equal(fk_state(&c) & CHAN_STATE_BUSY, 0);
	dev_wr32(k->d, NV_PFIFO_USERD_BASE, 0);
	fk_bind(k, 1);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_CHSW_INTR), 2);
	dev_wr32(k->d, NV_PFIFO_INTR, PFIFO_INTR_CHSW);
	assert_false(dev_rd32(k->d, NV_PFIFO_INTR) & PFIFO_INTR_CHSW);
}

static void orderly_teardown_raises_nothing(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_STATE, 1), 0x001f0000);
	fk_commit(k, NULL, 0);
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, 1), 0);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_INTR), PFIFO_INTR_RUNLIST);
}

static void runlist_with_a_bad_id(void **state)
{
	const uint32_t ids[3] = { 128, 1, 0xffffffff };
	struct fk *k = *state;
	struct fk_chan c = fk_bind(k, 1);

	fk_commit(k, ids, 3);
	assert_true(dev_rd32(k->d, NV_PFIFO_INTR) & PFIFO_INTR_SCHED);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_SCHED_INTR), 1);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 1);
}

/* ---- MMU faults ---------------------------------------------------------------- */

static void check_fault(struct fk *k, uint32_t unit, uint32_t id, uint64_t va, bool write,
			enum fault_reason reason, uint32_t client)
{
	uint32_t info;

	assert_int_equal(dev_rd32(k->d, NV_PFIFO_MMU_FAULT_UNITS), 1u << unit);
	assert_true(dev_rd32(k->d, NV_PFIFO_INTR) & PFIFO_INTR_MMU_FAULT);
	assert_int_equal(dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_INST, unit)),
			 fk_inst(k, id) >> 12);
	assert_int_equal(dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_VALO, unit)), lo32(va));
	assert_int_equal(dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_VAHI, unit)), hi32(va));
	info = dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_INFO, unit));
	assert_int_equal(FAULT_INFO_REASON(info), reason);
	assert_int_equal(!!(info & FAULT_INFO_WRITE), write);
	assert_true(info & FAULT_INFO_HUB);
	assert_int_equal(FAULT_INFO_CLIENT(info), client);
}

static void pbdma_faults(void **state)
{
	struct fk *k = *state;

	for (int kind = 0; kind < 4; kind++) {
		struct fk_chan c;
		uint64_t va = UNMAPPED;
		const uint32_t id = 9;

		dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, 1u << kind % 3);
		c = fk_bind(k, id);
		switch (kind) {
		case 0: /* the ring */
			kit_wr32(k->d, fk_inst(k, id) + RAMFC_GPFIFO_HI, hi32(va) | 6 << 16);
			va |= lo32(fk_va(fk_ring(id)));
			fk_1(&c, 0, HOST_REF_CNT, 1);
			break;
		case 1: /* the push buffer */
			fk_entry(&c, gp_entry_pack(va, 2));
			break;
		default: /* a semaphore, released and acquired */
			fk_word(&c, push_header(PUSH_INC, 0, HOST_SEM_ADDR_HI, 4));
			fk_word(&c, hi32(va));
			fk_word(&c, lo32(va));
			fk_word(&c, 1);
			fk_word(&c, kind == 2 ? SEM_RELEASE | SEM_RELEASE_4B : SEM_ACQUIRE_EQ);
		}
		fk_commit(k, &id, 1);
		fk_go(&c);
		check_fault(k, FAULT_UNIT_PBDMA0 + kind % 3, id, va, kind == 2,
			    FAULT_PT_NOT_PRESENT, 6);
		assert_int_equal(dev_rd32(k->d, NV_PFIFO_ENG_FAULT), 0);
		assert_false(fk_done(&c));
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, id), 0);
		assert_true(fk_done(&c));
		dev_wr32(k->d, NV_PFIFO_MMU_FAULT_UNITS, ~0u);
	}
}

static void words_before_a_bad_page_run(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 9);
	uint64_t last = fk_va(FK_LEN) - 8;

	kit_wr32(k->d, fk_vram(FK_LEN) - 8, push_header(PUSH_NINC, 0, HOST_REF_CNT, 3));
	kit_wr32(k->d, fk_vram(FK_LEN) - 4, 77);
	fk_entry(&c, gp_entry_pack(last, 4));
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 77);
	assert_true(dev_rd32(k->d, NV_PFIFO_MMU_FAULT_UNITS));
}

static void no_address_space(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_bind(k, 9);
	const uint32_t id = 9;

	/* An instance block beyond VRAM. */
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, id), 0);
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, id), CHAN_INST_VALID | 0xfffffff);
	dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, 1);
	fk_commit(k, &id, 1);
	fk_go(&c);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_PBDMA0);
	assert_int_equal(FAULT_INFO_REASON(dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_INFO,
								  FAULT_UNIT_PBDMA0))),
			 FAULT_NO_CHANNEL);
}

static void copy(struct fk_chan *c, uint32_t e, uint64_t src, uint64_t dst, uint32_t len)
{
	if (e == ENGINE_GR) {
		fk_1(c, 0, M2MF_OFFSET_OUT_HIGH, hi32(dst));
		fk_1(c, 0, M2MF_OFFSET_OUT_LOW, lo32(dst));
		fk_1(c, 0, M2MF_OFFSET_IN_HIGH, hi32(src));
		fk_1(c, 0, M2MF_OFFSET_IN_LOW, lo32(src));
		fk_1(c, 0, M2MF_LINE_LENGTH_IN, len);
		fk_1(c, 0, M2MF_LINE_COUNT, 1);
		fk_1(c, 0, M2MF_EXEC, M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT);
		return;
	}
	fk_1(c, 0, CE_SRC_ADDRESS_HIGH, hi32(src));
	fk_1(c, 0, CE_SRC_ADDRESS_LOW, lo32(src));
	fk_1(c, 0, CE_DST_ADDRESS_HIGH, hi32(dst));
	fk_1(c, 0, CE_DST_ADDRESS_LOW, lo32(dst));
	fk_1(c, 0, CE_XCNT, len);
	fk_1(c, 0, CE_YCNT, 1);
	fk_1(c, 0, CE_EXEC, CE_EXEC_SRC_LINEAR | CE_EXEC_DST_LINEAR);
}

struct unit {
	uint32_t engine, class_id, unit, client, pmc;
};

static const struct unit units[] = {
	{ ENGINE_GR, CLASS_M2MF_GF100, FAULT_UNIT_PGRAPH, 4, PMC_ENABLE_PGRAPH },
	{ ENGINE_CE0, CLASS_COPY0_GF100, FAULT_UNIT_CE0, 1, PMC_ENABLE_CE0 },
	{ ENGINE_CE1, CLASS_COPY1_GF100, FAULT_UNIT_CE1, 2, PMC_ENABLE_CE1 },
};

/* The whole recovery as nouveau does it: without the guilty channel 1, with a bystander 2. */
static void recover(struct fk *k, const struct unit *u)
{
	const uint32_t two = 2;
	uint32_t en = dev_rd32(k->d, NV_PMC_ENABLE);

	dev_wr32(k->d, NV_PFIFO_MMU_FAULT_UNITS, 1u << u->unit);
	dev_wr32(k->d, NV_PFIFO_ENG_FREEZE, 1u << u->engine);
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_STATE, 1), 0x001f0000);
	dev_wr32(k->d, NV_PMC_ENABLE, en & ~u->pmc);
	dev_wr32(k->d, NV_PMC_ENABLE, en);
	fk_commit(k, &two, 1);
	dev_wr32(k->d, NV_PFIFO_ENG_FAULT, 1u << u->engine);
	fk_settle(k);
}

static void engine_fault(struct fk *k, const struct unit *u, bool write)
{
	const uint32_t ids[3] = { 1, 2, 3 };
	struct fk_chan a = fk_bind(k, 1), b = fk_bind(k, 2), other = fk_bind(k, 3);
	const struct unit *v = &units[(u - units + 1) % 3];

	fk_commit(k, ids, 3);
	fk_object(&a, 0, u->engine, u->class_id);
	copy(&a, u->engine, write ? fk_data_va(0) : UNMAPPED, write ? UNMAPPED : fk_data_va(0),
	     64);
	fk_1(&a, 0, HOST_REF_CNT, 1);
	fk_go(&a);
	check_fault(k, u->unit, 1, UNMAPPED, write, FAULT_PT_NOT_PRESENT, u->client);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_ENG_FAULT), 1u << u->engine);
	assert_int_equal(fk_engine(k, u->engine), ENG_STATUS_FAULTED);
	assert_int_equal(fk_ref(&a), 0);
	/* A bystander on the same engine waits, one on another goes on. */
	fk_object(&b, 0, u->engine, u->class_id);
	fk_1(&b, 0, HOST_REF_CNT, 2);
	fk_go(&b);
	assert_int_equal(fk_ref(&b), 0);
	fk_object(&other, 0, v->engine, v->class_id);
	fk_1(&other, 0, HOST_REF_CNT, 3);
	fk_go(&other);
	assert_int_equal(fk_ref(&other), 3);
	recover(k, u);
	assert_int_equal(fk_ref(&b), 0); /* still frozen */
	dev_wr32(k->d, NV_PFIFO_ENG_FREEZE, 0);
	fk_settle(k);
	assert_int_equal(fk_ref(&b), 2);
	assert_int_equal(fk_ref(&a), 0);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_INTR) & PFIFO_INTR_MMU_FAULT, 0);
	for (uint32_t i = 1; i <= 3; i++)
		dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, i), 0);
}

static void engine_faults_and_recovery(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		engine_fault(*state, &units[i], false);
		engine_fault(*state, &units[i], true);
	}
}

/* A channel that is left in the list goes on behind the method that faulted. */
static void channel_comes_back_after_its_fault(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);
	const uint32_t id = 1;

	fk_object(&c, 0, ENGINE_CE0, CLASS_COPY0_GF100);
	copy(&c, ENGINE_CE0, UNMAPPED, fk_data_va(0), 64);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	fk_commit(k, &id, 1);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 0); /* the engine is still marked */
	dev_wr32(k->d, NV_PFIFO_MMU_FAULT_UNITS, ~0u);
	dev_wr32(k->d, NV_PFIFO_ENG_FAULT, 1u << ENGINE_CE0);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 1);
	assert_true(fk_done(&c));
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_MMU_FAULT_UNITS), 0);
}

static void injected_fault(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);
	uint32_t trigger = reg_at(REGID_PFIFO_FAULT_TRIGGER, ENGINE_CE0);

	dev_wr32(k->d, trigger, FAULT_UNIT_CE0); /* without the go bit */
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_MMU_FAULT_UNITS), 0);
	dev_wr32(k->d, trigger, FAULT_TRIGGER_GO | FAULT_UNIT_CE0);
	assert_int_equal(dev_rd32(k->d, trigger), FAULT_TRIGGER_GO | FAULT_UNIT_CE0);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_CE0);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_ENG_FAULT), 1u << ENGINE_CE0);
	fk_object(&c, 0, ENGINE_CE0, CLASS_COPY0_GF100);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 0);
	dev_wr32(k->d, NV_PFIFO_ENG_FAULT, 1u << ENGINE_CE0);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
	const struct CMUnitTest tests[] = {
		T(channel_table_errors),
		T(orderly_teardown_raises_nothing),
		T(runlist_with_a_bad_id),
		T(pbdma_faults),
		T(words_before_a_bad_page_run),
		T(no_address_space),
		T(engine_faults_and_recovery),
		T(channel_comes_back_after_its_fault),
		T(injected_fault),
	};

	return cmocka_run_group_tests_name("pfifo_fault", tests, NULL, NULL);
}
