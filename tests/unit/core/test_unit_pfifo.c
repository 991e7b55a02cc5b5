// SPDX-License-Identifier: MIT
/* The guest's PFIFO and PBDMAs: levels, faults that queue, runlist, kick, what stock drivers poll. */
#include "tests/t.h"

#include "tests/unit/core/rig.h"

static void levels_cannot_be_cleared_at_pfifo_intr(void **state)
{
	struct rig *r = *state;

	vgpu_raise_nonstall(r->v[0], ENGINE_CE1);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), 0); /* kind not enabled */
	wr(r, 0, NV_PFIFO_ENG_INTR_MASK, 1);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), PFIFO_INTR_ENGINE);
	assert_int_equal(rd(r, 0, NV_PFIFO_ENG_INTR), 1u << ENGINE_CE1);
	wr(r, 0, NV_PFIFO_INTR, ~0u);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), PFIFO_INTR_ENGINE);
	wr(r, 0, reg_at(REGID_PFIFO_ENG_INTR_E, ENGINE_CE1), 1);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), 0);
	assert_int_equal(rd(r, 0, NV_PFIFO_ENG_INTR), 0);
}

/* 6.1 looks for the channel in the engine's status, 6.12 has the engine faulted and looks there. */
static void context_switch_timeout_names_the_channel(void **state)
{
	struct rig *r = *state;
	uint32_t status = reg_at(REGID_PFIFO_ENG_STATUS, ENGINE_GR), v;

	vgpu_raise_hung(r->v[0], ENGINE_GR, gchan(5), gvram(0x123000));
	v = rd(r, 0, status);
	assert_int_equal(v & (ENG_STATUS_BUSY | ENG_STATUS_HUNG), ENG_STATUS_BUSY | ENG_STATUS_HUNG);
	assert_int_equal(ENG_STATUS_CHID(v), 5);
	assert_int_equal(rd(r, 1, status), 0);
	wr(r, 0, reg_at(REGID_PFIFO_FAULT_TRIGGER, ENGINE_GR), FAULT_TRIGGER_GO | FAULT_UNIT_PGRAPH);
	assert_int_equal(rd(r, 0, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_PGRAPH);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_INST, FAULT_UNIT_PGRAPH)), 0x123);
	wr(r, 0, NV_PFIFO_INTR, PFIFO_INTR_SCHED);
	assert_int_equal(rd(r, 0, status), 0);
}

static void sched_error_latches(void **state)
{
	struct rig *r = *state;

	vgpu_raise_hung(r->v[0], ENGINE_GR, gchan(0), gvram(0));
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), PFIFO_INTR_SCHED);
	assert_int_equal(rd(r, 0, NV_PFIFO_SCHED_INTR), 0x0a);
	wr(r, 0, NV_PFIFO_INTR, PFIFO_INTR_SCHED);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), 0);
	assert_int_equal(rd(r, 1, NV_PFIFO_INTR), 0);
}

static struct vgpu_mmu_fault fault_at(enum fault_unit unit, uint64_t va)
{
	return (struct vgpu_mmu_fault){ .unit = unit,
					.info = FAULT_PAGE_NOT_PRESENT | FAULT_INFO_HUB | FAULT_INFO_WRITE,
					.va = va,
					.inst = gvram(0x123000),
					.engine = ENGINE_CE0 };
}

static void mmu_fault_shows_in_guest_numbers(void **state)
{
	struct rig *r = *state;
	struct vgpu_mmu_fault f = fault_at(FAULT_UNIT_CE0, 0xab12345000ull);
	uint32_t u = FAULT_UNIT_CE0;

	vgpu_raise_mmu_fault(r->v[0], &f);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), PFIFO_INTR_MMU_FAULT);
	assert_int_equal(rd(r, 0, NV_PFIFO_MMU_FAULT_UNITS), 1u << u);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_INST, u)), 0x123);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_VALO, u)), 0x12345000);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_VAHI, u)), 0xab);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_INFO, u)), f.info);
	assert_int_equal(rd(r, 0, NV_PFIFO_ENG_FAULT), 1u << ENGINE_CE0);
	wr(r, 0, NV_PFIFO_MMU_FAULT_UNITS, 1u << u);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), 0);
	wr(r, 0, NV_PFIFO_ENG_FAULT, 1u << ENGINE_CE0);
	assert_int_equal(rd(r, 0, NV_PFIFO_ENG_FAULT), 0);
	assert_int_equal(rd(r, 1, NV_PFIFO_MMU_FAULT_UNITS), 0);
}

