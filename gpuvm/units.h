/* SPDX-License-Identifier: MIT */
/*
 * The virtual units of one vGPU: private to mmio*.c, unit_*.c, the BARs,
 * pramin.c and pcicfg.c.  Register values are in the vGPU's private storage
 * (vgpu_reg_load); here is what a register cannot hold.
 */
#ifndef GPUVM_UNITS_H
#define GPUVM_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpuvm/fermi/vbios.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/mmio.h"

/* MMU faults that wait until the driver has read an earlier one of that unit; more are dropped. */
#define UNIT_FAULTS 16

/* A PBDMA interrupt of one channel that waits for its PBDMA's registers to be free. */
struct pbdma_stop {
	bool waits;
	uint8_t pbdma;
	uint32_t intr, mthd, data;
};

/* Code and data memory of one falcon, as its ports show them; nothing runs in there. */
struct falcon_mem {
	uint32_t *word; /* code, then data; owned, NULL until first written */
};
enum vfalcon { VFALCON_FECS, VFALCON_GPCCS, VFALCON_PMU, NR_VFALCONS };

/* The channel that hung an engine, until PFIFO_INTR's SCHED bit is acknowledged. */
struct unit_hung {
	bool is;
	gchan_t id;
	gvram_t inst;
};
struct vgpu_unit_state {
	bool irq_line;
	const char *broken; /* why the guest is failed on the next tick; NULL: it is not */
	bool alarm_set;
	uint64_t alarm_at;    /* PTIMER time */
	bool runlist_pending; /* the card has not yet taken the last list */
	uint64_t runlist_look; /* dev_now() when to look again */
	uint32_t nr_faults;
	struct vgpu_mmu_fault fault[UNIT_FAULTS];
	struct pbdma_stop stop[GF100_NR_CHAN];
	struct unit_hung hung[NR_ENGINES];
	struct falcon_mem falcon[NR_VFALCONS];
	uint8_t prom[VBIOS_LEN];
};

/* ---- mmio.c ------------------------------------------------------------------------- */
void unit_broken(struct vgpu *, const char *why);

/* ---- unit_pmc.c --------------------------------------------------------------------- */
/* A unit's registers changed: PMC_INTR and the line follow; an edge to 1 interrupts the guest. */
void unit_irq_update(struct vgpu *);
mmio_rd_fn unit_pmc_intr_rd, unit_pmc_intr_nonstall_rd;
mmio_wr_fn unit_pmc_line_wr, unit_pmc_enable_wr, unit_pmc_rearm_wr;

/* Each answers whether the unit's level in PMC_INTR is up. */
bool unit_pbus_level(struct vgpu *);
bool unit_ptimer_level(struct vgpu *);
bool unit_pfifo_level(struct vgpu *);
bool unit_pgraph_level(struct vgpu *);
bool unit_ce_level(struct vgpu *, unsigned int ce);

/* ---- unit_pbus.c -------------------------------------------------------------------- */
mmio_wr_fn unit_pbus_bar1_wr, unit_pbus_bar3_wr, unit_pbus_intr_wr, unit_pbus_intr_en_wr;

/* ---- unit_ptimer.c ------------------------------------------------------------------ */
mmio_rd_fn unit_ptimer_lo_rd, unit_ptimer_hi_rd, unit_ptimer_intr_rd;
mmio_wr_fn unit_ptimer_intr_wr, unit_ptimer_intr_en_wr,
	unit_ptimer_alarm_wr;
/* dev_now() time of the next alarm that interrupts; SCHED_NEVER if none. */
uint64_t unit_ptimer_next(const struct vgpu *);
void unit_ptimer_tick(struct vgpu *, uint64_t now);

/* ---- unit_pfb.c --------------------------------------------------------------------- */
mmio_rd_fn unit_pfb_mmu_ctrl_rd;
mmio_wr_fn unit_pfb_mmu_ctrl_wr, unit_pfb_tlb_flush_wr, unit_pfb_flush_wr;

/* ---- unit_pfifo.c ------------------------------------------------------------------- */
mmio_rd_fn unit_pfifo_intr_rd, unit_pfifo_pbdma_intr_rd, unit_pfifo_eng_intr_rd,
	unit_pfifo_runlist_status_rd, unit_pfifo_kick_rd, unit_pfifo_eng_status_rd,
	unit_pfifo_stored_rd;
mmio_wr_fn unit_pfifo_level_wr, unit_pfifo_w1c_wr, unit_pfifo_intr_wr, unit_pfifo_fault_units_wr,
	unit_pfifo_runlist_wr, unit_pfifo_kick_wr, unit_pfifo_fault_trigger_wr,
	unit_pfifo_chan_inst_wr, unit_pfifo_chan_state_wr, unit_pfifo_userd_base_wr;
void unit_pfifo_reset(struct vgpu *);
uint64_t unit_pfifo_next(const struct vgpu *);
void unit_pfifo_tick(struct vgpu *, uint64_t now);

/* ---- unit_pbdma.c ------------------------------------------------------------------- */
mmio_wr_fn unit_pbdma_intr_wr, unit_pbdma_intr_en_wr;
/* PBDMAs with an enabled interrupt pending. */
uint32_t unit_pbdma_pending(struct vgpu *);
void unit_pbdma_forget(struct vgpu *);

