// SPDX-License-Identifier: MIT
/* One guest with the whole card: what it reaches, who is kept out, and what it leaves behind. */
#include "tests/t.h"

#include "gpuvm/host.h"
#include "tests/unit/core/raw.h"

static const struct vgpu_cfg whole = { .mode = VGPU_PASSTHROUGH };
static const struct vgpu_cfg part_of_it = { .mode = VGPU_FULL, .vram_len = 16 << 20 };

static int open_empty(void **state)
{
	struct rig *r = test_calloc(1, sizeof *r);

	rig_open(r);
	*state = r;
	return 0;
}

static int close_all(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 2; i++)
		if (r->hg[i])
			hv_null_guest_free(r->hg[i]);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	gpuvm_free(r->g);
	test_free(r);
	return 0;
}

static void attach(struct rig *r)
{
	assert_int_equal(hv_null_guest_new(r->hv, "p", RIG_RAM, &whole, &r->hg[0]), 0);
	r->v[0] = r->hg[0]->vgpu;
}

static void test_not_beside_others(void **state)
{
	struct rig *r = *state;
	struct hv_guest *hg = NULL;

	rig_guest(r, 1, false);
	assert_int_equal(hv_null_guest_new(r->hv, "p", RIG_RAM, &whole, &hg), -EBUSY);
	hv_null_guest_free(r->hg[1]);
	r->hg[1] = NULL;
	attach(r);
	assert_int_equal(hv_null_guest_new(r->hv, "q", RIG_RAM, &whole, &hg), -EBUSY);
	assert_int_equal(hv_null_guest_new(r->hv, "q", RIG_RAM, &part_of_it, &hg), -EBUSY);
	assert_int_equal(r->g->nr_vgpus, 1);
	assert_ptr_equal(r->g->passthrough, r->v[0]);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static void test_registers_are_the_cards(void **state)
{
	struct rig *r = *state;
	const uint64_t at = 64ull << 20;
	uint32_t v;

	attach(r);
	assert_int_equal(rd(r, 0, NV_PMC_BOOT_0), GF100_BOOT_0);
	wr(r, 0, NV_PFB_SYSMEM_FLUSH, 0x123456);
	assert_int_equal(dev_rd32(r->g->dev, NV_PFB_SYSMEM_FLUSH), 0x123456);
	wr(r, 0, NV_PBUS_PRAMIN_BASE, (uint32_t)(at >> 16));
	wr(r, 0, NV_PRAMIN + 0x40, 0xabcd1234);
	dev_vram_rd(r->g->dev, hvram(at + 0x40), &v, 4);
	assert_int_equal(v, 0xabcd1234);
	/* Unaligned and wide accesses. */
	assert_int_equal(ld(r, 0, HV_BAR0, NV_PRAMIN + 0x41, 2, NULL), 0xcd12);
	st(r, 0, HV_BAR0, NV_PRAMIN + 0x41, 1, 0xee);
	assert_int_equal(rd(r, 0, NV_PRAMIN + 0x40), 0xabcdee34);
}

static void test_edges_of_the_bars(void **state)
{
	static const struct {
		enum hv_space s;
		uint32_t off;
		uint8_t size;
		int want;
	} t[] = {
		{ HV_BAR0, GF100_MMIO_LEN - 4, 4, 0 },
		{ HV_BAR0, GF100_MMIO_LEN, 4, -EINVAL },
		{ HV_BAR0, GF100_MMIO_LEN - 2, 4, -EINVAL },
		{ HV_BAR0, 0xfffffffc, 4, -EINVAL },
		{ HV_BAR0, 0, 3, -EINVAL },
		{ HV_BAR0, 0, 0, -EINVAL },
		{ HV_BAR0, 0, 255, -EINVAL },
		{ HV_BAR1, GF100_BAR1_LEN, 8, -EINVAL },
		{ HV_BAR1, GF100_BAR1_LEN - 4, 8, -EINVAL },
		{ HV_BAR3, GF100_BAR3_LEN, 1, -EINVAL },
		{ HV_BAR3, 0xffffffff, 8, -EINVAL },
		{ HV_BAR_PV, 0, 4, -EINVAL },
	};
	struct rig *r = *state;

	attach(r);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct hv_access a = { .space = t[i].s, .off = t[i].off, .size = t[i].size };

		assert_int_equal(vgpu_access(r->v[0], &a), t[i].want);
		a.write = true;
		a.val = 0;
		assert_int_equal(vgpu_access(r->v[0], &a), t[i].want);
	}
}

