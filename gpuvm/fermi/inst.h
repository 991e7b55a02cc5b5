/* SPDX-License-Identifier: MIT */
/*
 * Instance block (one 4 KiB page per channel, in VRAM), RAMFC inside it, the
 * per-channel USERD page, runlist and indirect-buffer entries.
 * Sources: nvkm/engine/fifo/gpfifogf100.c, nvkm/subdev/mmu/vmmgf100.c,
 * rnndb/fifo/gf100_pfifo.xml, docs/hw/fifo/dma-pusher.rst.
 */
#ifndef GPUVM_FERMI_INST_H
#define GPUVM_FERMI_INST_H

#include <stdint.h>

#include "gpuvm/base/bits.h"

#define INST_LEN 4096

/* RAMFC words, at the PBDMA register offset of the same meaning. */
#define RAMFC_USERD_LO 0x08	/* USERD page, VRAM or bus address; bits 0-1 target as in a PTE */
#define RAMFC_USERD_HI 0x0c
#define RAMFC_SIGNATURE 0x10	/* 0xface */
#define RAMFC_SEM_TIMEOUT 0x30
#define RAMFC_GP_PUT 0x00	/* ring indices as last read and as reached */
#define RAMFC_GP_GET 0x14
#define RAMFC_GET_LO 0x18	/* where the pusher stands */
#define RAMFC_GET_HI 0x1c
#define RAMFC_MGET_LO 0x20	/* the same, main push buffers only; bit 31 of the high word valid */
#define RAMFC_MGET_HI 0x24
#define RAMFC_REF 0x28
#define RAMFC_SEM_DEADLINE 0x34 /* PTIMER bits 10-41 at which a waiting acquire gives up */
#define RAMFC_SEM_ADDR_HI 0x38
#define RAMFC_SEM_ADDR_LO 0x3c
#define RAMFC_SEM_PAYLOAD 0x40
#define RAMFC_SEM_STATE 0x44	/* last trigger; bit 19 acquire pending */
#define RAMFC_GPFIFO_LO 0x48	/* ring, GPU virtual */
#define RAMFC_GPFIFO_HI 0x4c	/* bits 0-7 address high, 16-20 log2 of entries */
#define RAMFC_GP_ENTRY_LO 0x54	/* entry being read */
#define RAMFC_GP_ENTRY_HI 0x58
#define RAMFC_PUT_LO 0x5c	/* end of the entry being read */
#define RAMFC_PUT_HI 0x60
#define RAMFC_DMA_STATE0 0x84	/* packet: 2-13 method, 16-18 subchannel, 29-31 operation */
#define RAMFC_DMA_STATE1 0x88	/* 0-12 words left */
#define RAMFC_SUBDEV 0x94	/* 0-11 mask, 16-27 stored mask, 28 active, 29 enabled */
#define RAMFC_SUBC_ENGINE 0xa4	/* 8 bytes: engine of subchannel i, 0x1f none */
#define RAMFC_CUR_ENGINE 0xac
#define RAMFC_METHOD 0xc0	/* 2-13 method, 16-18 subchannel, 31 valid */
#define RAMFC_DATA 0xc4
#define RAMFC_SIGNATURE_VALUE 0xfaceu	/* in the low 16 bits */
#define SEM_STATE_PENDING (1u << 19)
#define METHOD_VALID (1u << 31)
/* RAMFC_SEM_TIMEOUT: bit 31 on, 15-30 count, 11-14 shift, in units of 1024 ns. */
#define SEM_TIMEOUT_NONE 0xfffff902u	/* what nouveau writes: 36 minutes, here never */

/* Address space of the channel. */
#define INST_PDB_LO 0x200	/* directory address | bits 0-1 target as in a PTE | bit 2 volatile */
#define INST_PDB_HI 0x204
#define INST_LIMIT_LO 0x208	/* last valid address */
#define INST_LIMIT_HI 0x20c

/* Engine context pointers: GPU virtual, bit 2 valid; 64 bits each. */
#define INST_CTX_GR 0x210
#define INST_CTX_CE0 0x230
#define INST_CTX_CE1 0x240
#define INST_CTX_MSPDEC 0x250
#define INST_CTX_MSPPP 0x260
#define INST_CTX_MSVLD 0x270
#define INST_CTX_VALID (1u << 2)