static void unread_faults_queue_per_unit(void **state)
{
	struct rig *r = *state;
	uint32_t lo = reg_at(REGID_PFIFO_MMU_FAULT_VALO, FAULT_UNIT_CE0);
	struct vgpu_mmu_fault other = fault_at(FAULT_UNIT_PGRAPH, 0x9000);
	uint64_t faults;

	for (uint32_t k = 0; k < 1 + UNIT_FAULTS; k++) {
		struct vgpu_mmu_fault f = fault_at(FAULT_UNIT_CE0, k << 12);

		vgpu_raise_mmu_fault(r->v[0], &f);
	}
	vgpu_raise_mmu_fault(r->v[0], &other); /* another unit does not wait */
	assert_int_equal(rd(r, 0, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_CE0 | 1u << FAULT_UNIT_PGRAPH);
	faults = r->v[0]->stats.guest_faults;
	other = fault_at(FAULT_UNIT_CE0, 0xfff000);
	vgpu_raise_mmu_fault(r->v[0], &other);
	assert_int_equal(r->v[0]->stats.guest_faults, faults + 1); /* full: dropped and counted */
	wr(r, 0, NV_PFIFO_MMU_FAULT_UNITS, 1u << FAULT_UNIT_PGRAPH);
	for (uint32_t k = 0; k < 1 + UNIT_FAULTS; k++) {
		assert_int_equal(rd(r, 0, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_CE0);
		assert_int_equal(rd(r, 0, lo), k << 12);
		wr(r, 0, NV_PFIFO_MMU_FAULT_UNITS, 1u << FAULT_UNIT_CE0);
	}
	assert_int_equal(rd(r, 0, NV_PFIFO_MMU_FAULT_UNITS), 0);
}

static void pbdma_interrupt_and_its_queue(void **state)
{
	struct rig *r = *state;

	wr(r, 0, reg_at(REGID_PBDMA_INTR_EN, 1), ~0u);
	vgpu_raise_pbdma(r->v[0], 1, gchan(5), PBDMA_INTR_SW_METHOD, 0x2001e100, 0x1234);
	vgpu_raise_pbdma(r->v[0], 1, gchan(9), PBDMA_INTR_HEADER, 0x777, 0x888);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), PFIFO_INTR_PBDMA);
	assert_int_equal(rd(r, 0, NV_PFIFO_PBDMA_INTR), 1u << 1);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_CHID, 1)) & 0x7f, 5);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_METHOD, 1)), 0x2001e100);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_DATA, 1)), 0x1234);
	wr(r, 0, reg_at(REGID_PBDMA_METHOD, 1), 0x80600008);
	wr(r, 0, reg_at(REGID_PBDMA_INTR, 1), PBDMA_INTR_SW_METHOD);
	/* The second channel's stands there now. */
	assert_int_equal(rd(r, 0, NV_PFIFO_PBDMA_INTR), 1u << 1);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_CHID, 1)) & 0x7f, 9);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_INTR, 1)), PBDMA_INTR_HEADER);
	wr(r, 0, reg_at(REGID_PBDMA_INTR, 1), ~0u);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), 0);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_CHID, 1)), 0);
	/* Numbers that do not exist do nothing. */
	vgpu_raise_pbdma(r->v[0], GF100_NR_PBDMA, gchan(0), ~0u, 0, 0);
	vgpu_raise_pbdma(r->v[0], 0, gchan(GF100_NR_CHAN), ~0u, 0, 0);
	vgpu_raise_nonstall(r->v[0], NR_ENGINES);
	vgpu_raise_ce(r->v[0], 2, &(struct vgpu_ce_error){ .error = 1 });
	wr(r, 0, reg_at(REGID_PBDMA_INTR_EN, 0), ~0u);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), 0);
}

/* An empty list: committed for real, told by interrupt, nothing pending afterwards. */
static void runlist_ends_and_interrupts(void **state)
{
	struct rig *r = *state;

	wr(r, 0, NV_PFIFO_RUNLIST_ADDR, 0x40);
	wr(r, 0, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00000);
	for (int k = 0; k < 1000 && vgpu_next_alarm(r->v[0]) != SCHED_NEVER; k++) {
		/* Pending: the driver is told so, and somebody looks again. */
		assert_int_equal(rd(r, 0, NV_PFIFO_RUNLIST_INTR), 0);
		dev_advance(r->g->dev, 100000);
		vgpu_alarm_tick(r->v[0], dev_now(r->g->dev));
	}
	assert_int_equal(rd(r, 0, NV_PFIFO_RUNLIST_STATUS), 0);
	assert_int_equal(rd(r, 0, NV_PFIFO_RUNLIST_CUR), 0x40);
	assert_int_equal(rd(r, 0, NV_PFIFO_RUNLIST_INTR), RUNLIST_INTR_DONE);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), PFIFO_INTR_RUNLIST);
	wr(r, 0, NV_PFIFO_RUNLIST_INTR, ~0u);
	assert_int_equal(rd(r, 0, NV_PFIFO_INTR), 0);
	assert_int_equal(rd(r, 1, NV_PFIFO_INTR), 0);
}

