// SPDX-License-Identifier: MIT
/*
 * The walk: page sizes, targets, kinds, every fault reason; the TLB as a driver meets it; copies.
 */
#include <stdlib.h>

#include "tests/unit/dev/simkit.h"

#define DATA (128 * MIB) /* where the tests' pages lie */
#define VA 0x1238000000ull

static uint8_t sysmem[1 << 20] __attribute__((aligned(4096)));
#define SYS_AT 0x8000000000ull

static struct kit_vm setup(uint32_t geom)
{
	struct dev *d = kit_open("vram=256M,clock=manual");

	dev_wr32(d, NV_PFB_MMU_CTRL, geom);
	assert_int_equal(dev_dma_map(d, dma(SYS_AT), sysmem, sizeof(sysmem)), 0);
	return kit_vm(d, 1 * MIB);
}

static enum fault_reason rd(struct kit_vm *k, uint64_t va, uint32_t *v)
{
	struct mmu_vm vm = kit_bind(k);
	uint64_t at = 0;
	enum fault_reason r = mmu_rd(kit_sim(k->d), &vm, va, v, 4, &at);

	if (r != FAULT_NONE)
		assert_int_equal(at, va);
	return r;
}

static enum fault_reason wr(struct kit_vm *k, uint64_t va, uint32_t v)
{
	struct mmu_vm vm = kit_bind(k);
	uint64_t at = 0;
	enum fault_reason r = mmu_wr(kit_sim(k->d), &vm, va, &v, 4, &at);

	if (r != FAULT_NONE)
		assert_int_equal(at, va);
	return r;
}

/*
 * Each page size under both settings: a page's ends reach its memory, the pages beside it do not.
 */
