/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the core stand on: a mediator on the software GPU with a
 * clock moved by hand, two guests of the null hypervisor, and the loads and
 * stores those guests make.
 */
#ifndef TESTS_UNIT_CORE_RIG_H
#define TESTS_UNIT_CORE_RIG_H

#include <string.h>

#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/null.h"
#include "gpuvm/mmio.h"
#include "gpuvm/units.h"

#define RIG_VRAM (64ull << 20)
#define RIG_RAM (8ull << 20)

struct rig {
	struct gpuvm *g;
	struct hv *hv;
	struct hv_guest *hg[2];
	struct vgpu *v[2];
};

/* Shadowing options and mode of the guests that come next. */
static uint32_t rig_opts;
static enum vgpu_mode rig_mode = VGPU_FULL;

static inline void rig_guest(struct rig *r, int i, bool pci_off)
{
	const struct vgpu_cfg cfg = { .mode = rig_mode,
				      .vram_len = RIG_VRAM,
				      .shadow_opts = rig_opts,
				      .pci_off = pci_off };

	assert_int_equal(hv_null_guest_new(r->hv, i ? "b" : "a", RIG_RAM, &cfg, &r->hg[i]), 0);
	r->v[i] = r->hg[i]->vgpu;
	assert_non_null(r->v[i]);
}

static inline void rig_open_on(struct rig *r, const char *spec)
{
	const struct gpuvm_cfg cfg = { 0 };
	struct dev *dev;
	char msg[256] = "";

	memset(r, 0, sizeof(*r));
	if (dev_open(spec, NULL, &dev, msg, sizeof(msg)) ||
	    gpuvm_new(dev, &cfg, &r->g, msg, sizeof(msg)))
		fail_msg("%s", msg);
	assert_int_equal(hv_null_open(&gpuvm_up, r->g, NULL, &r->hv), 0);
	gpuvm_set_hv(r->g, r->hv);
}

static inline void rig_open(struct rig *r)
{
	rig_open_on(r, "sim:vram=256M,clock=manual");
}

static inline int rig_setup(void **state)
{
	struct rig *r = test_calloc(1, sizeof(*r));

	rig_open(r);
	rig_guest(r, 0, false);
	rig_guest(r, 1, false);
	*state = r;
	return 0;
}

static inline int rig_teardown(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 2; i++)
		hv_null_guest_free(r->hg[i]);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	gpuvm_free(r->g);
	test_free(r);
	return 0;
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

/* Loads and stores of guest i; the answer of the access goes to *err if that is not NULL. */
static inline uint64_t ld(struct rig *r, int i, enum hv_space s, uint32_t off, uint8_t size, int *err)
{
	uint64_t v = 0x5a5a5a5a5a5a5a5aull;
	int e = hv_null_access(r->hg[i], s, off, size, false, &v);

	if (err)
		*err = e;
	return v;
}

static inline int st(struct rig *r, int i, enum hv_space s, uint32_t off, uint8_t size, uint64_t v)
{
	return hv_null_access(r->hg[i], s, off, size, true, &v);
}

static inline uint32_t rd(struct rig *r, int i, uint32_t off)
{
	return (uint32_t)ld(r, i, HV_BAR0, off, 4, NULL);
}

static inline void wr(struct rig *r, int i, uint32_t off, uint32_t val)
{
	st(r, i, HV_BAR0, off, 4, val);
}

/* Guest VRAM through PRAMIN, as a driver does before it has a BAR3. */
static inline void vram_wr32(struct rig *r, int i, uint64_t at, uint32_t val)
{
	wr(r, i, NV_PBUS_PRAMIN_BASE, (uint32_t)(at >> 20) << 4);
	wr(r, i, NV_PRAMIN + (at & 0xfffff), val);
}

static inline uint32_t vram_rd32(struct rig *r, int i, uint64_t at)
{
	wr(r, i, NV_PBUS_PRAMIN_BASE, (uint32_t)(at >> 20) << 4);
	return rd(r, i, NV_PRAMIN + (at & 0xfffff));
}

static inline void vram_wr64(struct rig *r, int i, uint64_t at, uint64_t val)
{
	vram_wr32(r, i, at, lo32(val));
	vram_wr32(r, i, at + 4, hi32(val));
}

/*
 * An address space for a BAR of guest i in its VRAM: instance block at inst,
 * directory at inst + 64 KiB, one table of small pages at inst + 256 KiB.
 */
static inline void space_make(struct rig *r, int i, uint64_t inst, uint64_t limit)
{
	uint64_t dir = inst + 0x10000, table = inst + 0x40000;

	vram_wr64(r, i, inst + INST_PDB_LO, dir);
	vram_wr64(r, i, inst + INST_LIMIT_LO, limit);
	vram_wr64(r, i, dir, pde_pack_small(PDE_VRAM, table));
}

static inline void space_map(struct rig *r, int i, uint64_t inst, uint32_t page, uint64_t pte)
{
	vram_wr64(r, i, inst + 0x40000 + page * 8ull, pte);
}

static inline void space_bind(struct rig *r, int i, int bar, uint64_t inst)
{
	wr(r, i, bar == 1 ? NV_PBUS_BAR1_BLOCK : NV_PBUS_BAR3_BLOCK,
	   CHAN_INST_VALID | (uint32_t)(inst >> 12));
}

#endif
