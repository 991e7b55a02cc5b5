/* SPDX-License-Identifier: MIT */
/*
 * BAR0 register facts: offsets as constants (NV_<name>), rows by lookup.
 * regs.def is the single place where a register is written down.
 */
#ifndef GPUVM_FERMI_REGS_H
#define GPUVM_FERMI_REGS_H

#include <stddef.h>
#include <stdint.h>

enum reg_access { REG_RW, REG_RO, REG_WO, REG_W1C, REG_TRIG };

enum {
#define REG(name, offset, count, stride, access, what, source) NV_##name = (offset),
#define SPACE(name, offset, length, what, source)
#include "gpuvm/fermi/regs.def"
};

/* Row ids, in table order; reg_rows[REG_<name>] is that register's row. */
enum reg_id {
#define REG(name, offset, count, stride, access, what, source) REGID_##name,
#define SPACE(name, offset, length, what, source)
#include "gpuvm/fermi/regs.def"
	NR_REGS
};

enum space_id {
#define REG(name, offset, count, stride, access, what, source)
#define SPACE(name, offset, length, what, source) SPACEID_##name,
#include "gpuvm/fermi/regs.def"
	NR_SPACES
};

struct reg_row {
	const char *name;
	uint32_t offset, count, stride;
	enum reg_access access;
	const char *what, *source;
};

struct space_row {
	const char *name;
	uint32_t offset, length;
	const char *what, *source;
};

extern const struct reg_row reg_rows[NR_REGS];
extern const struct space_row space_rows[NR_SPACES];

/* Offset of element i of an array register, e.g. reg_at(REGID_PFIFO_CHAN_INST, 3). */
static inline uint32_t reg_at(enum reg_id id, uint32_t i)
{
	return reg_rows[id].offset + i * reg_rows[id].stride;
}

/* The row that holds dword offset off (4-aligned), and the element index in *i; NR_REGS if none. */
enum reg_id reg_find(uint32_t off, uint32_t *i);
/* The unit range that holds off; NR_SPACES if none. */
enum space_id space_find(uint32_t off);
/*
 * Checks the table's own rules (sorted, no overlap, aligned).  0, or -EINVAL
 * with one line in msg naming the offending row.
 */
int regs_check(char *msg, size_t n);

/* PMC_INTR bits, the same in PMC_INTR_MASK [nvkm/subdev/mc/gf100.c]. */
#define PMC_INTR_CE0 (1u << 5)
#define PMC_INTR_CE1 (1u << 6)
#define PMC_INTR_PFIFO (1u << 8)
#define PMC_INTR_PGRAPH (1u << 12)
#define PMC_INTR_PTIMER (1u << 20)
#define PMC_INTR_PMU (1u << 24)
#define PMC_INTR_PBUS (1u << 28)

/* PMC_ENABLE bits [nvkm/subdev/mc/gf100.c]. */
#define PMC_ENABLE_CE0 (1u << 6)
#define PMC_ENABLE_CE1 (1u << 7)
#define PMC_ENABLE_PFIFO (1u << 8)
#define PMC_ENABLE_PGRAPH (1u << 12)
#define PMC_ENABLE_PMU (1u << 13)

/* PFIFO_INTR bits [nvkm/engine/fifo/gf100.c]. */
#define PFIFO_INTR_CHSW (1u << 0)
#define PFIFO_INTR_SCHED (1u << 8)
/* PFIFO_SCHED_INTR: context switch timeout [nvkm/engine/fifo/gf100.c]. */
#define SCHED_CTXSW_TIMEOUT 0x0au
#define PFIFO_INTR_MMU_FAULT (1u << 28)
#define PFIFO_INTR_PBDMA (1u << 29)
#define PFIFO_INTR_RUNLIST (1u << 30)
#define PFIFO_INTR_ENGINE (1u << 31)

/* PBDMA_INTR bits [nvkm/engine/fifo/gf100.c]. */
#define PBDMA_INTR_GP_PUT (1u << 14) /* beyond the ring */
#define PBDMA_INTR_IB_ENTRY (1u << 15)
#define PBDMA_INTR_HEADER (1u << 18)
#define PBDMA_INTR_METHOD (1u << 21)
#define PBDMA_INTR_SW_METHOD (1u << 23)
#define PBDMA_INTR_SEMAPHORE (1u << 25)
#define PBDMA_INTR_ACQUIRE (1u << 26)
#define PBDMA_INTR_SIGNATURE (1u << 31)

/* PGRAPH_INTR bits [nvkm/engine/gr/gf100.c]. */
#define PGRAPH_INTR_NOTIFY (1u << 0)
#define PGRAPH_INTR_ILLEGAL_METHOD (1u << 4)
#define PGRAPH_INTR_ILLEGAL_CLASS (1u << 5)
#define PGRAPH_INTR_FECS (1u << 19)
#define PGRAPH_INTR_DATA_ERROR (1u << 20)
#define PGRAPH_INTR_TRAP (1u << 21)

/* PGRAPH_DATA_ERROR codes [nvkm/engine/gr/gf100.c]. */
#define PGRAPH_ERROR_OPERATION 0x03u
#define PGRAPH_ERROR_ENUM 0x05u
#define PGRAPH_ERROR_BITFIELD 0x0cu

/* CE error codes, as nouveau's microcode leaves them [nvkm/engine/ce/fuc/com.fuc]. */
#define CE_ERROR_ILLEGAL_METHOD 1u
#define CE_ERROR_BITFIELD 3u
/* CEx_INTR: the microcode waits for the driver. */
#define CE_INTR_ERROR (1u << 6)

/* Engine numbers of PFIFO (ENG_INTR_E, ENG_STATUS, SET_OBJECT) [nvkm/engine/fifo/gf100.c]. */
enum fermi_engine {
	ENGINE_GR = 0,
	ENGINE_MSPDEC = 1,
	ENGINE_MSPPP = 2,
	ENGINE_MSVLD = 3,
	ENGINE_CE0 = 4,
	ENGINE_CE1 = 5,
	NR_ENGINES = 6,
	ENGINE_SW = 0x1f,
};

/* Answers a GF100 gives to a driver's identity questions; used by every model of one. */
#define GF100_BOOT_0 0x0c0c00a3u
#define GF100_NR_CHAN 128
#define GF100_NR_PBDMA 3
#define GF100_PCI_VENDOR 0x10de
#define GF100_PCI_DEVICE 0x06d8
#define GF100_BAR0_LEN 0x2000000u
#define GF100_BAR1_LEN 0x8000000u
#define GF100_BAR3_LEN 0x4000000u
/* Only the low 16 MiB of BAR0 hold registers [docs/hw/bus/bars.rst]. */
#define GF100_MMIO_LEN 0x1000000u

#endif