static void test_page_sizes(void **state)
{
	(void)state;
	for (uint32_t geom = 0; geom < 2; geom++)
		for (int large = 0; large < 2; large++) {
			struct kit_vm k = setup(geom);
			uint64_t len = large ? 1ull << fermi_geom[geom].large_shift : 4096;
			uint32_t v = 0;

			kit_map(&k, VA, large, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
			assert_int_equal(wr(&k, VA, 11), FAULT_NONE);
			assert_int_equal(wr(&k, VA + len - 4, 22), FAULT_NONE);
			assert_int_equal(kit_rd32(k.d, DATA), 11);
			assert_int_equal(kit_rd32(k.d, DATA + len - 4), 22);
			assert_int_equal(rd(&k, VA + len - 4, &v), FAULT_NONE);
			assert_int_equal(v, 22);
			assert_int_equal(rd(&k, VA + len, &v), FAULT_PAGE_NOT_PRESENT);
			assert_int_equal(rd(&k, VA - 4, &v), FAULT_PT_NOT_PRESENT);
			dev_close(k.d);
		}
}

static void test_small_before_large(void **state)
{
	struct kit_vm k = setup(0);
	uint32_t v;

	(void)state;
	kit_wr32(k.d, DATA, 1);
	kit_wr32(k.d, DATA + MIB, 2);
	kit_wr32(k.d, DATA + 4096, 3);
	kit_map(&k, VA, 1, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
	kit_map(&k, VA, 0, pte_pack(PTE_VRAM, DATA + MIB, PTE_PRESENT));
	assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
	assert_int_equal(v, 2);
	/* The next 4 KiB have no small page: the large one serves them. */
	assert_int_equal(rd(&k, VA + 4096, &v), FAULT_NONE);
	assert_int_equal(v, 3);
	/* Which is asked first does not matter: a cached large page hides no small one. */
	kit_flush(&k);
	assert_int_equal(rd(&k, VA + 4096, &v), FAULT_NONE);
	assert_int_equal(v, 3);
	assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
	assert_int_equal(v, 2);
	dev_close(k.d);
}

/* An entry of a large page names its start; low bits of the address do not shift it. */
static void test_large_alignment(void **state)
{
	struct kit_vm k = setup(0);
	uint32_t v;

	(void)state;
	kit_wr32(k.d, DATA + 0x1fffc, 9);
	kit_map(&k, VA, 1, pte_pack(PTE_VRAM, DATA + 0x5000, PTE_PRESENT));
	assert_int_equal(rd(&k, VA + 0x1fffc, &v), FAULT_NONE);
	assert_int_equal(v, 9);
	dev_close(k.d);
}

/* Pages, tables and the directory itself, each in VRAM and in both kinds of system memory. */
static void test_targets(void **state)
{
	static const enum pte_target targets[] = { PTE_VRAM, PTE_SYS, PTE_SYS_NC };
	static const enum pde_target pde_of[] = { PDE_VRAM, PDE_SYS, PDE_SYS_NC };

	(void)state;
	for (int t = 0; t < 27; t++) {
		int page = t % 3, table = t / 3 % 3, dir = t / 9;
		struct kit_vm k = setup(0);
		uint64_t base[3] = { 64 * MIB, SYS_AT, SYS_AT };
		uint64_t pt = base[table] + 0x20000, pd = base[dir];
		uint64_t pde = pde_pack_small(pde_of[table], pt);
		uint64_t pte = pte_pack(targets[page], base[page] + 0x80000, PTE_PRESENT);
		uint32_t v = 0;

		memset(sysmem, 0, sizeof(sysmem));
		/* VA 0: entry 0 of directory and table. */
		if (dir)
			memcpy(sysmem, &pde, 8);
		else
			kit_wr64(k.d, pd, pde);
		if (table)
			memcpy(sysmem + 0x20000, &pte, 8);
		else
			kit_wr64(k.d, pt, pte);
		kit_wr64(k.d, k.inst + INST_PDB_LO, pd | targets[dir]);
		assert_int_equal(wr(&k, 0x10, 0x5150 + (uint32_t)t), FAULT_NONE);
		if (page)
			memcpy(&v, sysmem + 0x80010, 4);
		else
			v = kit_rd32(k.d, base[0] + 0x80010);
		assert_int_equal(v, 0x5150 + (uint32_t)t);
		assert_int_equal(rd(&k, 0x10, &v), FAULT_NONE);
		assert_int_equal(v, 0x5150 + (uint32_t)t);
		dev_close(k.d);
	}
}

static void test_bind(void **state)
{
	struct kit_vm k = setup(0);
	struct sim *s = kit_sim(k.d);
	struct mmu_vm vm;

	(void)state;
	assert_int_equal(mmu_bind(s, k.inst, &vm), 0);
	assert_int_equal(vm.pdb, k.pdb);
	assert_int_equal(vm.limit, (1ull << 40) - 1);
	assert_false(vm.priv);
	assert_int_equal(mmu_bind(s, k.inst + 4, &vm), -EFAULT);
	assert_int_equal(mmu_bind(s, 256 * MIB, &vm), -EFAULT);
	assert_int_equal(mmu_bind(s, UINT64_MAX - 0xfff, &vm), -EFAULT);
	kit_wr64(k.d, k.inst + INST_PDB_LO, k.pdb | 1);
	assert_int_equal(mmu_bind(s, k.inst, &vm), -EFAULT);
	/* Volatile is a hint; a limit beyond 40 bits is 40 bits. */
	kit_wr64(k.d, k.inst + INST_PDB_LO, k.pdb | PTE_SYS_NC | 4);
	kit_wr64(k.d, k.inst + INST_LIMIT_LO, UINT64_MAX);
	assert_int_equal(mmu_bind(s, k.inst, &vm), 0);
	assert_int_equal(vm.pdb_target, PTE_SYS_NC);
	assert_int_equal(vm.pdb, k.pdb);
	assert_int_equal(vm.limit, (1ull << 40) - 1);
	dev_close(k.d);
}

/* ---- every fault reason ------------------------------------------------------ */

static void test_no_table(void **state)
{
	struct kit_vm k = setup(0);
	uint32_t v;

	(void)state;
	assert_int_equal(rd(&k, VA, &v), FAULT_PT_NOT_PRESENT);
	/* A table where no memory is. */
	kit_wr64(k.d, kit_pde_at(&k, VA), pde_pack_small(PDE_VRAM, 512 * MIB));
	assert_int_equal(rd(&k, VA, &v), FAULT_PT_NOT_PRESENT);
	kit_wr64(k.d, kit_pde_at(&k, VA), pde_pack_large(PDE_SYS, 0x10000000));
	assert_int_equal(rd(&k, VA, &v), FAULT_PT_NOT_PRESENT);
	/* A directory where no memory is. */
	kit_wr64(k.d, k.inst + INST_PDB_LO, 0xff00000000ull);
	assert_int_equal(rd(&k, VA, &v), FAULT_PT_NOT_PRESENT);
	dev_close(k.d);
}

static void test_too_short(void **state)
{
	(void)state;
	for (uint32_t geom = 0; geom < 2; geom++)
		for (uint64_t cut = 0; cut < 4; cut++)
			for (int large = 0; large < 2; large++) {
				struct kit_vm k = setup(geom);
				uint64_t covered = (1ull << fermi_geom[geom].pde_shift) >> cut;
				uint64_t page = large ? 1ull << fermi_geom[geom].large_shift : 4096;
				uint64_t in = 5ull << fermi_geom[geom].pde_shift, pde;
				uint32_t v;

				kit_map(&k, in + covered - page, large,
					pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
				pde = kit_rd64(k.d, kit_pde_at(&k, in));
				kit_wr64(k.d, kit_pde_at(&k, in), pde | cut << 2);
				assert_int_equal(rd(&k, in + covered - 4, &v), FAULT_NONE);
				assert_int_equal(rd(&k, in + covered, &v),
						 cut ? FAULT_PT_TOO_SHORT : FAULT_PT_NOT_PRESENT);
				dev_close(k.d);
			}
}

static void test_no_page(void **state)
{
	struct kit_vm k = setup(0);
	uint32_t v;

	(void)state;
	kit_map(&k, VA, 0, 0);
	assert_int_equal(rd(&k, VA, &v), FAULT_PAGE_NOT_PRESENT);
	kit_map(&k, VA, 1, 0);
	assert_int_equal(rd(&k, VA, &v), FAULT_PAGE_NOT_PRESENT);
	/* Present, but nothing is there: beyond VRAM, unmapped bus address, unknown target. */
	kit_map(&k, VA, 0, pte_pack(PTE_VRAM, 256 * MIB, PTE_PRESENT));
	assert_int_equal(rd(&k, VA, &v), FAULT_PAGE_NOT_PRESENT);
	kit_map(&k, VA + 0x1000, 0, pte_pack(PTE_SYS, SYS_AT + sizeof(sysmem), PTE_PRESENT));
	assert_int_equal(wr(&k, VA + 0x1000, 1), FAULT_PAGE_NOT_PRESENT);
	kit_map(&k, VA + 0x2000, 0, DATA >> 12 << 4 | 1ull << 33 | PTE_PRESENT);
	assert_int_equal(rd(&k, VA + 0x2000, &v), FAULT_PAGE_NOT_PRESENT);
	dev_close(k.d);
}

static void test_limit(void **state)
{
	struct kit_vm k = setup(0);
	uint32_t v;

	(void)state;
	kit_map(&k, VA, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
	kit_inst(&k, k.inst, VA + 7);
	assert_int_equal(rd(&k, VA + 4, &v), FAULT_NONE);
	assert_int_equal(rd(&k, VA + 8, &v), FAULT_VM_LIMIT);
	assert_int_equal(rd(&k, 1ull << 40, &v), FAULT_VM_LIMIT);
	assert_int_equal(rd(&k, UINT64_MAX - 3, &v), FAULT_VM_LIMIT);
	dev_close(k.d);
}

static void test_privileged(void **state)
{
	struct kit_vm k = setup(0);
	struct mmu_vm vm;
	uint64_t at;
	uint32_t v;

	(void)state;
	kit_map(&k, VA, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT | PTE_PRIV));
	assert_int_equal(rd(&k, VA, &v), FAULT_PRIVILEGED);
	assert_int_equal(wr(&k, VA, 1), FAULT_PRIVILEGED);
	vm = kit_bind(&k);
	vm.priv = true;
	assert_int_equal(mmu_rd(kit_sim(k.d), &vm, VA, &v, 4, &at), FAULT_NONE);
	/* Now it is in the TLB, and still not for everybody. */
	assert_int_equal(rd(&k, VA, &v), FAULT_PRIVILEGED);
	dev_close(k.d);
}

static void test_read_only(void **state)
{
	struct kit_vm k = setup(0);
	uint32_t v;

	(void)state;
	kit_wr32(k.d, DATA, 7);
	kit_map(&k, VA, 1, pte_pack(PTE_VRAM, DATA, PTE_PRESENT | PTE_RO));
	assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
	assert_int_equal(wr(&k, VA, 8), FAULT_READ_ONLY);
	assert_int_equal(kit_rd32(k.d, DATA), 7);
	dev_close(k.d);
}

/* All 256 kinds, in VRAM and in system memory. */
static void test_kinds(void **state)
{
	/* Compressed or unknown, by hand from the list of storage types; the rest are plain. */
	static const uint8_t plain[] = {
		0x00, 0x01, 0x11, 0x26, 0x27, 0x28, 0x29, 0x46, 0x7b, 0x8b,
		0x8c, 0x8d, 0x8e, 0xa7, 0xa8, 0xa9, 0xaa, 0xc3, 0xfd, 0xfe
	};
	static const uint8_t unknown[] = { 0x06, 0x0b, 0x10, 0x12, 0x1b, 0x25, 0x2a, 0x45, 0x60,
					   0x7a, 0x8f, 0xab, 0xd9, 0xe1, 0xe7, 0xef, 0xfc, 0xff };
	struct kit_vm k = setup(0);
	uint32_t v, bad = 0;

	(void)state;
	for (uint32_t kind = 0; kind < 256; kind++) {
		bool is_plain = memchr(plain, (int)kind, sizeof(plain)) != NULL;
		uint64_t va = VA + kind * 0x2000;
		enum fault_reason r;

		kit_map(&k, va, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT | kit_kind(kind)));
		kit_map(&k, va + 0x1000, 0,
			pte_pack(PTE_SYS, SYS_AT, PTE_PRESENT | kit_kind(kind)));
		r = rd(&k, va, &v);
		bad += r == FAULT_BAD_KIND;
		if (is_plain)
			assert_int_equal(r, FAULT_NONE);
		if (memchr(unknown, (int)kind, sizeof(unknown)))
			assert_int_equal(r, FAULT_BAD_KIND);
		assert_int_equal(rd(&k, va + 0x1000, &v), r != FAULT_NONE ? FAULT_BAD_KIND
							  : is_plain	  ? FAULT_NONE
								     : FAULT_COMPRESSED_SYSRAM);
	}
	assert_int_equal(bad, 256 - 88);
	/* A compression tag says the same as a compressed kind. */
	kit_map(&k, VA, 0, pte_pack(PTE_SYS, SYS_AT, PTE_PRESENT | 1ull << 44));
	kit_flush(&k);
	assert_int_equal(rd(&k, VA, &v), FAULT_COMPRESSED_SYSRAM);
	kit_map(&k, VA, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT | 1ull << 44));
	assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
	dev_close(k.d);
}

/* ---- the TLB as seen from outside -------------------------------------------- */

/* A changed entry stays unseen until the flush, with each form of it. */
static void test_stale_until_flush(void **state)
{
	static const uint32_t forms[] = {
		TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES,
		TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES | TLB_FLUSH_HUB_ONLY,
		TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES | TLB_FLUSH_ALL_PDBS,
	};
	struct kit_vm k = setup(0);
	uint32_t v;

	(void)state;
	kit_wr32(k.d, DATA, 1);
	kit_wr32(k.d, DATA + 0x1000, 2);
	for (size_t f = 0; f < ARRAY_SIZE(forms); f++) {
		kit_map(&k, VA, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
		kit_flush(&k);
		assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
		kit_map(&k, VA, 0, pte_pack(PTE_VRAM, DATA + 0x1000, PTE_PRESENT));
		assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
		assert_int_equal(v, 1); /* the driver forgot the flush */
		/* Another directory's flush, and one without "go", do not help. */
		dev_wr32(k.d, NV_PFB_TLB_PDB, (uint32_t)((k.pdb + 0x1000) >> 12 << 4));
		dev_wr32(k.d, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES);
		dev_wr32(k.d, NV_PFB_TLB_PDB, (uint32_t)(k.pdb >> 12 << 4));
		dev_wr32(k.d, NV_PFB_TLB_FLUSH, TLB_FLUSH_ALL_PAGES);
		assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
		assert_int_equal(v, 1);
		if (forms[f] & TLB_FLUSH_ALL_PDBS)
			dev_wr32(k.d, NV_PFB_TLB_PDB, 0);
		dev_wr32(k.d, NV_PFB_TLB_FLUSH, forms[f]);
		assert_int_equal(dev_rd32(k.d, NV_PFB_MMU_CTRL) & 0x8000, 0x8000);
		assert_int_not_equal(dev_rd32(k.d, NV_PFB_MMU_CTRL) & 0xff0000, 0);
		assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
		assert_int_equal(v, 2);
	}
	/* Unmapped without a flush it still works: that is what a flush is for. */
	kit_map(&k, VA, 0, 0);
	assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
	kit_flush(&k);
	assert_int_equal(rd(&k, VA, &v), FAULT_PAGE_NOT_PRESENT);
	/* Absence is not cached: mapping needs no flush. */
	kit_map(&k, VA, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
	assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
	assert_int_equal(v, 1);
	dev_close(k.d);
}

static void test_reset_drops_tlb(void **state)
{
	struct kit_vm k = setup(0);
	struct mmu_vm vm;
	uint64_t at;
	uint32_t v;

	(void)state;
	kit_map(&k, VA, 0, pte_pack(PTE_SYS, SYS_AT, PTE_PRESENT));
	vm = kit_bind(&k);
	assert_int_equal(rd(&k, VA, &v), FAULT_NONE);
	assert_int_equal(dev_reset(k.d), 0);
	assert_int_equal(mmu_rd(kit_sim(k.d), &vm, VA, &v, 4, &at), FAULT_PT_NOT_PRESENT);
	dev_close(k.d);
}

/* Two spaces with the same addresses never see each other's entries. */
static void test_two_spaces(void **state)
{
	struct kit_vm a = setup(0), b = kit_vm(a.d, 32 * MIB);
	uint32_t v;

	(void)state;
	kit_wr32(a.d, DATA, 1);
	kit_wr32(a.d, DATA + 0x1000, 2);
	kit_map(&a, VA, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
	kit_map(&b, VA, 0, pte_pack(PTE_VRAM, DATA + 0x1000, PTE_PRESENT));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rd(&a, VA, &v), FAULT_NONE);
		assert_int_equal(v, 1);
		assert_int_equal(rd(&b, VA, &v), FAULT_NONE);
		assert_int_equal(v, 2);
	}
	dev_close(a.d);
}

/* ---- translation and moving -------------------------------------------------- */

static void test_xlate(void **state)
{
	struct kit_vm k = setup(0);
	struct mmu_vm vm;
	uint64_t addr, run;
	uint32_t target;

	(void)state;
	kit_map(&k, VA, 1, pte_pack(PTE_SYS, SYS_AT, PTE_PRESENT));
	vm = kit_bind(&k);
	assert_int_equal(mmu_xlate(kit_sim(k.d), &vm, VA + 5, MIB, false, &target, &addr, &run),
			 FAULT_NONE);
	assert_int_equal(target, PTE_SYS);
	assert_int_equal(addr, SYS_AT + 5);
	assert_int_equal(run, 0x20000 - 5);
	assert_int_equal(mmu_xlate(kit_sim(k.d), &vm, VA, 0, false, &target, &addr, &run),
			 FAULT_NONE);
	assert_int_equal(run, 1);
	vm.limit = VA + 9;
	assert_int_equal(mmu_xlate(kit_sim(k.d), &vm, VA, MIB, false, &target, &addr, &run),
			 FAULT_NONE);
	assert_int_equal(run, 10);
	dev_close(k.d);
}

/* A write across a page that is not there: what lies before it is written, the fault says where. */
static void test_partial(void **state)
{
	struct kit_vm k = setup(0);
	struct mmu_vm vm = kit_bind(&k);
	uint8_t buf[0x2000];
	uint64_t at = 0;

	(void)state;
	memset(buf, 0x77, sizeof(buf));
	kit_map(&k, VA, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
	assert_int_equal(mmu_wr(kit_sim(k.d), &vm, VA + 0xff0, buf, sizeof(buf), &at),
			 FAULT_PAGE_NOT_PRESENT);
	assert_int_equal(at, VA + 0x1000);
	assert_int_equal(kit_rd32(k.d, DATA + 0xffc), 0x77777777);
	assert_int_equal(kit_rd32(k.d, DATA + 0xfec), 0);
	dev_close(k.d);
}

/* Copies between random places and pages of all sorts, against the same done by hand. */
static void test_copy(void **state)
{
	enum { LEN = 3 << 20 };
	struct kit_vm k = setup(0);
	struct sim *s = kit_sim(k.d);
	uint8_t *model = malloc(LEN), *got = malloc(LEN);
	uint64_t x = 88172645463325252ull, at;
	struct mmu_vm vm;
	bool at_write;

	(void)state;
	assert_non_null(model);
	assert_non_null(got);
	/* 1 MiB of large pages, 1 MiB of small VRAM pages backwards, 1 MiB of system pages. */
	for (uint64_t i = 0; i < MIB; i += 0x20000)
		kit_map(&k, VA + i, 1, pte_pack(PTE_VRAM, DATA + i, PTE_PRESENT));
	for (uint64_t i = 0; i < MIB; i += 0x1000) {
		kit_map(&k, VA + MIB + i, 0,
			pte_pack(PTE_VRAM, DATA + 2 * MIB - 0x1000 - i, PTE_PRESENT));
		kit_map(&k, VA + 2 * MIB + i, 0,
			pte_pack(PTE_SYS, SYS_AT + (i ^ 0x3000), PTE_PRESENT));
	}
	vm = kit_bind(&k);
	for (int i = 0; i < LEN; i++)
		model[i] = (uint8_t)kit_rand(&x);
	assert_int_equal(mmu_wr(s, &vm, VA, model, LEN, &at), FAULT_NONE);
	for (int i = 0; i < 200; i++) {
		uint64_t len = kit_rand(&x) % (i % 4 ? 9000 : 700000) + 1;
		uint64_t src = kit_rand(&x) % (LEN - len), dst = kit_rand(&x) % (LEN - len);

		/* Overlap inside one copy has no defined order on hardware. */
		if (src < dst + len && dst < src + len)
			continue;
		memcpy(model + dst, model + src, len);
		assert_int_equal(mmu_copy(s, &vm, VA + dst, VA + src, len, &at, &at_write),
				 FAULT_NONE);
	}
	assert_int_equal(mmu_rd(s, &vm, VA, got, LEN, &at), FAULT_NONE);
	assert_memory_equal(got, model, LEN);
	/* Faults on either side say which. */
	assert_int_equal(mmu_copy(s, &vm, VA, VA + LEN - 16, 32, &at, &at_write),
			 FAULT_PAGE_NOT_PRESENT);
	assert_int_equal(at, VA + LEN);
	assert_false(at_write);
	assert_int_equal(mmu_copy(s, &vm, VA + LEN - 16, VA, 32, &at, &at_write),
			 FAULT_PAGE_NOT_PRESENT);
	assert_int_equal(at, VA + LEN);
	assert_true(at_write);
	assert_int_equal(mmu_copy(s, &vm, VA, VA + 64, 0, &at, &at_write), FAULT_NONE);
	free(model);
	free(got);
	dev_close(k.d);
}

/* ---- fault registers --------------------------------------------------------- */

static void test_fault_registers(void **state)
{
	struct kit_vm k = setup(0);
	struct sim *s = kit_sim(k.d);
	struct mmu_fault f = { .unit = FAULT_UNIT_CE1, .reason = FAULT_READ_ONLY, .inst = 0x123000,
			       .va = 0x8765432100ull, .write = true, .hub = true,
			       .client = FAULT_CLIENT_PCOPY1, .gpc = 3 };
	uint32_t u = FAULT_UNIT_CE1, info;

	(void)state;
	pthread_mutex_lock(&s->lock);
	mmu_fault(s, &f);
	f.va = 0; /* dropped: the first was not seen yet */
	mmu_fault(s, &f);
	f.unit = FAULT_UNIT_BAR3;
	mmu_fault(s, &f);
	pthread_mutex_unlock(&s->lock);
	assert_int_equal(dev_rd32(k.d, NV_PFIFO_MMU_FAULT_UNITS), 1u << u | 1u << FAULT_UNIT_BAR3);
	assert_int_equal(dev_rd32(k.d, reg_at(REGID_PFIFO_MMU_FAULT_INST, u)), 0x123);
	assert_int_equal(dev_rd32(k.d, reg_at(REGID_PFIFO_MMU_FAULT_VALO, u)), 0x65432100);
	assert_int_equal(dev_rd32(k.d, reg_at(REGID_PFIFO_MMU_FAULT_VAHI, u)), 0x87);
	info = dev_rd32(k.d, reg_at(REGID_PFIFO_MMU_FAULT_INFO, u));
	assert_int_equal(FAULT_INFO_REASON(info), FAULT_READ_ONLY);
	assert_int_equal(FAULT_INFO_CLIENT(info), FAULT_CLIENT_PCOPY1);
	assert_int_equal(FAULT_INFO_GPC(info), 3);
	assert_true(info & FAULT_INFO_HUB && info & FAULT_INFO_WRITE);
	/* Only an engine's unit stops an engine. */
	assert_int_equal(dev_rd32(k.d, NV_PFIFO_ENG_FAULT), 1u << ENGINE_CE1);
	assert_int_equal(dev_rd32(k.d, NV_PMC_INTR) & PMC_INTR_PFIFO,
			 dev_rd32(k.d, NV_PFIFO_INTR_EN) & PFIFO_INTR_MMU_FAULT ? PMC_INTR_PFIFO
										: 0);
	dev_close(k.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page_sizes),	 cmocka_unit_test(test_small_before_large),
		cmocka_unit_test(test_large_alignment),	 cmocka_unit_test(test_targets),
		cmocka_unit_test(test_bind),		 cmocka_unit_test(test_no_table),
		cmocka_unit_test(test_too_short),	 cmocka_unit_test(test_no_page),
		cmocka_unit_test(test_limit),		 cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_read_only),	 cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_stale_until_flush), cmocka_unit_test(test_reset_drops_tlb),
		cmocka_unit_test(test_two_spaces),	 cmocka_unit_test(test_xlate),
		cmocka_unit_test(test_partial),		 cmocka_unit_test(test_copy),
		cmocka_unit_test(test_fault_registers),
	};

	return cmocka_run_group_tests_name("sim_mmu", tests, NULL, NULL);
}
