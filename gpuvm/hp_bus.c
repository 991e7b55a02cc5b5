// SPDX-License-Identifier: MIT
/*
 * The bus of the driver core that runs here for an hp-pv guest: registers are
 * the vGPU's own, reached by a call instead of a trap; page tables are the
 * mediator's, changed operation by operation; VRAM is the guest's part.
 *
 *  1. What the driver does passes the same checks as a guest's own driver: it
 *     can do nothing that a naive-pv guest could not.
 *  2. System memory is only what the guest gave for it: HP_HOST_LEN bytes
 *     behind the ring's header, handed out once.
 */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/hp_private.h"
#include "gpuvm/pv.h"
#include "gpuvm/units.h"

#define PAGE 4096u

static struct hp_bus *hp_bus(struct bus *b)
{
	return container_of(b, struct hp_bus, bus);
}

static void bus_none(struct bus *b)
{
	(void)b;
}

static uint32_t bus_reg_rd(struct bus *b, uint32_t reg)
{
	uint64_t v = 0;

	vgpu_mmio_rd(hp_bus(b)->vgpu, reg, 4, &v);
	return (uint32_t)v;
}

static void bus_reg_wr(struct bus *b, uint32_t reg, uint32_t val)
{
	vgpu_mmio_wr(hp_bus(b)->vgpu, reg, 4, val);
}

static void bus_reg_wr8(struct bus *b, uint32_t reg, uint8_t val)
{
	vgpu_mmio_wr(hp_bus(b)->vgpu, reg, 1, val);
}

/* The driver touches no more of a BAR than a channel's USERD words: the rest is VRAM it moves itself. */
static void bus_bar_rd(struct bus *b, int bar, uint64_t off, void *buf, size_t len)
{
	uint64_t v = 0;

	if (bar == 1 && len == 4)
		vgpu_bar1_rd(hp_bus(b)->vgpu, (uint32_t)off, 4, &v);
	memcpy(buf, &v, len < sizeof v ? len : sizeof v);
}

static void bus_bar_wr(struct bus *b, int bar, uint64_t off, const void *buf, size_t len)
{
	uint32_t v;

	if (bar != 1 || len != 4)
		return;
	memcpy(&v, buf, sizeof v);
	vgpu_bar1_wr(hp_bus(b)->vgpu, (uint32_t)off, 4, v);
}

static uint64_t bus_bar_len(struct bus *b, int bar)
{
	(void)b;
	switch (bar) {
	case 0: return GF100_BAR0_LEN;
	case 1: return GF100_BAR1_LEN;
	case 3: return GF100_BAR3_LEN;
	default: return 0;
	}
}

static int bus_mem_alloc(struct bus *b, uint64_t len, struct bus_mem *out)
{
	struct hp_bus *h = hp_bus(b);

	len = align_up(len, PAGE);
	if (len > HP_HOST_LEN - h->used)
		return -ENOMEM;
	*out = (struct bus_mem){ .cpu = h->mem + h->used, .addr = h->gpa + h->used, .len = len };
	memset(out->cpu, 0, len);
	h->used += (uint32_t)len;
	return 0;
}

static void bus_mem_free(struct bus *b, struct bus_mem *m)
{
	(void)b;
	*m = (struct bus_mem){ 0 };
}

static void bus_vram_rd(struct bus *b, uint64_t addr, void *buf, size_t len)
{
	if (aperture_vram_rd(hp_bus(b)->vgpu, addr, buf, len))
		memset(buf, 0, len);
}

static void bus_vram_wr(struct bus *b, uint64_t addr, const void *buf, size_t len)
{
	struct vgpu *v = hp_bus(b)->vgpu;

	if (aperture_vram_wr(v, addr, buf, len))
		vgpu_fault(v, "its driver wrote outside its VRAM");
}

static int bus_pv_op(struct bus *b, const struct pv_op *op, uint32_t *value)
{
	return vgpu_pv_op(hp_bus(b)->vgpu, op, value);
}

static const struct bus_ops ops = {
	.name = "vgpu",
	.close = bus_none,
	.rd32 = bus_reg_rd,
	.wr32 = bus_reg_wr,
	.wr8 = bus_reg_wr8,
	.bar_rd = bus_bar_rd,
	.bar_wr = bus_bar_wr,
	.bar_len = bus_bar_len,
	.mem_alloc = bus_mem_alloc,
	.mem_free = bus_mem_free,
	.vram_rd = bus_vram_rd,
	.vram_wr = bus_vram_wr,
	.pv_op = bus_pv_op,
};

void hp_bus_init(struct hp_bus *h, struct vgpu *v, uint64_t gpa, uint8_t *mem)
{
	*h = (struct hp_bus){ .bus = { &ops }, .vgpu = v, .gpa = gpa, .mem = mem };
}