/* USERD page. */
#define USERD_LEN 4096
#define USERD_PUT 0x40
#define USERD_GET 0x44
#define USERD_REF 0x48
#define USERD_PUT_HI 0x4c
#define USERD_MGET 0x58
#define USERD_MGET_HI 0x5c	/* bit 31 valid */
#define USERD_GET_HI 0x60
#define USERD_GP_GET 0x88
#define USERD_GP_PUT 0x8c	/* a CPU store here is the doorbell */

/* Runlist entry: word 0 channel id, word 1 is 4. */
#define RUNLIST_ENTRY_LEN 8
#define RUNLIST_WORD1 4u
#define RUNLIST_ADDR(v) ((uint64_t)((v)&0x0fffffffu) << 12)
#define RUNLIST_TARGET(v) (((v) >> 28) & 3u)
#define RUNLIST_COUNT(v) ((v)&0xfffu)
#define RUNLIST_STATUS_PENDING (1u << 20)

/* PFIFO_CHAN_INST, and every other register that names an instance block. */
#define CHAN_INST_VALID (1u << 31)
#define CHAN_INST_POLL (1u << 30)
#define CHAN_INST_ADDR(v) ((uint64_t)((v)&0x0fffffffu) << 12)
#define CHAN_STATE_RUNNABLE (1u << 0)
/*
 * Status bits of PFIFO_CHAN_STATE, read only [rnndb/fifo/gf100_pfifo.xml].  A
 * channel has finished all that its ring held when neither PENDING nor LOADED
 * reads 1 (CHAN_STATE_BUSY); a doorbell sets PENDING before its store returns.
 * It stays 1 while the channel waits for a semaphore, an engine, an error to be
 * cleared, or a place in the runlist.
 */
#define CHAN_STATE_ACQUIRE (1u << 4)	/* waits for a semaphore */
#define CHAN_STATE_LOADED (1u << 12)	/* on a PBDMA */
#define CHAN_STATE_PENDING (1u << 28)	/* has work left */
#define CHAN_STATE_BUSY (CHAN_STATE_LOADED | CHAN_STATE_PENDING)
/* PFIFO_ENG_STATUS; 0 when idle.  Bits 31 and 28 are busy to 6.1 and to 6.12. */
#define ENG_STATUS_BUSY ((1u << 31) | (1u << 28))
/* A context switch that does not end: 18 and 12 to 6.1, 14 and 12 to 6.12 [fifo/gf100.c]. */
#define ENG_STATUS_HUNG ((1u << 18) | (1u << 14) | (1u << 12))
#define ENG_STATUS_FAULTED (1u << 24)
#define ENG_STATUS_CHID(v) ((v)&0x7fu)
/* PFIFO_KICK. */
#define KICK_PENDING (1u << 20)
/* PBDMA_CHID: bit 8, a channel is loaded. */
#define PBDMA_CHID_ACTIVE (1u << 8)
/* PFIFO_RUNLIST_INTR. */
#define RUNLIST_INTR_DONE (1u << 28)
/* PFIFO_FAULT_TRIGGER: bits 0-4 MMU unit to blame, 8 go. */
#define FAULT_TRIGGER_GO (1u << 8)
#define FAULT_TRIGGER_UNIT(v) ((v)&0x1fu)

/* PFIFO_USERD_BASE: bit 28 valid. */
#define USERD_BASE_VALID (1u << 28)
#define USERD_BASE_ADDR(v) ((uint64_t)((v)&0x0fffffffu) << 12)

/*
 * Indirect-buffer (GPFIFO) entry: bits 2-39 address, 40 privileged, 41 not main,
 * 42-62 dwords, 63 no prefetch.  With 0 dwords bits 32-39 are an operation: 0
 * nothing, 1 illegal, 2 and 3 checksums [include/nvhw/class/cl906f.h].
 */
#define GP_ENTRY_LEN 8
#define GP_ENTRY_UNK1 (1ull << 1)
#define GP_ENTRY_NOT_MAIN (1ull << 41)
/* Not fetched before the entries ahead of it are done [drm/nouveau/nouveau_dma.c]. */
#define GP_ENTRY_NO_PREFETCH (1ull << 63)
static inline uint32_t gp_entry_op(uint64_t e)
{
	return (uint32_t)bits_get(e, 39, 32);
}
static inline uint64_t gp_entry_addr(uint64_t e)
{
	return bits_get(e, 39, 2) << 2;
}
static inline uint32_t gp_entry_dwords(uint64_t e)
{
	return (uint32_t)bits_get(e, 62, 42);
}
static inline uint64_t gp_entry_pack(uint64_t va, uint32_t dwords)
{
	return bits_put(va >> 2, 39, 2) | bits_put(dwords, 62, 42);
}

#endif
