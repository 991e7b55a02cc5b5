// SPDX-License-Identifier: MIT
/*
 * What a vGPU says about itself: chip, fuses, partitions, VBIOS.
 *
 * Always true: the registers that tell the memory size agree with each other
 * and add up to exactly the part's VRAM, in 1 to 6 equal partitions: unequal
 * ones or none at all make drivers divide by zero or split memory oddly.
 */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/units.h"

/* The most partitions a GF100 has. */
#define MAX_FBPS 6u
/* Display, video decoders: a guest's card has none, whatever the real one has. */
#define FUSED_OFF 0x00000007u

uint32_t unit_boot0_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)off;
	(void)i;
	return v->g->dev->info.boot0;
}

uint32_t unit_fuses_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)i;
	return dev_rd32(v->g->dev, off) | FUSED_OFF;
}

uint32_t unit_fbp_count(uint64_t vram_len)
{
	uint64_t mib = vram_len >> 20;
	uint32_t n = MAX_FBPS;

	while (mib % n)
		n--;
	return n;
}

uint32_t unit_fbp_count_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)off;
	(void)i;
	return unit_fbp_count(part_vram_len(v->part));
}

uint32_t unit_fbp_mib_common_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	uint64_t len = part_vram_len(v->part);

	(void)off;
	(void)i;
	return (uint32_t)((len >> 20) / unit_fbp_count(len));
}

uint32_t unit_fbp_mib_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	return i < unit_fbp_count(part_vram_len(v->part)) ? unit_fbp_mib_common_rd(v, off, 0) : 0;
}

#define ROM_SHADOW 0x50

/* As the card's: nothing while the ROM shadow hides it, erased flash past the image. */
uint32_t unit_prom_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	uint32_t w = ~0u;

	(void)off;
	if (pcicfg_rd32(v, ROM_SHADOW) & 1)
		return 0;
	if (i < VBIOS_LEN / 4)
		memcpy(&w, v->units->prom + i * 4, 4);
	return w;
}

void unit_rom_build(uint8_t rom[VBIOS_LEN])
{
	static const struct vbios_id id = {
		.pci_vendor = GF100_PCI_VENDOR,
		.pci_device = GF100_PCI_DEVICE,
		.version = { 0x70, 0, 0, 0, 1 },
	};

	vbios_build(rom, &id);
}

void unit_identity_init(struct vgpu *v)
{
	unit_rom_build(v->units->prom);
}