/* ---- unit_pgraph.c ------------------------------------------------------------------ */
mmio_wr_fn unit_pgraph_level_wr, unit_pgraph_intr_wr, unit_fecs_cpuctl_wr, unit_fecs_switch_wr,
	unit_fecs_cmd_wr, unit_fecs_scratch_set_wr, unit_fecs_scratch_clr_wr,
	unit_fecs_intr_clr_wr;
void unit_pgraph_reset(struct vgpu *);
/* An error interrupt with the registers a handler reads. */
struct vgpu_gr_error {
	uint32_t intr, addr, data, code, class_id;
	gvram_t inst;
};
void vgpu_raise_pgraph(struct vgpu *, const struct vgpu_gr_error *);

/* ---- unit_falcon.c ------------------------------------------------------------------ */
mmio_rd_fn unit_falcon_data_rd;
mmio_wr_fn unit_falcon_data_wr, unit_pmu_cpuctl_wr, unit_ce_intr_clr_wr, unit_ce_route_wr,
	unit_ce_cpuctl_wr;
void unit_falcon_forget(struct vgpu *, enum vfalcon);
void unit_ce_reset(struct vgpu *, unsigned int ce);
/* The same of a copy engine, with what its microcode says. */
struct vgpu_ce_error {
	uint32_t error, data;
	gvram_t inst;
};
void vgpu_raise_ce(struct vgpu *, unsigned int ce, const struct vgpu_ce_error *);
void unit_pmu_reset(struct vgpu *);

/* ---- unit_identity.c ---------------------------------------------------------------- */
mmio_rd_fn unit_boot0_rd, unit_fuses_rd, unit_fbp_count_rd, unit_fbp_mib_rd,
	unit_fbp_mib_common_rd, unit_prom_rd;
/* Equal partitions that make up the vGPU's VRAM exactly. */
uint32_t unit_fbp_count(uint64_t vram_len);
/* The image in PROM, which is also the expansion ROM of a PCI guest. */
void unit_rom_build(uint8_t rom[VBIOS_LEN]);
void unit_identity_init(struct vgpu *);

/* ---- unit_ppci.c -------------------------------------------------------------------- */
mmio_rd_fn unit_ppci_rd;
mmio_wr_fn unit_ppci_wr;

/* ---- pcicfg.c ----------------------------------------------------------------------- */
int pcicfg_new(struct vgpu *);
void pcicfg_reset(struct vgpu *);
void pcicfg_free(struct vgpu *);
/* Whether the function decodes memory accesses: switched on in its command register, and in D0. */
bool pcicfg_decodes(const struct vgpu *);
/* Whether it decodes, or the guest is failed, has changed: BARs show memory without traps or not. */
void pcicfg_moved(struct vgpu *);
/* Loads and stores without checks; beyond 256 bytes there is 0 and nothing. */
uint32_t pcicfg_rd32(const struct vgpu *, uint32_t at);
void pcicfg_wr8(struct vgpu *, uint32_t at, uint8_t val);

/* ---- vgpu.c ------------------------------------------------------------------------- */
/* Shadowing options at run time; on an error the old ones stay. */
int vgpu_set_opts(struct vgpu *, uint32_t opts);

/* ---- bar1.c ------------------------------------------------------------------------- */
/* Which pages of BAR1 are USERD has changed. */
void vgpu_userd_moved(struct vgpu *);

/* ---- aperture.c: memory as BARs and PRAMIN show it ---------------------------------- */
/* The guest's VRAM; -ERANGE outside.  A store is told to the shadows. */
int aperture_vram_rd(struct vgpu *, uint64_t at, void *buf, size_t len);
int aperture_vram_wr(struct vgpu *, uint64_t at, const void *buf, size_t len);
/* BAR 1 or 3 through the guest's tables; the range is inside it. -EINVAL where nothing is mapped. */
int aperture_rd(struct vgpu *, int bar, uint32_t off, uint8_t size, uint64_t *val);
int aperture_wr(struct vgpu *, int bar, uint32_t off, uint8_t size, uint64_t val);
/* After an access of BAR 1 or 3 that trapped and answered err: the next one there need not. */
static inline void aperture_touched(struct vgpu *v, int bar, uint32_t off, int err)
{
	if (!err && v->cfg.shadow_opts & SHADOW_OPT_REMAP)
		shadow_window_touch(v->shadow, bar, off);
}
/* size bytes of MMIO_DENIED as they stand at off. */
uint64_t aperture_denied(uint32_t off, uint8_t size);
/* Checks of all memory BARs: size, end, decode.  0, or -EINVAL/-EPERM with the fault counted. */
int aperture_check(struct vgpu *, const char *bar, uint32_t off, uint8_t size, uint64_t len);

/* ---- pramin.c ----------------------------------------------------------------------- */
#define PRAMIN_LEN 0x100000u
mmio_rd_fn unit_pramin_rd;
mmio_wr_fn unit_pramin_wr;
int pramin_rd(struct vgpu *, uint32_t at, uint8_t size, uint64_t *val);
int pramin_wr(struct vgpu *, uint32_t at, uint8_t size, uint64_t val);

#endif
