// SPDX-License-Identifier: MIT
/*
 * Every row of regs.def, every element of it, behaves as the row's access says.
 * What differs stands in a table here, each with its reason, and is tested by
 * the unit's own file.
 */
#include "tests/unit/dev/simkit.h"

/* RW rows of which not every bit is storage: the bits that stick; the others keep their value. */
static const struct {
	enum reg_id row;
	uint32_t sticks;
} partly[] = {
	{ REGID_PMC_BOOT_1, 0 },			/* little endian only */
	{ REGID_PMC_PBDMA_ENABLE, 7 },			/* three PBDMAs */
	{ REGID_PFIFO_ENABLE, 1 },			/* one bit */
	{ REGID_PFIFO_PBDMA_ENABLE, 7 },		/* three PBDMAs */
	{ REGID_PTIMER_TIME_LO, 0xffffffe0 },		/* resolution */
	{ REGID_PFB_MMU_CTRL, 1 },			/* the rest is the flush queue's state */
	{ REGID_PMU_DMACTL, ~6u },			/* scrubbing is always done */
	{ REGID_PGRAPH_PWR_HANDSHAKE, ~0x10u },		/* handshake is always done */
};

/* Rows whose access is more than storage; tested by name elsewhere. */
static bool special(enum reg_id r)
{
	switch (r) {
	case REGID_PPCI_CONFIG:	     /* read-only fields of configuration space: test_sim_ppci.c */
	case REGID_FECS_INTR_CLR:    /* clears FECS_INTR: test_sim_pgraph.c */
	case REGID_CE0_INTR_CLR:     /* clears CE0_INTR: test_sim_falcon.c */
	case REGID_CE1_INTR_CLR:     /* likewise */
	case REGID_PBDMA_INTR:	     /* kept by the PBDMA, not in storage: test_pfifo_*.c */
	case REGID_PFIFO_CHAN_STATE: /* shows the channel's progress: test_pfifo_*.c */
	case REGID_PFIFO_KICK:	     /* shows the channel kicked last: test_pfifo_*.c */
		return true;
	default:
		return false;
	}
}

static uint32_t sticking(enum reg_id r)
{
	for (size_t i = 0; i < ARRAY_SIZE(partly); i++)
		if (partly[i].row == r)
			return partly[i].sticks;
	return ~0u;
}

/* W1C bits that show a level behind them and so cannot be set by hand. */
static uint32_t levels(enum reg_id r)
{
	return r == REGID_PFIFO_INTR ? 0xf0000000 : 0;
}

static void poke(struct dev *d, uint32_t off, uint32_t val)
{
	struct sim *s = kit_sim(d);

	pthread_mutex_lock(&s->lock);
	sim_reg_store(s, off, val);
	pthread_mutex_unlock(&s->lock);
}

static void expect(const struct reg_row *row, uint32_t off, uint32_t got, uint32_t want)
{
	if (got != want)
		fail_msg("%s at %06x: %08x, expected %08x", row->name, off, got, want);
}

static void check(struct dev *d, enum reg_id r, uint32_t off)
{
	const struct reg_row *row = &reg_rows[r];
	uint32_t was = dev_rd32(d, off), keep = sticking(r), v;

	switch (row->access) {
	case REG_RO:
		dev_wr32(d, off, ~was);
		expect(row, off, dev_rd32(d, off), was);
		dev_wr32(d, off, 0);
		expect(row, off, dev_rd32(d, off), was);
		break;
	case REG_RW:
		for (v = 0x5a5a5a5a; v; v = v == 0x5a5a5a5a ? 0xa5a5a5a5 : 0) {
			dev_wr32(d, off, v);
			expect(row, off, dev_rd32(d, off), (v & keep) | (was & ~keep));
		}
		dev_wr32(d, off, was);
		break;
	case REG_W1C:
		poke(d, off, ~levels(r));
		dev_wr32(d, off, 0);
		expect(row, off, dev_rd32(d, off), ~levels(r));
		dev_wr32(d, off, 0x0000ff01);
		expect(row, off, dev_rd32(d, off), ~levels(r) & ~0x0000ff01u);
		dev_wr32(d, off, ~0u);
		expect(row, off, dev_rd32(d, off), 0);
		break;
	case REG_WO:
	case REG_TRIG:
		expect(row, off, was, 0);
		dev_wr32(d, off, 0);
		expect(row, off, dev_rd32(d, off), 0);
		break;
	}
}

static void test_rows(void **state)
{
	struct dev *d = kit_open("vram=256M,clock=manual");

	(void)state;
	for (uint32_t r = 0; r < NR_REGS; r++) {
		if (special((enum reg_id)r))
			continue;
		for (uint32_t i = 0; i < reg_rows[r].count; i++)
			check(d, (enum reg_id)r, reg_at((enum reg_id)r, i));
		assert_int_equal(dev_reset(d), 0);
	}
	dev_close(d);
}

/* Registers that nobody has a name for are storage that starts at 0 and that a reset clears. */
static void test_unnamed(void **state)
{
	struct dev *d = kit_open("vram=256M,clock=manual");
	uint32_t i, tried = 0;

	(void)state;
	for (uint32_t s = 0; s < NR_SPACES; s++) {
		uint32_t off = space_rows[s].offset + space_rows[s].length - 4;

		if (reg_find(off, &i) != NR_REGS)
			continue;
		tried++;
		assert_int_equal(dev_rd32(d, off), 0);
		dev_wr32(d, off, 0x600dbeef);
		if (dev_rd32(d, off) != 0x600dbeef)
			fail_msg("%s: %06x is not storage", space_rows[s].name, off);
		dev_reset(d);
		assert_int_equal(dev_rd32(d, off), 0);
	}
	assert_true(tried > 15);
	/* Far from any unit, too. */
	dev_wr32(d, 0xf00000, 1);
	assert_int_equal(dev_rd32(d, 0xf00000), 1);
	dev_close(d);
}

/*
 * Nothing reads as "off the bus", and none of the divisors that drivers take from registers is 0.
 */
static void test_no_ones(void **state)
{
	static const uint32_t never_ones[] = { NV_PMC_INTR, NV_PMC_BOOT_0, NV_PFIFO_INTR,
					       NV_PGRAPH_INTR };
	struct dev *d = kit_open("vram=256M");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(never_ones); i++)
		assert_int_not_equal(dev_rd32(d, never_ones[i]), ~0u);
	/* PLLs look switched off. */
	for (uint32_t n = 0; n < 0x100; n += 4)
		assert_int_equal(dev_rd32(d, 0x137000 + n), 0);
	/* Tag clears are done when asked. */
	assert_int_equal(dev_rd32(d, 0x1410c8), 0);
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_unnamed),
		cmocka_unit_test(test_no_ones),
	};

	return cmocka_run_group_tests_name("sim_regs", tests, NULL, NULL);
}
