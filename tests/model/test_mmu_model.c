// SPDX-License-Identifier: MIT
/*
 * The MMU's walker against a second one written for this test alone: bits
 * taken by hand, no cache, no pointers into the model.  Random directories,
 * tables and entries, well-formed and broken, in VRAM and system memory; every
 * probe must agree on fault or address, for reading and for writing, for
 * privileged and ordinary accessors, whether or not the TLB has the entry.
 */
#include <stdlib.h>

#include "tests/unit/dev/simkit.h"

#define VRAM_LEN (256 * MIB)
#define SYS_AT 0x4000000000ull
#define SYS_LEN (4 * MIB)
#define ROUNDS 60
#define PROBES 1500

struct world {
	struct dev *d;
	uint8_t *sys; /* bus memory at SYS_AT */
	uint64_t x;   /* random state */
	uint32_t geom;
	uint64_t pdb, limit;
	uint32_t pdb_target;
	uint32_t seen[256]; /* probes by answer */
};

struct answer {
	uint32_t fault, target;
	uint64_t addr;
};

/* ---- the reference ----------------------------------------------------------- */

static int ref_load(struct world *w, uint32_t target, uint64_t addr, uint64_t *v)
{
	if (target == 0)
		return dev_vram_rd(w->d, hvram(addr), v, 8);
	if (addr < SYS_AT || addr + 8 > SYS_AT + SYS_LEN)
		return -1;
	memcpy(v, w->sys + (addr - SYS_AT), 8);
	return 0;
}

/* 0 plain, 1 compressed, 2 not a kind: by the list of storage types, value by value. */
static int ref_kind(uint32_t kind)
{
	static const char *const plain =
		"00 01 11 26 27 28 29 46 7b 8b 8c 8d 8e a7 a8 a9 aa c3 fd fe";
	static const char *const packed = "02 03 04 05 07 08 09 0a 17 18 19 1a 3a 3b 3c 3d 3e 3f "
					  "40 41 51 52 53 54 86 87 88 89 "
					  "a3 a4 a5 a6 bf c0 c1 c2 cc cd ce cf d0 d1 d8 db dd df "
					  "e0 e2 e3 e4 e5 e6 e9 eb ed ee "
					  "f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb";
	const char hex[] = { "0123456789abcdef"[kind >> 4], "0123456789abcdef"[kind & 15], 0 };

	return strstr(plain, hex) ? 0 : strstr(packed, hex) ? 1 : 2;
}

/* One table's word on va; the answer's fault is FAULT_NONE if it has a page. */
static struct answer ref_table(struct world *w, uint32_t ptarget, uint64_t table, uint32_t shift,
			       uint64_t in, uint64_t nr, uint64_t va, bool write, bool priv)
{
	uint64_t e, size = 1ull << shift;
	int kind;

	if (ptarget == 0)
		return (struct answer){ .fault = 0 };
	if ((in >> shift) >= nr)
		return (struct answer){ .fault = 1 };
	if (ref_load(w, ptarget == 1 ? 0 : ptarget, table + (in >> shift) * 8, &e))
		return (struct answer){ .fault = 0 };
	if (!(e & 1))
		return (struct answer){ .fault = 2 };
	kind = ref_kind((uint32_t)(e >> 36 & 0xff));
	if (kind == 2)
		return (struct answer){ .fault = 0xc | 0x100 };
	if ((e >> 33 & 3) == 1)
		return (struct answer){ .fault = 2 | 0x100 };
	if ((e >> 33 & 3) && (kind == 1 || (e >> 44 & 0x1ffff)))
		return (struct answer){ .fault = 0xa | 0x100 };
	if ((e & 2) && !priv)
		return (struct answer){ .fault = 5 | 0x100 };
	if ((e & 4) && write)
		return (struct answer){ .fault = 6 | 0x100 };
	return (struct answer){ FAULT_NONE, (uint32_t)(e >> 33 & 3),
				((e >> 4 & 0xfffffff) << 12 & ~(size - 1)) + (va & (size - 1)) };
}

static struct answer ref_xlate(struct world *w, uint64_t va, bool write, bool priv)
{
	unsigned int pde_shift = w->geom ? 26 : 27, large = w->geom ? 16 : 17;
	uint64_t in = va % (1ull << pde_shift), pde;
	struct answer s, l;
	uint64_t cut;

