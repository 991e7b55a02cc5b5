/* SPDX-License-Identifier: MIT */
/*
 * MMU fault units and reasons, as numbers and as words.
 * Sources: nvkm/engine/fifo/gf100.c, rnndb/memory/gf100_vm.xml.
 */
#ifndef GPUVM_FERMI_FAULT_H
#define GPUVM_FERMI_FAULT_H

#include <stdint.h>

enum fault_unit {
	FAULT_UNIT_PGRAPH = 0x00,
	FAULT_UNIT_PEEPHOLE = 0x03,
	FAULT_UNIT_BAR1 = 0x04,
	FAULT_UNIT_BAR3 = 0x05,
	FAULT_UNIT_PBDMA0 = 0x07,
	FAULT_UNIT_PBDMA1 = 0x08,
	FAULT_UNIT_PBDMA2 = 0x09,
	FAULT_UNIT_MSVLD = 0x10,
	FAULT_UNIT_MSPPP = 0x11,
	FAULT_UNIT_MSPDEC = 0x14,
	FAULT_UNIT_CE0 = 0x15,
	FAULT_UNIT_CE1 = 0x16,
	FAULT_UNIT_PMU = 0x17,
	NR_FAULT_UNITS = 32,
};

enum fault_reason {
	FAULT_PT_NOT_PRESENT = 0x0,
	FAULT_PT_TOO_SHORT = 0x1,
	FAULT_PAGE_NOT_PRESENT = 0x2,
	FAULT_VM_LIMIT = 0x3,
	FAULT_NO_CHANNEL = 0x4,
	FAULT_PRIVILEGED = 0x5,
	FAULT_READ_ONLY = 0x6,
	FAULT_COMPRESSED_SYSRAM = 0xa,
	FAULT_BAD_KIND = 0xc,
	FAULT_NONE = 0xff, /* ours: no fault */
};

/* Hub clients, the client field of a fault with the hub bit [rnndb/memory/gf100_vm.xml]. */
enum fault_client {
	FAULT_CLIENT_PCOPY0 = 0x01,
	FAULT_CLIENT_PCOPY1 = 0x02,
	FAULT_CLIENT_DISPATCH = 0x04,
	FAULT_CLIENT_CTXCTL = 0x05,
	FAULT_CLIENT_PFIFO = 0x06,
	FAULT_CLIENT_BAR = 0x07,
};

/* PFIFO_MMU_FAULT_INFO. */
#define FAULT_INFO_REASON(v) ((v)&0xfu)
#define FAULT_INFO_HUB (1u << 6)
#define FAULT_INFO_WRITE (1u << 7)
#define FAULT_INFO_CLIENT(v) (((v) >> 8) & 0x1fu)
#define FAULT_INFO_GPC(v) (((v) >> 24) & 0x1fu)

/* Short words for messages; "UNK" for what is not known. */
const char *fault_unit_name(uint32_t unit);
const char *fault_reason_name(uint32_t reason);

#endif
