// SPDX-License-Identifier: MIT
/*
 * The table of decisions: complete, obeyed for every row, never denying what
 * stock drivers touch, and never a way for a store to the card's registers.
 */
#include "tests/t.h"

#include "tests/unit/core/nouveau_regs.h"
#include "tests/unit/core/rig.h"

static void table_is_complete(void **state)
{
	char msg[256] = "";

	(void)state;
	if (mmio_table_check(msg, sizeof(msg)))
		fail_msg("%s", msg);
	for (int r = 0; r < NR_REGS; r++) {
		assert_true(mmio_rows[r].treat > MMIO_UNDECIDED && mmio_rows[r].treat < NR_MMIO_TREATS);
		assert_string_not_equal(mmio_treat_name(mmio_rows[r].treat), "?");
	}
	assert_string_equal(mmio_treat_name(NR_MMIO_TREATS), "?");
}

static void drivers_registers_are_not_denied(void **state)
{
	struct rig *r = *state;
	uint32_t n = 0;

	for (size_t k = 0; k < ARRAY_SIZE(nouveau_regs); k++)
		for (uint32_t i = 0; i < nouveau_regs[k].count; i++, n++) {
			uint32_t off = nouveau_regs[k].first + 4 * i;
			int err;

			ld(r, 0, HV_BAR0, off, 4, &err);
			if (err)
				fail_msg("0x%06x: error %d", off, err);
		}
	assert_int_equal(n, NOUVEAU_NR_REGS);
	assert_int_equal(r->v[0]->stats.denied, 0);
}

/* ---- what a row does --------------------------------------------------------------------- */

/* Rows whose reads do not answer what was stored, for a reason of their own; their units' tests have them. */
static bool own_reads(enum reg_id id)
{
	switch (id) {
	case REGID_PTIMER_TIME_LO:
	case REGID_PTIMER_TIME_HI:
	case REGID_PTIMER_INTR_EN: /* 1 bit */
	case REGID_PPCI_CONFIG:	   /* configuration space */
	case REGID_PFB_MMU_CTRL:   /* constant bits */
	case REGID_PRAMIN:	   /* memory */
	case REGID_FECS_IMEM_DATA:
	case REGID_FECS_DMEM_DATA:
	case REGID_GPCCS_DMEM_DATA:
	case REGID_PMU_IMEM_DATA:
	case REGID_PMU_DMEM_DATA:
		return true;
	default:
		return false;
	}
}

/* Bits that drivers may change: all, but for these. */
static uint32_t storable(enum reg_id id)
{
	switch (id) {
	case REGID_PMC_BOOT_1:
		return 0;
	case REGID_PMC_PBDMA_ENABLE:
	case REGID_PFIFO_PBDMA_ENABLE:
		return 7;
	case REGID_PBUS_PRAMIN_BASE:
		return 0xffffff;
	case REGID_PFIFO_CHAN_STATE:
		return 0x1f0001;
	case REGID_POST_STATUS:
		return ~2u;
	case REGID_PMU_DMACTL:
		return ~6u;
	case REGID_PGRAPH_PWR_HANDSHAKE:
		return ~0x10u;
	default:
		return ~0u;
	}
}

static void check_storage(struct rig *r, enum reg_id id, uint32_t off)
{
	uint32_t mask = storable(id);

	for (uint32_t pat = 0; pat < 4; pat++) {
		uint32_t val = (const uint32_t[]){ ~0u, 0, 0xa5a5a5a5, 0x5a5a5a5a }[pat];

		wr(r, 0, off, val);
		if ((rd(r, 0, off) ^ val) & mask)
			fail_msg("%s 0x%06x: %08x reads %08x", reg_rows[id].name, off, val, rd(r, 0, off));
		/* Reserved bits keep their reset value. */
		if ((rd(r, 0, off) ^ mmio_rows[id].reset) & ~mask)
			fail_msg("%s 0x%06x: %08x changed read-only bits", reg_rows[id].name, off, val);
	}
}