	if (va > w->limit)
		return (struct answer){ .fault = 3 };
	if (ref_load(w, w->pdb_target, w->pdb + (va >> pde_shift) * 8, &pde))
		return (struct answer){ .fault = 0 };
	cut = 1ull << (pde >> 2 & 3);
	s = ref_table(w, pde >> 32 & 3, (pde >> 36 & 0xfffffff) << 12, 12, in,
		      (w->geom ? 16384 : 32768) / cut, va, write, priv);
	l = ref_table(w, pde & 3, (pde >> 4 & 0xfffffff) << 12, large, in, 1024 / cut, va, write,
		      priv);
	/* A table that has a page decides, the small one first; 0x100 marks "has one, but". */
	if (s.fault == FAULT_NONE || s.fault & 0x100)
		l = s;
	else if (!(l.fault == FAULT_NONE || l.fault & 0x100) && s.fault > l.fault)
		l = s;
	if (l.fault != FAULT_NONE)
		l.fault &= 0xff;
	return l;
}

/* ---- a random world ---------------------------------------------------------- */

static void put64(struct world *w, uint32_t target, uint64_t addr, uint64_t v)
{
	if (target == 0)
		kit_wr64(w->d, addr, v);
	else
		memcpy(w->sys + (addr - SYS_AT), &v, 8);
}

/* Somewhere for a table of 256 KiB; now and then where nothing is. */
static uint64_t random_table(struct world *w, uint32_t target)
{
	if (kit_rand(&w->x) % 16 == 0)
		return 0xf000000000ull;
	if (target == 0)
		return 16 * MIB + kit_rand(&w->x) % 64 * 0x40000;
	return SYS_AT + kit_rand(&w->x) % 16 * 0x40000;
}

static uint64_t random_pte(struct world *w)
{
	static const uint8_t kinds[] = { 0x00, 0xfe, 0xfd, 0xdb, 0x17, 0xff, 0x06, 0x7b };
	static const uint8_t targets[] = { 0, 0, 2, 3, 2, 1 };
	uint64_t r = kit_rand(&w->x), e;

	if (r % 8 == 0)
		return 0;
	e = PTE_PRESENT | (kit_rand(&w->x) & 0xfffffff) << 4;
	e |= (uint64_t)targets[kit_rand(&w->x) % (r % 16 == 1 ? 6 : 5)] << 33;
	e |= (uint64_t)kinds[kit_rand(&w->x) % (r % 4 ? 2 : 8)] << 36;
	e |= r >> 8 & (PTE_PRIV | PTE_RO) & (r >> 16);
	e |= r % 32 == 2 ? 5ull << 44 : 0;
	e |= r & PTE_VOLATILE;
	return e;
}

/* Fills entries near both ends and in the middle of each of a few PDEs. */
static void random_pde(struct world *w, uint64_t va)
{
	const struct fermi_geom *g = &fermi_geom[w->geom];
	uint32_t lt = (uint32_t)(kit_rand(&w->x) % 4), st = (uint32_t)(kit_rand(&w->x) % 4);
	uint32_t lmem = lt == 1 ? 0 : lt, smem = st == 1 ? 0 : st;
	uint64_t large = random_table(w, lmem), small = random_table(w, smem), pde;

	pde = (large >> 12) << 4 | lt | (small >> 12) << 36 | (uint64_t)st << 32;
	if (kit_rand(&w->x) % 3 == 0)
		pde |= kit_rand(&w->x) % 4 << 2;
	if (kit_rand(&w->x) % 10 == 0)
		pde = 0;
	put64(w, w->pdb_target, w->pdb + (va >> g->pde_shift) * 8, pde);
	for (uint64_t i = 0; i < 24; i++) {
		uint64_t e = i < 8 ? i : i < 16 ? g->nr_large / 2 - 12 + i : g->nr_large - 24 + i;

		if (lt && large != 0xf000000000ull)
			put64(w, lmem, large + e * 8, random_pte(w));
		for (uint64_t k = 0; k < 4; k++)
			if (st && small != 0xf000000000ull)
				put64(w, smem, small + (e * (g->nr_small / g->nr_large) + k) * 8,
				      random_pte(w));
	}
}

static uint64_t random_va(struct world *w, const uint64_t *pdes)
{
	const struct fermi_geom *g = &fermi_geom[w->geom];
	uint64_t e = kit_rand(&w->x) % 24, in;

	if (kit_rand(&w->x) % 50 == 0)
		return kit_rand(&w->x) % (1ull << 41);
	in = (e < 8    ? e
	      : e < 16 ? g->nr_large / 2 - 12 + e
		       : g->nr_large - 24 + e)
	     << g->large_shift;
	return pdes[kit_rand(&w->x) % 4] + in + kit_rand(&w->x) % (1ull << g->large_shift);
}

