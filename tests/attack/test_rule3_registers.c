// SPDX-License-Identifier: MIT
/*
 * Rule 3: a register that is not in the table never reaches the card; and
 * (rule 9) the registers of the whole card are each guest's own.
 *
 * Claim: a guest that writes every dword of BAR0 changes nothing on the card
 * that others use, and nothing of what another guest reads.
 */
#include "tests/attack/attack.h"

/* Registers of the card that move by themselves or by the mediator's own work for a guest. */
static bool lives(uint32_t off)
{
	uint32_t i;

	switch (reg_find(off, &i)) {
	case REGID_PTIMER_TIME_LO:
	case REGID_PTIMER_TIME_HI:
	case REGID_PFIFO_RUNLIST_ADDR:
	case REGID_PFIFO_RUNLIST_SUBMIT:
	case REGID_PFIFO_RUNLIST_CUR:
	case REGID_PFIFO_RUNLIST_STATUS:
	case REGID_PFIFO_KICK:
	case REGID_PFB_TLB_PDB:
	case REGID_PFB_TLB_FLUSH:
	case REGID_FLUSH_BAR:
	case REGID_PRAMIN:
	/* Ports: a read moves them on. */
	case REGID_FECS_DMEM_DATA:
	case REGID_GPCCS_DMEM_DATA:
	case REGID_PMU_DMEM_DATA:
	case REGID_PMU_DMEM_CTRL:
	case REGID_FECS_DMEM_CTRL:
	case REGID_GPCCS_DMEM_CTRL:
		return true;
	default:
		return false;
	}
}

/* Every register row's elements and every unit range, as the card has them. */
static uint32_t *card_image(struct rig *r, uint32_t *n)
{
	uint32_t *img = test_calloc(GF100_MMIO_LEN / 4, 4);
	uint32_t k = 0, i;

	for (uint32_t off = 0; off < GF100_MMIO_LEN; off += 4)
		if ((reg_find(off, &i) != NR_REGS || space_find(off) != NR_SPACES) && !lives(off))
			img[k++] = dev_rd32(r->g->dev, off);
	*n = k;
	return img;
}

static uint32_t *guest_image(struct rig *r, int g, uint32_t *n)
{
	uint32_t *img = test_calloc(GF100_MMIO_LEN / 4, 4);
	uint32_t k = 0, i;

	for (uint32_t off = 0; off < GF100_MMIO_LEN; off += 4)
		if ((reg_find(off, &i) != NR_REGS || space_find(off) != NR_SPACES) && !lives(off))
			img[k++] = rd(r, g, off);
	*n = k;
	return img;
}

static void sweep(struct rig *r, uint32_t val)
{
	for (uint32_t off = 0; off < GF100_MMIO_LEN; off += 4)
		wr(r, EVIL, off, val);
}

static void check_same(uint32_t *a, uint32_t *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (a[i] != b[i])
			fail_msg("register %u of the image: 0x%08x became 0x%08x", i, a[i], b[i]);
	test_free(a);
	test_free(b);
}

static void whole_card(struct rig *r, uint32_t val)
{
	uint32_t *card, *other, n, m;
	struct raw v;

	assert_true(victim_works(r, &v));
	raw_run(r, 4);
	card = card_image(r, &n);
	other = guest_image(r, VICTIM, &m);
	sweep(r, val);
	raw_run(r, 4);
	check_same(other, guest_image(r, VICTIM, &m), m);
	check_same(card, card_image(r, &n), n);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	raw_unbind(&v);
	assert_true(victim_works(r, &v));
}

static void test_all_ones(void **state)
{
	whole_card(*state, 0xffffffff);
}

static void test_all_zeroes(void **state)
{
	whole_card(*state, 0);
}

/* Dwords that no row and no range holds: denied, counted, and the card is not asked. */
static void test_unknown_registers_are_denied(void **state)
{
	struct rig *r = *state;
	uint32_t holes = 0, i;

	for (uint32_t off = 0; off < GF100_MMIO_LEN && holes < 20000; off += 4) {
		uint64_t denied = r->v[EVIL]->stats.denied;

		if (reg_find(off, &i) != NR_REGS || space_find(off) != NR_SPACES)
			continue;
		holes++;
		assert_int_equal(rd(r, EVIL, off), MMIO_DENIED);
		wr(r, EVIL, off, 0x12345678);
		assert_int_equal(rd(r, EVIL, off), MMIO_DENIED);
		assert_int_equal(r->v[EVIL]->stats.denied, denied + 3);
	}
	assert_int_equal(holes, 20000);
	/* A read that nobody answers would have been latched by PBUS. */
	assert_int_equal(dev_rd32(r->g->dev, NV_PBUS_INTR), 0);
}

/* What wedged a whole card in the ancestor: resets, clocks, interrupt enables, engine stops. */
static void test_named_whole_card_registers(void **state)
{
	static const struct {
		uint32_t off, val;
	} t[] = {
		{ NV_PMC_ENABLE, 0 }, { NV_PMC_INTR_EN, 0 }, { NV_PMC_INTR_MASK, 0 },
		{ NV_PFIFO_ENABLE, 0 }, { NV_PFIFO_INTR_EN, 0 }, { NV_PFIFO_PBDMA_ENABLE, 0 },
		{ NV_PFIFO_ENG_FREEZE, ~0u }, { NV_PFIFO_ENG_PBDMA_MASK, ~0u },
		{ NV_PFIFO_RUNLIST_SUBMIT, 0x01f00000 }, { NV_PFIFO_KICK, 0 },
		{ NV_PFIFO_FAULT_TRIGGER, FAULT_TRIGGER_GO }, { NV_FECS_SWITCH, 0x100 },
		{ NV_FECS_CPUCTL, 0 }, { NV_PBUS_BAR1_BLOCK, 0 }, { NV_PBUS_BAR3_BLOCK, ~0u },
		{ 0x137000, ~0u }, { 0x10a10c, 0 }, { 0x132000, ~0u }, { 0x020000, ~0u },
	};
	struct rig *r = *state;
	struct raw v;

	/* The victim waits in the middle of its work. */
	raw_start(&v, r, VICTIM, 9, BASE);
	raw_hang(&v, 0);
	raw_fence(&v);
	raw_submit(&v);
	raw_run(r, 3);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		wr(r, EVIL, t[i].off, t[i].val);
	for (uint32_t id = 0; id < GF100_NR_CHAN; id++) {
		wr(r, EVIL, NV_PFIFO_KICK, id);
		wr(r, EVIL, reg_at(REGID_PFIFO_CHAN_STATE, id), 0);
		wr(r, EVIL, reg_at(REGID_PFIFO_CHAN_INST, id), 0);
	}
	raw_run(r, 3);
	vram_wr32(r, VICTIM, BASE + RAW_FENCE + 16, 0x600d600d);
	assert_true(raw_wait(&v));
	assert_int_equal(r->v[VICTIM]->stats.guest_faults, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_all_ones),
		RIG_TEST(test_all_zeroes),
		RIG_TEST(test_unknown_registers_are_denied),
		RIG_TEST(test_named_whole_card_registers),
	};

	return attack_run_group_few(tests) + attack_run_group_pv(tests);
}
