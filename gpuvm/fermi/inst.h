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
#define RAMFC_GET_LO 0x44	/* where the pusher stands */
#define RAMFC_GPFIFO_LO 0x48	/* ring, GPU virtual */
#define RAMFC_GPFIFO_HI 0x4c	/* bits 0-7 address high, 16-20 log2 of entries */
#define RAMFC_GET_HI 0x60
#define RAMFC_SIGNATURE_VALUE 0xfaceu

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

/* PFIFO_USERD_BASE: bit 28 valid. */
#define USERD_BASE_VALID (1u << 28)
#define USERD_BASE_ADDR(v) ((uint64_t)((v)&0x0fffffffu) << 12)

/* Indirect-buffer (GPFIFO) entry: bits 2-39 address, 41 not main, 42-62 dwords, 63 no prefetch. */
#define GP_ENTRY_LEN 8
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