static void check_read_only(struct rig *r, enum reg_id id, uint32_t off)
{
	uint32_t before = rd(r, 0, off);

	wr(r, 0, off, ~before);
	wr(r, 0, off, 0);
	wr(r, 0, off, ~0u);
	if (rd(r, 0, off) != before)
		fail_msg("%s 0x%06x: changed from %08x to %08x", reg_rows[id].name, off, before,
			 rd(r, 0, off));
}

static void check_w1c(struct rig *r, enum reg_id id, uint32_t off)
{
	/* Those that clear a register beside them, and PFIFO_INTR with its levels, have tests of their own. */
	if (id == REGID_CE0_INTR_CLR || id == REGID_CE1_INTR_CLR || id == REGID_FECS_INTR_CLR)
		return;
	vgpu_reg_store(r->v[0], off, 0x35);
	wr(r, 0, off, 0x11);
	if (rd(r, 0, off) != 0x24)
		fail_msg("%s 0x%06x: reads %08x", reg_rows[id].name, off, rd(r, 0, off));
	wr(r, 0, off, ~0u);
	assert_int_equal(rd(r, 0, off), 0);
}

static void check_host(struct rig *r, enum reg_id id, uint32_t off)
{
	uint32_t real = dev_rd32(r->g->dev, off);

	if (id == REGID_DISABLE_FUSES)
		real |= 7;
	assert_int_equal(rd(r, 0, off), real);
	check_read_only(r, id, off);
}

static void each_row_does_what_it_says(void **state)
{
	struct rig *r = *state;
	uint32_t seen = 0;

	for (int k = 0; k < NR_REGS; k++) {
		enum reg_id id = (enum reg_id)k;
		uint32_t last = reg_rows[k].count - 1;

		for (uint32_t i = 0; i <= last; i += last ? last : 1) {
			uint32_t off = reg_at(id, i);
			int err;

			wr(r, 0, NV_PBUS_PRAMIN_BASE, 0); /* the storage test may have left it beyond the part */
			ld(r, 0, HV_BAR0, off, 4, &err);
			assert_int_equal(err, mmio_rows[k].treat == MMIO_DENY ? -EPERM : 0);
			if (mmio_rows[k].treat == MMIO_HOST_RO)
				check_host(r, id, off);
			else if (reg_rows[k].access == REG_RO)
				check_read_only(r, id, off);
			else if (reg_rows[k].access == REG_RW && !own_reads(id))
				check_storage(r, id, off);
			else if (reg_rows[k].access == REG_W1C)
				check_w1c(r, id, off);
			else if (mmio_rows[k].rd == NULL && reg_rows[k].access != REG_RW)
				assert_int_equal(rd(r, 0, off), 0); /* write-only, trigger */
			seen++;
		}
	}
	assert_true(seen >= NR_REGS);
	/* What guest 0 did to its registers is not in guest 1's. */
	for (int k = 0; k < NR_REGS; k++)
		if (mmio_rows[k].mask && !mmio_rows[k].rd && !mmio_rows[k].port)
			assert_int_equal(rd(r, 1, reg_rows[k].offset), mmio_rows[k].reset);
	assert_int_equal(r->v[0]->stats.denied, 0);
}

static void unit_ranges_are_private_storage(void **state)
{
	struct rig *r = *state;

	for (int s = 0; s < NR_SPACES; s++)
		for (uint32_t at = 0; at < space_rows[s].length; at += 0x7fc) {
			uint32_t off = space_rows[s].offset + at, i;

			if (reg_find(off, &i) != NR_REGS)
				continue;
			wr(r, 0, off, 0xcafe0000 + s);
			assert_int_equal(rd(r, 0, off), 0xcafe0000 + s);
			assert_int_equal(rd(r, 1, off), 0);
		}
}

