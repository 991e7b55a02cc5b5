// SPDX-License-Identifier: MIT
/*
 * The vGPU's PCI configuration space: a Quadro 6000's header with power
 * management (0x60), MSI (0x68) and PCI Express (0x78).
 *
 * Always true: each byte has its own mask of bits that a write may change, so
 * an access of any size and alignment changes exactly the writable bits of the
 * bytes it covers and nothing beside them.  Extended space reads 0.
 */
#include <errno.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/units.h"

#define CONFIG_LEN 256u
#define CONFIG_EXT_LEN 4096u
#define AT_COMMAND 0x04
#define COMMAND_MEMORY (1u << 1)
#define COMMAND_MASTER (1u << 2)
#define AT_PM_STATE 0x64
#define PM_STATE_MASK 3u

struct pcicfg {
	uint8_t byte[CONFIG_LEN];
};

/*
 * Dwords that are not 0 for ever: value after reset, bits a write changes, bits
 * that writing 1 clears.  [gxen device registers; PCI 3.0, PCI Express 2.0]
 */
static const struct config_word {
	uint16_t at;
	uint32_t reset, writable, w1c;
} words[] = {
	{ 0x00, (uint32_t)GF100_PCI_DEVICE << 16 | GF100_PCI_VENDOR, 0, 0 },
	{ 0x04, 0x00100000, 0x00000547, 0xf9000000 }, /* command; status: capability list */
	{ 0x08, 0x030000a3, 0, 0 },		      /* VGA controller, revision a3 */
	{ 0x0c, 0, 0x000000ff, 0 },
	{ 0x10, 0, ~(GF100_BAR0_LEN - 1), 0 },
	{ 0x14, 0xc, ~(GF100_BAR1_LEN - 1), 0 }, /* 64-bit, prefetchable */
	{ 0x18, 0, 0xffffffff, 0 },
	{ 0x1c, 0xc, ~(GF100_BAR3_LEN - 1), 0 }, /* 64-bit, prefetchable */
	{ 0x20, 0, 0xffffffff, 0 },
	{ 0x24, 0x1, 0xffffff80, 0 },		 /* 128 bytes of I/O */
	{ 0x2c, (uint32_t)GF100_PCI_DEVICE << 16 | GF100_PCI_VENDOR, 0, 0 },
	{ 0x30, 0, 0xfff80001, 0 },		 /* ROM, 512 KiB */
	{ 0x34, 0x60, 0, 0 },
	{ 0x3c, 0x00000100, 0x000000ff, 0 },	 /* INTA */
	{ 0x50, 0x1, 0x1, 0 },			 /* ROM shadow: hides PROM */
	{ 0x60, 0x00036801, 0, 0 },		 /* power management 3, then 0x68 */
	{ 0x64, 0x8, PM_STATE_MASK, 0 },	 /* no soft reset on the way back to D0 */
	{ 0x68, 0x00807805, 0x00010000, 0 },	 /* MSI: 64-bit, one message, then 0x78 */
	{ 0x6c, 0, 0xfffffffc, 0 },
	{ 0x70, 0, 0xffffffff, 0 },
	{ 0x74, 0, 0x0000ffff, 0 },
	{ 0x78, 0x00020010, 0, 0 },		 /* PCI Express 2, endpoint, last */
	{ 0x7c, 0x00008020, 0, 0 },		 /* extended tags, role-based errors; no reset */
	{ 0x80, 0x00002810, 0x00007fff, 0x000f0000 },
	{ 0x84, 0x00000102, 0, 0 },		 /* x16, 5 GT/s */
	{ 0x88, 0x01020000, 0x000001c3, 0 },	 /* running at that */
	{ 0xa8, 0x00000002, 0x0000000f, 0 },
};

static void put32(struct pcicfg *c, uint32_t at, uint32_t val)
{
	for (uint32_t b = 0; b < 4; b++)
		c->byte[at + b] = (uint8_t)(val >> 8 * b);
}

void pcicfg_reset(struct vgpu *v)
{
	struct pcicfg *c = v->pci;

	memset(c->byte, 0, sizeof(c->byte));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		put32(c, words[i].at, words[i].reset);
	if (!v->cfg.pci_off)
		c->byte[AT_COMMAND] |= COMMAND_MEMORY | COMMAND_MASTER;
}

int pcicfg_new(struct vgpu *v)
{
	v->pci = mem_new(struct pcicfg);
	if (!v->pci)
		return -ENOMEM;
	pcicfg_reset(v);
	return 0;
}

void pcicfg_free(struct vgpu *v)
{
	mem_free(v->pci);
	v->pci = NULL;
}

bool pcicfg_decodes(const struct vgpu *v)
{
	return v->pci->byte[AT_COMMAND] & COMMAND_MEMORY &&
	       !(v->pci->byte[AT_PM_STATE] & PM_STATE_MASK);
}

static uint8_t rd8(const struct vgpu *v, uint32_t at)
{
	return at < CONFIG_LEN ? v->pci->byte[at] : 0;
}

uint32_t pcicfg_rd32(const struct vgpu *v, uint32_t at)
{
	return (uint32_t)rd8(v, at) | (uint32_t)rd8(v, at + 1) << 8 |
	       (uint32_t)rd8(v, at + 2) << 16 | (uint32_t)rd8(v, at + 3) << 24;
}

void pcicfg_moved(struct vgpu *v)
{
	if (v->shadow && shadow_window_close(v->shadow, v->failed || !pcicfg_decodes(v)))
		vgpu_fault(v, "its BARs cannot be made to trap");
}

void pcicfg_wr8(struct vgpu *v, uint32_t at, uint8_t val)
{
	unsigned int shift = (at & 3) * 8;

	for (size_t i = 0; at < CONFIG_LEN && i < ARRAY_SIZE(words); i++) {
		uint8_t w = (uint8_t)(words[i].writable >> shift);
		uint8_t c = (uint8_t)(words[i].w1c >> shift);
		uint8_t *b = &v->pci->byte[at];

		if (words[i].at == (at & ~3u))
			*b = (uint8_t)((*b & ~w & ~(val & c)) | (val & w));
	}
	if (at == AT_COMMAND || at == AT_PM_STATE)
		pcicfg_moved(v);
}

static int check(struct vgpu *v, uint32_t off, uint8_t size)
{
	if (mmio_size_ok(size) && range_ok(off, size, CONFIG_EXT_LEN))
		return 0;
	vgpu_fault(v, "access of %u bytes at configuration space+0x%x", size, off);
	return -EINVAL;
}

int vgpu_cfg_rd(struct vgpu *v, uint32_t off, uint8_t size, uint64_t *val)
{
	int err = check(v, off, size);

	*val = err ? mmio_ones(size) : 0;
	for (uint32_t b = 0; !err && b < size; b++)
		*val |= (uint64_t)rd8(v, off + b) << 8 * b;
	return err;
}

int vgpu_cfg_wr(struct vgpu *v, uint32_t off, uint8_t size, uint64_t val)
{
	int err = check(v, off, size);

	for (uint32_t b = 0; !err && b < size; b++)
		pcicfg_wr8(v, off + b, (uint8_t)(val >> 8 * b));
	return err;
}
