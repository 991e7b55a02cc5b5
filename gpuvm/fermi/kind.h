/* SPDX-License-Identifier: MIT */
/*
 * Storage kinds, the PTE field that says how memory is laid out and compressed.
 * Sources: rnndb/memory/gf100_vm.xml (GF100_STORAGE_TYPE),
 * nvkm/subdev/mmu/gf100.c.
 */
#ifndef GPUVM_FERMI_KIND_H
#define GPUVM_FERMI_KIND_H

#include <stdbool.h>
#include <stdint.h>

#define KIND_PITCH 0x00
#define KIND_PITCH_FD 0xfd /* pitch variant, UNK */
#define KIND_TILED 0xfe	   /* generic block-linear */
#define KIND_INVALID 0xff

/*
 * The kind without compression that k folds to (k itself if it has none), KIND_INVALID if k is no
 * kind.
 */
uint8_t kind_base(uint8_t k);

static inline bool kind_known(uint8_t k)
{
	return kind_base(k) != KIND_INVALID;
}
/* Compressed kinds exist in VRAM only. */
static inline bool kind_compressed(uint8_t k)
{
	return kind_known(k) && kind_base(k) != k;
}

#endif