static void reset_forgets(void **state)
{
	struct rig *r = *state;

	wr(r, 0, NV_PFB_SYSMEM_FLUSH, 0x1234);
	wr(r, 0, NV_PMC_INTR_MASK, 0);
	wr(r, 0, NV_PMC_ENABLE, 0);
	vgpu_reset(r->v[0]);
	assert_int_equal(rd(r, 0, NV_PFB_SYSMEM_FLUSH), 0);
	assert_int_equal(rd(r, 0, NV_PMC_INTR_MASK), ~0u);
	assert_int_equal(rd(r, 0, NV_PMC_ENABLE), ~0u);
	assert_int_equal(rd(r, 0, NV_POST_STATUS), 2);
}

/* ---- no way to the card ------------------------------------------------------------------ */

static const struct dev_io *spy_real;
static unsigned int spy_writes, spy_foreign;
static uint32_t spy_last;

/* Registers through which the rooms below translate; nothing else may be written for a guest. */
static bool translated(uint32_t reg)
{
	static const enum reg_id ids[] = {
		REGID_PFIFO_CHAN_INST,	  REGID_PFIFO_CHAN_STATE, REGID_PFIFO_RUNLIST_ADDR,
		REGID_PFIFO_RUNLIST_SUBMIT, REGID_PFIFO_KICK,	  REGID_PFB_TLB_PDB,
		REGID_PFB_TLB_FLUSH,	  REGID_FLUSH_BAR,	  REGID_FLUSH_L2,
	};
	uint32_t i;
	enum reg_id id = reg_find(reg, &i);

	for (size_t k = 0; k < ARRAY_SIZE(ids); k++)
		if (ids[k] == id)
			return true;
	return false;
}

static void spy_wr32(struct dev *d, uint32_t reg, uint32_t val)
{
	spy_writes++;
	if (!translated(reg)) {
		spy_foreign++;
		spy_last = reg;
	}
	spy_real->wr32(d, reg, val);
}

static void spy_bar_wr(struct dev *d, int bar, uint64_t off, int size, uint64_t val)
{
	spy_writes++;
	spy_foreign++;
	spy_last = (uint32_t)off;
	spy_real->bar_wr(d, bar, off, size, val);
}

static void no_store_reaches_a_register_of_the_card(void **state)
{
	struct rig *r = *state;
	struct dev_io spy = *r->g->dev->io;

	spy_real = r->g->dev->io;
	spy_writes = spy_foreign = 0;
	spy.wr32 = spy_wr32;
	spy.bar_wr = spy_bar_wr;
	r->g->dev->io = &spy;
	for (uint32_t off = 0; off < GF100_MMIO_LEN; off += 4) {
		uint32_t i;
		enum reg_id id = reg_find(off, &i);

		/* Memory windows are not registers; a few words of what no row names do for all. */
		if (id == REGID_PRAMIN || id == REGID_PROM ||
		    (id == NR_REGS && (space_find(off) == NR_SPACES || off & 0x1fc)))
			continue;
		wr(r, 0, off, 0x80000001);
		if (spy_foreign)
			fail_msg("a store to 0x%06x wrote the card's 0x%06x", off, spy_last);
		if (id != NR_REGS && mmio_rows[id].treat == MMIO_PRIVATE && spy_writes)
			fail_msg("a store to the private 0x%06x wrote to the card", off);
		wr(r, 0, off, ~0u);
		wr(r, 0, off, 0);
		spy_writes = id == NR_REGS ? spy_writes : 0;
	}
	assert_int_equal(spy_foreign, 0);
	r->g->dev->io = spy_real;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_complete),
		RIG_TEST(drivers_registers_are_not_denied),
		RIG_TEST(each_row_does_what_it_says),
		RIG_TEST(unit_ranges_are_private_storage),
		RIG_TEST(reset_forgets),
		RIG_TEST(no_store_reaches_a_register_of_the_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
