/* SPDX-License-Identifier: MIT */
/*
 * The mediator as the card's driver: bring-up, its own BAR1 with the USERD
 * array, engine resets.  Private to the core.
 */
#ifndef GPUVM_HOST_H
#define GPUVM_HOST_H

#include "gpuvm/gpuvm.h"

/* A guest's channel on whose error a PBDMA stands, until the guest acknowledges. */
struct host_stall {
	struct vgpu_chan *chan; /* NULL: none */
	uint64_t since;
	uint32_t intr;
};

/* PBDMA_INTR_EN: all but bit 8, as nouveau [nvkm/engine/fifo/gf100.c]. */
#define HOST_PBDMA_INTR_EN 0xfffffeffu

struct host {
	bool started;
	hvram_t bar1_inst, bar1_dir, bar1_table; /* owned, in g->heap; 0: not allocated */
	uint32_t engines;    /* bit per enum fermi_engine that came up */
	uint32_t gr_ctx_len; /* what the graphics microcode says a context takes; 0: no graphics */
	struct host_stall stall[GF100_NR_PBDMA];
	struct log_limit irq_log;
};

/*
 * Brings the card up with no channel on it.  -ENODEV if it is no GF100,
 * -ENOSPC if the heap is too small; one line in msg on error.  The heap
 * exists; g->shadow is created here, because its pages live and die with the
 * card's contents.
 */
int host_start(struct gpuvm *, char *msg, size_t n);
/* Quiets the card and gives the heap's pages back.  Accepts half-started. */
void host_stop(struct gpuvm *);
/* Polls reg until (value & mask) == want; false after ns, or after a bounded number of reads where no clock runs. */
bool host_wait(struct gpuvm *, uint32_t reg, uint32_t mask, uint32_t want, uint64_t ns);
/* Resets one engine through PMC_ENABLE and starts it again. */
void host_engine_reset(struct gpuvm *, enum fermi_engine);
/* A word for messages. */
const char *host_engine_name(enum fermi_engine);

/* USERD of a channel on the card, through the mediator's BAR1; off is a dword offset in the page. */
static inline uint32_t host_userd_rd(struct gpuvm *g, hchan_t c, uint32_t off)
{
	return (uint32_t)dev_bar_rd(g->dev, 1, (uint64_t)hchan_x(c) * 4096 + off, 4);
}
static inline void host_userd_wr(struct gpuvm *g, hchan_t c, uint32_t off, uint32_t val)
{
	dev_bar_wr(g->dev, 1, (uint64_t)hchan_x(c) * 4096 + off, 4, val);
}

#endif