static void probe(struct world *w, const struct mmu_vm *bound, uint64_t va)
{
	uint64_t r = kit_rand(&w->x), addr = 0, run = 0;
	bool write = r & 1, priv = r & 2;
	struct mmu_vm vm = *bound;
	struct answer want = ref_xlate(w, va, write, priv);
	uint32_t target = 0, got;

	vm.priv = priv;
	w->seen[want.fault]++;
	got = mmu_xlate(kit_sim(w->d), &vm, va, 64, write, &target, &addr, &run);
	if (got != want.fault ||
	    (got == FAULT_NONE && (target != want.target || addr != want.addr || !run)))
		fail_msg("va %llx geom %u write %d priv %d: fault %x target %u addr %llx, expected "
			 "%x %u %llx",
			 (unsigned long long)va, w->geom, write, priv, got, target,
			 (unsigned long long)addr, want.fault, want.target,
			 (unsigned long long)want.addr);
}

static void one_round(struct world *w, uint64_t inst)
{
	const struct fermi_geom *g;
	struct mmu_vm vm;
	uint64_t pdes[4];

	w->geom = kit_rand(&w->x) & 1;
	g = &fermi_geom[w->geom];
	dev_wr32(w->d, NV_PFB_MMU_CTRL, w->geom);
	w->pdb_target = (uint32_t)(kit_rand(&w->x) % 3);
	w->pdb_target += w->pdb_target > 0;
	w->pdb = w->pdb_target ? SYS_AT + SYS_LEN - 0x20000
			       : 4 * MIB + kit_rand(&w->x) % 8 * 0x40000;
	w->limit = kit_rand(&w->x) % 4 ? (1ull << 40) - 1 : kit_rand(&w->x) % (1ull << 40);
	kit_wr64(w->d, inst + INST_PDB_LO, w->pdb | w->pdb_target);
	kit_wr64(w->d, inst + INST_LIMIT_LO, w->limit);
	for (int i = 0; i < 4; i++) {
		pdes[i] = i == 3 ? (1ull << 40) - (1ull << g->pde_shift) :
				   kit_rand(&w->x) % g->nr_pde << g->pde_shift;
		random_pde(w, pdes[i]);
	}
	dev_wr32(w->d, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES | TLB_FLUSH_ALL_PDBS);
	assert_int_equal(mmu_bind(kit_sim(w->d), inst, &vm), 0);
	for (int i = 0; i < PROBES; i++) {
		probe(w, &vm, random_va(w, pdes));
		/* An entry changes, the driver flushes: no old answer survives. */
		if (i % 100 == 99) {
			random_pde(w, pdes[kit_rand(&w->x) % 4]);
			dev_wr32(w->d, NV_PFB_TLB_PDB,
				 (uint32_t)(w->pdb >> 12 << 4) | w->pdb_target);
			dev_wr32(w->d, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES);
		}
	}
}

static void test_walks(void **state)
{
	static const uint8_t reasons[] = {
		FAULT_PT_NOT_PRESENT, FAULT_PT_TOO_SHORT,      FAULT_PAGE_NOT_PRESENT,
		FAULT_VM_LIMIT,	      FAULT_PRIVILEGED,	       FAULT_READ_ONLY,
		FAULT_BAD_KIND,	      FAULT_COMPRESSED_SYSRAM, FAULT_NONE,
	};
	struct world w = { .d = kit_open("vram=256M,clock=manual"), .x = 0x2545f4914f6cdd1dull };

	(void)state;
	w.sys = aligned_alloc(4096, SYS_LEN);
	assert_non_null(w.sys);
	memset(w.sys, 0, SYS_LEN);
	assert_int_equal(dev_dma_map(w.d, dma(SYS_AT), w.sys, SYS_LEN), 0);
	for (int i = 0; i < ROUNDS; i++)
		one_round(&w, MIB);
	/* Every reason a walk can have was met, and more than by chance. */
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (w.seen[reasons[i]] < 20)
			fail_msg("reason %x met %u times", reasons[i], w.seen[reasons[i]]);
	dev_close(w.d);
	free(w.sys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks),
	};

	return cmocka_run_group_tests_name("mmu_model", tests, NULL, NULL);
}