/* A list of channels it never bound: none reaches the card, and that is counted. */
static void runlist_of_nothing_bound(void **state)
{
	struct rig *r = *state;
	uint64_t before = shadow_guest_stats(r->v[0]->shadow)->faults[SHADOW_FAULT_RUNLIST];

	for (uint32_t k = 0; k < 4; k++) {
		vram_wr32(r, 0, 0x40000 + k * RUNLIST_ENTRY_LEN, k);
		vram_wr32(r, 0, 0x40004 + k * RUNLIST_ENTRY_LEN, RUNLIST_WORD1);
	}
	wr(r, 0, NV_PFIFO_RUNLIST_ADDR, 0x40);
	wr(r, 0, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00004);
	assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->faults[SHADOW_FAULT_RUNLIST], before + 4);
	assert_int_equal(rd(r, 0, NV_PFIFO_RUNLIST_STATUS) & 0xfff, 4);
}

static void kick_reads_back(void **state)
{
	struct rig *r = *state;
	uint64_t before = r->v[0]->stats.guest_faults;

	wr(r, 0, NV_PFIFO_KICK, 5);
	assert_int_equal(rd(r, 0, NV_PFIFO_KICK), 5); /* 6.1: equal; 6.12: bit 20 clear */
	wr(r, 0, NV_PFIFO_KICK, GF100_NR_CHAN);
	wr(r, 0, NV_PFIFO_KICK, 0x80000000);
	wr(r, 0, NV_PFIFO_KICK, ~0u);
	assert_int_equal(r->v[0]->stats.guest_faults, before + 3);
	assert_int_equal(rd(r, 0, NV_PFIFO_KICK) & KICK_PENDING, 0);
}

static void idle_engines_read_zero(void **state)
{
	struct rig *r = *state;

	for (uint32_t e = 0; e < NR_ENGINES; e++)
		assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_ENG_STATUS, e)), 0);
}

static void fault_trigger_without_work_is_harmless(void **state)
{
	struct rig *r = *state;

	for (uint32_t e = 0; e < NR_ENGINES; e++) {
		wr(r, 0, reg_at(REGID_PFIFO_FAULT_TRIGGER, e), FAULT_TRIGGER_GO | FAULT_UNIT_CE0);
		assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_FAULT_TRIGGER, e)),
				 FAULT_TRIGGER_GO | FAULT_UNIT_CE0);
	}
	assert_int_equal(rd(r, 0, NV_PFIFO_MMU_FAULT_UNITS), 0);
	assert_int_equal(dev_rd32(r->g->dev, NV_PFIFO_MMU_FAULT_UNITS), 0);
}

static void pbdma_count_is_three(void **state)
{
	struct rig *r = *state;

	wr(r, 0, NV_PFIFO_PBDMA_ENABLE, ~0u);
	assert_int_equal(rd(r, 0, NV_PFIFO_PBDMA_ENABLE), 7);
	wr(r, 0, NV_PMC_PBDMA_ENABLE, ~0u);
	assert_int_equal(rd(r, 0, NV_PMC_PBDMA_ENABLE), 7);
}

/* A bad instance block leaves the channel unbound, with the register as stored. */
static void channel_outside_the_part(void **state)
{
	struct rig *r = *state;
	uint32_t val = CHAN_INST_VALID | CHAN_INST_POLL | (uint32_t)(RIG_VRAM >> 12);

	wr(r, 0, reg_at(REGID_PFIFO_CHAN_INST, 3), val);
	assert_null(r->v[0]->chan[3]);
	assert_true(r->v[0]->stats.guest_faults > 0);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_CHAN_INST, 3)), val);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, 3), ~0u);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, 3)), 0x001f0001);
}

/* Taking PFIFO away unbinds the guest's channels and nobody else's. */
static void unit_reset_unbinds(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 2; i++) {
		space_make(r, i, 0x100000, 0xffffff);
		wr(r, i, reg_at(REGID_PFIFO_CHAN_INST, 2), CHAN_INST_VALID | 0x100);
		assert_non_null(r->v[i]->chan[2]);
	}
	wr(r, 0, NV_PMC_ENABLE, ~PMC_ENABLE_PFIFO);
	assert_null(r->v[0]->chan[2]);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_CHAN_INST, 2)), 0);
	assert_non_null(r->v[1]->chan[2]);
	assert_int_equal(rd(r, 1, reg_at(REGID_PFIFO_CHAN_INST, 2)), CHAN_INST_VALID | 0x100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(levels_cannot_be_cleared_at_pfifo_intr),
		RIG_TEST(context_switch_timeout_names_the_channel),
		RIG_TEST(sched_error_latches),
		RIG_TEST(mmu_fault_shows_in_guest_numbers),
		RIG_TEST(unread_faults_queue_per_unit),
		RIG_TEST(pbdma_interrupt_and_its_queue),
		RIG_TEST(runlist_ends_and_interrupts),
		RIG_TEST(runlist_of_nothing_bound),
		RIG_TEST(kick_reads_back),
		RIG_TEST(idle_engines_read_zero),
		RIG_TEST(fault_trigger_without_work_is_harmless),
		RIG_TEST(pbdma_count_is_three),
		RIG_TEST(channel_outside_the_part),
		RIG_TEST(unit_reset_unbinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
