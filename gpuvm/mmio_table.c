// SPDX-License-Identifier: MIT
/*
 * What each register of regs.def does for a guest.  Always true (and checked
 * at start by mmio_table_check): every row has a decision, and what acts has a
 * function that acts.
 */
#include <errno.h>
#include <stdio.h>

#include "gpuvm/mmio.h"
#include "gpuvm/units.h"

/* Storage, all bits; storage with a mask and a reset value; not storage, answered by rd or 0. */
#define STORED(name) [REGID_##name] = { MMIO_PRIVATE, ~0u, 0, NULL, NULL, false }
#define MASKED(name, m, v) [REGID_##name] = { MMIO_PRIVATE, m, v, NULL, NULL, false }
#define KEPT(name) [REGID_##name] = { MMIO_PRIVATE, 0, 0, NULL, NULL, false }
#define READS(name, fn) [REGID_##name] = { MMIO_PRIVATE, 0, 0, fn, NULL, false }
#define HOST(name) [REGID_##name] = { MMIO_HOST_RO, 0, 0, NULL, NULL, false }
#define HOSTFN(name, fn) [REGID_##name] = { MMIO_HOST_RO, 0, 0, fn, NULL, false }
#define ACTS(name, t, m, v, rfn, wfn) [REGID_##name] = { MMIO_##t, m, v, rfn, wfn, false }
#define PORT(name) \
	[REGID_##name] = { MMIO_PRIVATE, ~0u, 0, unit_falcon_data_rd, unit_falcon_data_wr, true }

#define PBDMAS ((1u << GF100_NR_PBDMA) - 1)

const struct mmio_row mmio_rows[NR_REGS] = {
	/* PMC */
	HOSTFN(PMC_BOOT_0, unit_boot0_rd),
	KEPT(PMC_BOOT_1), /* only little endian */
	READS(PMC_INTR, unit_pmc_intr_rd),
	READS(PMC_INTR_NONSTALL, unit_pmc_intr_nonstall_rd),
	ACTS(PMC_INTR_EN, TRIGGER, ~0u, 0, NULL, unit_pmc_line_wr),
	ACTS(PMC_INTR_EN_NONSTALL, TRIGGER, ~0u, 0, NULL, unit_pmc_line_wr),
	KEPT(PMC_LTC_INTR),
	/* As a POSTed card: everything on. */
	ACTS(PMC_ENABLE, TRIGGER, ~0u, ~0u, NULL, unit_pmc_enable_wr),
	MASKED(PMC_PBDMA_ENABLE, PBDMAS, PBDMAS),
	STORED(PMC_GR_FW_SWITCH),
	/* 6.1 never writes the masks and relies on their being ones. */
	ACTS(PMC_INTR_MASK, TRIGGER, ~0u, ~0u, NULL, unit_pmc_line_wr),
	ACTS(PMC_INTR_MASK_NONSTALL, TRIGGER, ~0u, ~0u, NULL, unit_pmc_line_wr),

	/* PBUS */
	ACTS(PBUS_INTR, TRIGGER, 0, 0, NULL, unit_pbus_intr_wr),
	ACTS(PBUS_INTR_EN, TRIGGER, ~0u, 0, NULL, unit_pbus_intr_en_wr),
	MASKED(PBUS_PRAMIN_BASE, 0x00ffffff, 0),
	ACTS(PBUS_BAR1_BLOCK, TRANSLATE, ~0u, 0, NULL, unit_pbus_bar1_wr),
	ACTS(PBUS_BAR3_BLOCK, TRANSLATE, ~0u, 0, NULL, unit_pbus_bar3_wr),
	STORED(PBUS_PEEPHOLE_BLOCK),
	STORED(PBUS_BAD_ADDR),
	KEPT(PBUS_BAD_DATA),

	/* PFIFO */
	ACTS(PFIFO_INTR, TRIGGER, 0, 0, unit_pfifo_intr_rd, unit_pfifo_intr_wr),
	ACTS(PFIFO_INTR_EN, TRIGGER, ~0u, 0, NULL, unit_pfifo_level_wr),
	STORED(PFIFO_ENABLE),
	MASKED(PFIFO_PBDMA_ENABLE, PBDMAS, PBDMAS),
	STORED(PFIFO_ENG_PBDMA_MASK),
	ACTS(PFIFO_USERD_BASE, TRIGGER, ~0u, 0, NULL, unit_pfifo_userd_base_wr),
	STORED(PFIFO_RUNLIST_ADDR),
	ACTS(PFIFO_RUNLIST_SUBMIT, TRANSLATE, 0, 0, unit_pfifo_stored_rd, unit_pfifo_runlist_wr),
	KEPT(PFIFO_RUNLIST_CUR),
	READS(PFIFO_RUNLIST_STATUS, unit_pfifo_runlist_status_rd),
	KEPT(PFIFO_CHSW_INTR),
	KEPT(PFIFO_SCHED_INTR),
	KEPT(PFIFO_UNK256C),
	KEPT(PFIFO_UNK258C),
	ACTS(PFIFO_MMU_FAULT_UNITS, TRIGGER, 0, 0, NULL, unit_pfifo_fault_units_wr),
	READS(PFIFO_PBDMA_INTR, unit_pfifo_pbdma_intr_rd),
	READS(PFIFO_ENG_INTR, unit_pfifo_eng_intr_rd),
	ACTS(PFIFO_ENG_INTR_E, TRIGGER, 0, 0, NULL, unit_pfifo_w1c_wr),
	ACTS(PFIFO_ENG_INTR_MASK, TRIGGER, ~0u, 0, NULL, unit_pfifo_level_wr),
	KEPT(PFIFO_ENG_FAULT),
	STORED(PFIFO_ENG_FREEZE),
	ACTS(PFIFO_KICK, TRANSLATE, 0, 0, unit_pfifo_kick_rd, unit_pfifo_kick_wr),
	READS(PFIFO_ENG_STATUS, unit_pfifo_eng_status_rd),
	KEPT(PFIFO_MMU_FAULT_INST),
	KEPT(PFIFO_MMU_FAULT_VALO),
	KEPT(PFIFO_MMU_FAULT_VAHI),
	KEPT(PFIFO_MMU_FAULT_INFO),
	ACTS(PFIFO_RUNLIST_INTR, TRIGGER, 0, 0, NULL, unit_pfifo_w1c_wr),
	STORED(PFIFO_TIMEOUT),
	ACTS(PFIFO_FAULT_TRIGGER, TRIGGER, 0, 0, unit_pfifo_stored_rd, unit_pfifo_fault_trigger_wr),
	ACTS(PFIFO_CHAN_INST, TRANSLATE, ~0u, 0, NULL, unit_pfifo_chan_inst_wr),
	/* Runnable and engine; the status bits are the card's and no guest's. */
	ACTS(PFIFO_CHAN_STATE, TRANSLATE, 0x001f0001, 0, NULL, unit_pfifo_chan_state_wr),

	/* PTIMER */
	ACTS(PTIMER_INTR, TRIGGER, 0, 0, unit_ptimer_intr_rd, unit_ptimer_intr_wr),
	ACTS(PTIMER_INTR_EN, TRIGGER, 1, 0, NULL, unit_ptimer_intr_en_wr),
	STORED(PTIMER_NUMERATOR),
	STORED(PTIMER_DENOMINATOR),
	STORED(PTIMER_MULTIPLIER),
	READS(PTIMER_TIME_LO, unit_ptimer_lo_rd), /* stores are dropped */
	READS(PTIMER_TIME_HI, unit_ptimer_hi_rd),
	ACTS(PTIMER_ALARM, TRIGGER, ~0u, 0, NULL, unit_ptimer_alarm_wr),

	/* fuses, straps, identity; no fuse is blown in a virtual card */
	STORED(FUSE_WINDOW_DATA),
	HOST(FUSE_DATA),
	STORED(FUSE_WINDOW),
	MASKED(POST_STATUS, ~2u, 2u), /* POSTed, whatever is written */
	STORED(PCIE_VERSION),
	HOST(MAX_GPCS),
	HOST(MAX_TPCS_PER_GPC),
	READS(FBP_COUNT, unit_fbp_count_rd),
	HOSTFN(DISABLE_FUSES, unit_fuses_rd),
	KEPT(FBP_OFF_MASK),
	READS(PFB_LTC_COUNT, unit_fbp_count_rd),
	HOST(STRAPS),
	READS(FBP_MIB_COMMON, unit_fbp_mib_common_rd),
	READS(FBP_MIB, unit_fbp_mib_rd),
	/* Done at once, as the flushes. */
	ACTS(PRIVRING_COMMAND, TRIGGER, 0, 0, NULL, unit_pfb_flush_wr),
	READS(PRIVRING_FBP_COUNT, unit_fbp_count_rd),
	HOST(LTC_PARAMS),
	READS(PROM, unit_prom_rd),

	/* PBDMAs */
	STORED(PBDMA_GET_LO),
	STORED(PBDMA_METHOD),
	STORED(PBDMA_DATA),
	ACTS(PBDMA_INTR, TRIGGER, 0, 0, NULL, unit_pbdma_intr_wr),
	ACTS(PBDMA_INTR_EN, TRIGGER, ~0u, 0, NULL, unit_pbdma_intr_en_wr),
	KEPT(PBDMA_CMD),
	KEPT(PBDMA_CHID),
	STORED(PBDMA_HALT_MASK),

	/* flushes, PCI, memory control */
	ACTS(FLUSH_BAR, TRIGGER, 0, 0, NULL, unit_pfb_flush_wr),
	ACTS(FLUSH_L2_INVALIDATE, TRIGGER, 0, 0, NULL, unit_pfb_flush_wr),
	ACTS(FLUSH_L2, TRIGGER, 0, 0, NULL, unit_pfb_flush_wr),
	ACTS(PPCI_CONFIG, TRIGGER, 0, 0, unit_ppci_rd, unit_ppci_wr),
	ACTS(PPCI_MSI_REARM, TRIGGER, 0, 0, NULL, unit_pmc_rearm_wr),
	STORED(PFB_SYSMEM_FLUSH), /* the card's flush page is the mediator's */
	ACTS(PFB_MMU_CTRL, TRIGGER, 1, 0, unit_pfb_mmu_ctrl_rd, unit_pfb_mmu_ctrl_wr),
	STORED(PFB_TLB_PDB),
	ACTS(PFB_TLB_FLUSH, TRANSLATE, 0, 0, NULL, unit_pfb_tlb_flush_wr),

	/* copy engines */
	ACTS(CE0_INTR_CLR, TRIGGER, 0, 0, NULL, unit_ce_intr_clr_wr),
	KEPT(CE0_INTR),
	ACTS(CE0_INTR_ROUTE, TRIGGER, ~0u, 0, NULL, unit_ce_route_wr),
	KEPT(CE0_ERROR),
	KEPT(CE0_ERROR_DATA),
	STORED(CE0_CTX_ENABLE),
	STORED(CE0_CHAN),
	STORED(CE0_CHAN_NEXT),
	STORED(CE0_INDEX),
	ACTS(CE0_CPUCTL, TRIGGER, 0, 0, NULL, unit_ce_cpuctl_wr),
	STORED(CE0_ENTRY),
	HOST(CE0_FALCON_SIZES),
	STORED(CE0_DMACTL),
	HOST(CE0_FALCON_VERSION),
	ACTS(CE1_INTR_CLR, TRIGGER, 0, 0, NULL, unit_ce_intr_clr_wr),
	KEPT(CE1_INTR),
	ACTS(CE1_INTR_ROUTE, TRIGGER, ~0u, 0, NULL, unit_ce_route_wr),
	KEPT(CE1_ERROR),
	KEPT(CE1_ERROR_DATA),
	STORED(CE1_CTX_ENABLE),
	STORED(CE1_CHAN),
	STORED(CE1_CHAN_NEXT),
	STORED(CE1_INDEX),
	ACTS(CE1_CPUCTL, TRIGGER, 0, 0, NULL, unit_ce_cpuctl_wr),
	STORED(CE1_ENTRY),
	HOST(CE1_FALCON_SIZES),
	STORED(CE1_DMACTL),
	HOST(CE1_FALCON_VERSION),

	/* PMU */
	KEPT(PMU_BUSY),
	ACTS(PMU_CPUCTL, TRIGGER, 0, 0, NULL, unit_pmu_cpuctl_wr),
	MASKED(PMU_DMACTL, ~6u, 0), /* bits 1-2: scrubbing, done */
	STORED(PMU_IMEM_CTRL),
	PORT(PMU_IMEM_DATA),
	STORED(PMU_DMEM_CTRL),
	PORT(PMU_DMEM_DATA),
	KEPT(PMU_SEND_RING),
	KEPT(PMU_RECV_RING),

	/* PGRAPH; its registers always show it idle: the guest's work is the channels' business */
	ACTS(PGRAPH_INTR, TRIGGER, 0, 0, NULL, unit_pgraph_intr_wr),
	KEPT(PGRAPH_DATA_ERROR),
	ACTS(PGRAPH_INTR_EN, TRIGGER, ~0u, 0, NULL, unit_pgraph_level_wr),
	STORED(PGRAPH_ICMD_ADDR),
	STORED(PGRAPH_ICMD_DATA),
	STORED(PGRAPH_ICMD_MODE),
	STORED(PGRAPH_RESUME),
	KEPT(PGRAPH_IDLE2),
	KEPT(PGRAPH_STATUS),
	KEPT(PGRAPH_TRAP_ADDR),
	KEPT(PGRAPH_TRAP_DATA),
	MASKED(PGRAPH_PWR_HANDSHAKE, ~0x10u, 0),
	KEPT(PGRAPH_SUBC_CLASS),
	STORED(PGRAPH_MTHD_ADDR),
	STORED(PGRAPH_MTHD_DATA),
	ACTS(FECS_SWITCH, TRIGGER, 0, 0, NULL, unit_fecs_switch_wr),
	ACTS(FECS_CPUCTL, TRIGGER, 0, 0, NULL, unit_fecs_cpuctl_wr),
	STORED(FECS_ENTRY),
	STORED(FECS_DMACTL),
	STORED(FECS_IMEM_CTRL),
	PORT(FECS_IMEM_DATA),
	STORED(FECS_IMEM_TAG),
	STORED(FECS_DMEM_CTRL),
	PORT(FECS_DMEM_DATA),
	STORED(FECS_DATA),
	ACTS(FECS_CMD, TRIGGER, 0, 0, NULL, unit_fecs_cmd_wr),
	HOST(FECS_UNITS),
	STORED(FECS_RESET),
	STORED(FECS_SCRATCH),
	ACTS(FECS_SCRATCH_SET, TRIGGER, 0, 0, NULL, unit_fecs_scratch_set_wr),
	ACTS(FECS_SCRATCH_CLR, TRIGGER, 0, 0, NULL, unit_fecs_scratch_clr_wr),
	STORED(FECS_CHAN),
	STORED(FECS_CHAN_NEXT),
	KEPT(FECS_INTR),
	ACTS(FECS_INTR_CLR, TRIGGER, 0, 0, NULL, unit_fecs_intr_clr_wr),
	STORED(FECS_INTR_EN),
	STORED(GPC_BCAST_MMU_WR), /* the card's own are the mediator's */
	STORED(GPC_BCAST_MMU_RD),
	STORED(GPCCS_DMEM_CTRL),
	PORT(GPCCS_DMEM_DATA),
	HOST(GPC_TPCS),

	KEPT(DISP_VBIOS_SHADOW),
	ACTS(PRAMIN, TRANSLATE, 0, 0, unit_pramin_rd, unit_pramin_wr),
};

/* What no row names in a unit's range is written in bring-up and read back at most. */
const enum mmio_treat mmio_spaces[NR_SPACES] = {
#define REG(name, offset, count, stride, access, what, source)
#define SPACE(name, offset, length, what, source) [SPACEID_##name] = MMIO_PRIVATE,
#include "gpuvm/fermi/regs.def"
};

const char *mmio_treat_name(enum mmio_treat t)
{
	static const char *const names[NR_MMIO_TREATS] = {
		[MMIO_UNDECIDED] = "undecided", [MMIO_DENY] = "deny",
		[MMIO_PRIVATE] = "private",	[MMIO_HOST_RO] = "host, read-only",
		[MMIO_TRANSLATE] = "translate", [MMIO_TRIGGER] = "trigger",
	};

	return (unsigned int)t < NR_MMIO_TREATS ? names[t] : "?";
}

/* What is wrong with a row; NULL if nothing is. */
static const char *wrong(const struct mmio_row *r, const struct reg_row *fact)
{
	bool acts = r->treat == MMIO_TRANSLATE || r->treat == MMIO_TRIGGER;

	if (r->treat <= MMIO_UNDECIDED || r->treat >= NR_MMIO_TREATS)
		return "no decision how to treat it";
	if (acts && !r->wr)
		return "a write should act, but nothing does";
	if (r->treat == MMIO_HOST_RO && (fact->access != REG_RO || r->wr || r->mask))
		return "the card's value, yet writable";
	if (r->treat == MMIO_DENY && (r->rd || r->wr || r->mask))
		return "denied, yet answered";
	if (fact->access == REG_RO && (r->wr || r->mask))
		return "read-only, yet writable";
	if (r->mask && fact->access != REG_RW)
		return "a mask of writable bits on what is not storage";
	if (r->port && (!r->rd || !r->wr))
		return "a port without functions";
	return NULL;
}

int mmio_table_check(char *msg, size_t n)
{
	int err = regs_check(msg, n);

	if (err)
		return err;
	for (int i = 0; i < NR_REGS; i++) {
		const char *why = wrong(&mmio_rows[i], &reg_rows[i]);

		if (why) {
			snprintf(msg, n, "mmio_table: %s: %s", reg_rows[i].name, why);
			return -EINVAL;
		}
	}
	for (int s = 0; s < NR_SPACES; s++)
		if (mmio_spaces[s] != MMIO_PRIVATE && mmio_spaces[s] != MMIO_DENY) {
			snprintf(msg, n, "mmio_table: range %s: no decision how to treat it",
				 space_rows[s].name);
			return -EINVAL;
		}
	return 0;
}
