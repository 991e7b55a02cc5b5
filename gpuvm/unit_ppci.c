// SPDX-License-Identifier: MIT
/*
 * PPCI: the vGPU's PCI configuration space as its BAR0 shows it.  Always true:
 * the first 256 bytes are the same bytes as configuration space itself, with
 * the same read-only bits; what follows is storage.
 */
#include "gpuvm/units.h"

#define CONFIG_LEN 256u

uint32_t unit_ppci_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	return i * 4 < CONFIG_LEN ? pcicfg_rd32(v, i * 4) : vgpu_reg_load(v, off);
}

void unit_ppci_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	if (i * 4 >= CONFIG_LEN) {
		vgpu_reg_store(v, off, val);
		return;
	}
	for (uint32_t b = 0; b < 4; b++)
		pcicfg_wr8(v, i * 4 + b, (uint8_t)(val >> 8 * b));
}