static void test_interrupt_is_forwarded(void **state)
{
	struct rig *r = *state;
	unsigned int before;

	attach(r);
	before = hv_null_irqs(r->hg[0]);
	wr(r, 0, NV_PMC_INTR_EN, 1);
	wr(r, 0, NV_PTIMER_INTR_EN, 1);
	wr(r, 0, NV_PTIMER_ALARM, rd(r, 0, NV_PTIMER_TIME_LO) + 4096);
	raw_run(r, 5);
	assert_true(hv_null_irqs(r->hg[0]) > before);
	/* Nobody but the guest acknowledges. */
	assert_true(dev_rd32(r->g->dev, NV_PMC_INTR) & PMC_INTR_PTIMER);
}

/* Secrets of a shared guest are gone before, its own after, and the mediator works as before. */
static void test_memory_before_and_after(void **state)
{
	struct rig *r = *state;
	uint64_t heap = vheap_used(r->g->heap);
	struct raw c;
	uint32_t w;

	rig_guest(r, 1, false);
	vram_wr32(r, 1, 0x200000, 0x5ec4e7);
	hv_null_guest_free(r->hg[1]);
	r->hg[1] = NULL;
	attach(r);
	for (uint64_t at = 0; at < r->g->dev->info.vram_len; at += 4096) {
		dev_vram_rd(r->g->dev, hvram(at), &w, 4);
		assert_int_equal(w, 0);
		w = 0x5ec4e7;
		if (at % (1 << 20) == 0)
			dev_vram_wr(r->g->dev, hvram(at), &w, 4);
	}
	hv_null_guest_free(r->hg[0]);
	r->hg[0] = NULL;
	assert_null(r->g->passthrough);
	assert_int_equal(vheap_used(r->g->heap), heap);
	rig_guest(r, 1, false);
	for (uint64_t at = 0; at < RIG_VRAM; at += 1 << 20)
		assert_int_equal(vram_rd32(r, 1, at), 0);
	raw_start(&c, r, 1, 5, 0x100000);
	raw_fence(&c);
	raw_submit(&c);
	assert_true(raw_wait(&c));
}

static void test_its_ram_is_at_its_own_addresses(void **state)
{
	struct rig *r = *state;
	uint32_t *ram;

	attach(r);
	assert_int_equal(r->v[0]->nr_ram, 1);
	assert_int_equal(dma_x(r->v[0]->ram[0].dma), 0);
	ram = hv_null_ram(r->hg[0]);
	ram[0x3000 / 4] = 0xfeed;
	/* BAR3 through a table of the guest's own: one page of system memory. */
	uint64_t inst = 0x200000, pte = raw_pte_sys(0x3000);
	uint64_t pde = pde_pack_small(PDE_VRAM, inst + 0x2000);
	uint64_t vm[2] = { inst + 0x1000, 0xffff };

	dev_vram_wr(r->g->dev, hvram(inst + INST_PDB_LO), vm, sizeof vm);
	dev_vram_wr(r->g->dev, hvram(inst + 0x1000), &pde, 8);
	dev_vram_wr(r->g->dev, hvram(inst + 0x2000), &pte, 8);
	wr(r, 0, NV_PBUS_BAR3_BLOCK, CHAN_INST_VALID | (uint32_t)(inst >> 12));
	assert_int_equal(ld(r, 0, HV_BAR3, 0, 4, NULL), 0xfeed);
	st(r, 0, HV_BAR3, 8, 8, 0x1122334455667788ull);
	assert_int_equal(ram[0x3008 / 4], 0x55667788);
	/* Its tables still name the page; the card no longer reaches it. */
	assert_int_equal(hv_null_revoke(r->hg[0], gpa(0x3000), 4096), 0);
	st(r, 0, HV_BAR3, 8, 8, 0);
	assert_int_equal(ram[0x3008 / 4], 0x55667788);
	assert_int_not_equal(ld(r, 0, HV_BAR3, 0, 4, NULL), 0xfeed);
}

static void test_function_reset(void **state)
{
	struct rig *r = *state;

	attach(r);
	wr(r, 0, NV_PFB_SYSMEM_FLUSH, 0x123456);
	vgpu_reset(r->v[0]);
	assert_int_equal(rd(r, 0, NV_PFB_SYSMEM_FLUSH), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_empty, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_not_beside_others),
		T(test_registers_are_the_cards),
		T(test_edges_of_the_bars),
		T(test_interrupt_is_forwarded),
		T(test_memory_before_and_after),
		T(test_its_ram_is_at_its_own_addresses),
		T(test_function_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
