// SPDX-License-Identifier: MIT
/*
 * PPCI: the card's PCI configuration space as BAR0 shows it, and the MSI
 * re-arm.  Always true: a bit that configuration space has as read-only keeps
 * its value, whatever is written; the BAR registers answer the usual sizing
 * write of all ones.
 * Capabilities stand where the card has them (PM 0x60, MSI 0x68, PCIe 0x78);
 * bus addresses in the BARs are made up, as no bus is modelled.
 * Sources: PCI 3.0 and PCI Express 2.0; nvkm/subdev/pci/{gf100,g84}.c for what
 * drivers look at.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/private.h"

#define PPCI(off) (NV_PPCI_CONFIG + (off))

/* Dwords of configuration space: value after reset, and the bits that a write may change. */
static const struct config_word {
	uint32_t off, val, writable;
} config[] = {
	{ 0x00, (uint32_t)GF100_PCI_DEVICE << 16 | GF100_PCI_VENDOR, 0 },
	{ 0x04, 0x00100007, 0x00000547 }, /* command: io, memory, master; capability list */
	{ 0x08, 0x030000a3, 0 },	  /* VGA controller, revision */
	{ 0x0c, 0x00000000, 0x000000ff },
	{ 0x10, 0xf8000000, ~(GF100_BAR0_LEN - 1) },
	{ 0x14, 0xe000000c, ~(GF100_BAR1_LEN - 1) }, /* 64-bit, prefetchable */
	{ 0x18, 0x00000000, 0xffffffff },
	{ 0x1c, 0xf000000c, ~(GF100_BAR3_LEN - 1) },
	{ 0x20, 0x00000000, 0xffffffff },
	{ 0x24, 0x0000e001, 0xffffff80 }, /* BAR5: 128 bytes of I/O */
	{ 0x2c, 0x076f10de, 0 },
	{ 0x30, 0x00000000, 0xfff80001 }, /* ROM, 512 KiB */
	{ 0x34, 0x00000060, 0 },
	{ 0x3c, 0x00000100, 0x000000ff }, /* INTA */
	{ 0x50, 0x00000001, 0x00000001 }, /* ROM shadow on */
	{ 0x60, 0x00036801, 0 },	  /* power management, then 0x68 */
	{ 0x64, 0x00000008, 0x00000003 },
	{ 0x68, 0x00807805, 0x00710000 }, /* MSI, 64-bit, then 0x78 */
	{ 0x6c, 0x00000000, 0xfffffffc },
	{ 0x70, 0x00000000, 0xffffffff },
	{ 0x74, 0x00000000, 0x0000ffff },
	{ 0x78, 0x00020010, 0 }, /* PCI Express 2, endpoint, last */
	{ 0x7c, 0x00008de0, 0 }, /* extended tags (bit 5) */
	{ 0x80, 0x00002910, 0x0000ffff },
	{ 0x84, 0x00043d02, 0 },	   /* x16, 5 GT/s */
	{ 0x88, 0x11020000, 0x0000ffff },  /* running at that */
	{ 0x460, 0x00002200, 0xffffffff }, /* 5 GT/s wanted */
};

void ppci_reset(struct sim *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(config); i++)
		sim_reg_store(s, PPCI(config[i].off), config[i].val);
}

static uint32_t writable(uint32_t off)
{
	for (size_t i = 0; i < ARRAY_SIZE(config); i++)
		if (PPCI(config[i].off) == off)
			return config[i].writable;
	return 0xffffffff;
}

static void ppci_wr(struct sim *s, uint32_t off, uint32_t val)
{
	uint32_t mask = writable(off);

	/* Drivers store the one byte 0xff; a dword with that low byte is as good. */
	if (off == NV_PPCI_MSI_REARM) {
		if ((val & 0xff) == 0xff)
			sim_intr_rearm(s);
		return;
	}
	sim_reg_store(s, off, (sim_reg_load(s, off) & ~mask) | (val & mask));
}

const struct sim_unit ppci_units[] = {
	{ "PPCI", 0x088000, 0x088ffc, NULL, ppci_wr },
	{ 0 },
};
