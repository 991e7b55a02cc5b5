// SPDX-License-Identifier: MIT
/*
 * The MMU: instance block to directory to table to page, and moving data
 * through it.
 *
 * Always true:
 *  1. A translation is used only while dma_lock is held for reading since
 *     before it was looked up; mmu_flush() passes through the write lock, so
 *     after it nobody moves data by a dropped entry.
 *  2. Only entries that can be used are cached: bad kinds, compressed system
 *     memory and absent pages are found anew by each walk.  Whether an access
 *     may write, or use a privileged page, is asked of the entry at each use.
 *
 * Our choices where the sources are silent (UNK): directory or table outside
 * memory is "no page table"; a page outside memory, or with target 1, is "no
 * page"; the low address bits of a large page's entry are ignored; one TLB
 * serves hub and GPCs, so a hub-only flush drops what a full one would; a
 * flush without the all-pages bit drops all pages too.
 */
#include <stdatomic.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/private.h"
#include "gpuvm/dev/sim/tlb.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/kind.h"
#include "gpuvm/fermi/pte.h"

/* Bytes moved in one hold of dma_lock: bounds how long dma_unmap and a TLB flush wait. */
#define HOLD_LEN (256ull << 10)

struct mmu {
	struct tlb *tlb;
	_Atomic uint32_t geom; /* index into fermi_geom */
	uint64_t kind_ok[4];   /* bit per kind: usable at all */
	uint64_t kind_comp[4]; /* bit per kind: compressed, VRAM only */
};

int mmu_new(struct sim *s)
{
	struct mmu *m = mem_new(struct mmu);

	if (!m)
		return -ENOMEM;
	s->mmu = m;
	m->tlb = tlb_new();
	if (!m->tlb)
		return -ENOMEM;
	for (uint32_t k = 0; k < 256; k++) {
		m->kind_ok[k / 64] |= (uint64_t)kind_known((uint8_t)k) << (k % 64);
		m->kind_comp[k / 64] |= (uint64_t)kind_compressed((uint8_t)k) << (k % 64);
	}
	return 0;
}

void mmu_free(struct sim *s)
{
	if (s->mmu)
		tlb_free(s->mmu->tlb);
	mem_free(s->mmu);
	s->mmu = NULL;
}

void mmu_set_geometry(struct sim *s, uint32_t geom)
{
	atomic_store_explicit(&s->mmu->geom, geom & 1, memory_order_relaxed);
	__atomic_add_fetch(&s->dma_epoch, 1, __ATOMIC_RELAXED);
}

/* Waits for everyone who may still hold a translation that was just dropped. */
static void quiesce(struct sim *s)
{
	mem_change(s);
	pthread_rwlock_unlock(&s->dma_lock);
}

void mmu_reset(struct sim *s)
{
	mmu_set_geometry(s, 0);
	tlb_drop(s->mmu->tlb, 0, 0);
	quiesce(s);
}

void mmu_flush(struct sim *s, uint32_t pdb, uint32_t flags)
{
	uint64_t mask = flags & TLB_FLUSH_ALL_PDBS ? 0 : TLB_KEY_PDB_MASK;

	tlb_drop(s->mmu->tlb, tlb_key(tlb_pdb_addr(pdb), TLB_PDB_TARGET(pdb), 0, 12), mask);
	quiesce(s);
}

int mmu_bind(struct sim *s, uint64_t inst, struct mmu_vm *vm)
{
	uint64_t w[2]; /* directory, limit */
	uint64_t top = (1ull << FERMI_VA_BITS) - 1;

	if (!is_aligned(inst, INST_LEN) || !range_ok(inst, INST_LEN, s->cfg.vram_len) ||
	    mem_rd(s, PTE_VRAM, inst + INST_PDB_LO, w, sizeof(w)))
		return -EFAULT;
	*vm = (struct mmu_vm){
		.inst = inst,
		.pdb = bits_get(w[0], FERMI_PHYS_BITS - 1, 12) << 12,
		.pdb_target = (uint32_t)bits_get(w[0], 1, 0),
		.limit = w[1] < top ? w[1] : top,
	};
	return vm->pdb_target == 1 ? -EFAULT : 0;
}

/* ---- the walk -------------------------------------------------------------- */

/* A table entry; false if there is no memory at addr.  dma_lock held. */
static bool load_entry(struct sim *s, uint32_t target, uint64_t addr, uint64_t *e)
{
	uint64_t run;
	uint8_t *p = mem_ptr(s, target, addr, 8, &run);

	if (!p || run < 8)
		return false;
	*e = __atomic_load_n((uint64_t *)p, __ATOMIC_ACQUIRE);
	return true;
}

/* Looks va up in one of a PDE's tables.  A PDE's targets 1, 2, 3 are a PTE's 0, 2, 3. */
static enum fault_reason walk_table(struct sim *s, uint32_t pde_target, uint64_t table,
				    uint64_t index, uint64_t nr, uint64_t *pte)
{
	if (pde_target == PDE_NONE)
		return FAULT_PT_NOT_PRESENT;
	if (index >= nr)
		return FAULT_PT_TOO_SHORT;
	if (!load_entry(s, pde_target == PDE_VRAM ? PTE_VRAM : pde_target, table + index * 8, pte))
		return FAULT_PT_NOT_PRESENT;
	return *pte & PTE_PRESENT ? FAULT_NONE : FAULT_PAGE_NOT_PRESENT;
}

static enum fault_reason check_kind(const struct mmu *m, uint64_t pte)
{
	uint32_t kind = pte_kind(pte), target = pte_target(pte);

	if (!(m->kind_ok[kind / 64] >> (kind % 64) & 1))
		return FAULT_BAD_KIND;
	if (target == 1)
		return FAULT_PAGE_NOT_PRESENT;
	if (target != PTE_VRAM &&
	    (m->kind_comp[kind / 64] >> (kind % 64) & 1 || pte & PTE_TAG_MASK))
		return FAULT_COMPRESSED_SYSRAM;
	return FAULT_NONE;
}

/* Where in a PDE's range an address lies, and what the PDE says. */
struct walk {
	const struct fermi_geom *g;
	uint64_t in, pde;
	uint32_t cut; /* log2 of the divisor of both tables' lengths */
};

static enum fault_reason walk_small(struct sim *s, const struct walk *w, uint64_t in, uint64_t *pte)
{
	return walk_table(s, pde_small_target(w->pde), pde_small_addr(w->pde),
			  in >> FERMI_SMALL_SHIFT, w->g->nr_small >> w->cut, pte);
}

/*
 * Whether a small page lies anywhere in the large page around va.  Then the
 * large entry must not be cached whole: it would hide that small page.
 */
static bool is_mixed(struct sim *s, const struct walk *w)
{
	uint64_t large = 1ull << w->g->large_shift, first = align_down(w->in, large), pte;

	if (pde_small_target(w->pde) == PDE_NONE)
		return false;
	for (uint64_t in = first; in < first + large; in += 1ull << FERMI_SMALL_SHIFT)
		if (walk_small(s, w, in, &pte) == FAULT_NONE)
			return true;
	return false;
}

/*
 * Walks for va: the small table first, the large one where that has nothing.
 * *shift is the size of the page that *pte may be cached for.  When neither
 * has a page the reason is that of the table that got furthest, "no page"
 * before "too short" before "no table".
 */
static enum fault_reason walk(struct sim *s, const struct mmu_vm *vm, const struct fermi_geom *g,
			      uint64_t va, uint64_t *pte, uint32_t *shift)
{
	struct walk w = { .g = g, .in = va & ((1ull << g->pde_shift) - 1) };
	enum fault_reason small, large;
	uint64_t page = 1ull << g->large_shift;

	if (!load_entry(s, vm->pdb_target, vm->pdb + (va >> g->pde_shift) * 8, &w.pde))
		return FAULT_PT_NOT_PRESENT;
	w.cut = pde_size_shift(w.pde);
	*shift = FERMI_SMALL_SHIFT;
	small = walk_small(s, &w, w.in, pte);
	if (small == FAULT_NONE)
		return check_kind(s->mmu, *pte);
	large = walk_table(s, pde_large_target(w.pde), pde_large_addr(w.pde),
			   w.in >> g->large_shift, g->nr_large >> w.cut, pte);
	if (large != FAULT_NONE)
		return small > large ? small : large;
	if (is_mixed(s, &w)) /* the 4 KiB of it at va */
		*pte = pte_move(*pte, pte_target(*pte),
				align_down(pte_addr(*pte), page) | (va & (page - 1) & ~0xfffull));
	else
		*shift = g->large_shift;
	return check_kind(s->mmu, *pte);
}

/* A usable entry for va from the TLB, else from a walk that fills it. */
static enum fault_reason find_entry(struct sim *s, const struct mmu_vm *vm, uint64_t va,
				    uint64_t *pte, uint32_t *shift)
{
	struct mmu *m = s->mmu;
	const struct fermi_geom *g =
		&fermi_geom[atomic_load_explicit(&m->geom, memory_order_relaxed)];
	enum fault_reason r;
	uint64_t generation;

	*shift = FERMI_SMALL_SHIFT;
	if (tlb_lookup(m->tlb, tlb_key(vm->pdb, vm->pdb_target, va, *shift), pte))
		return FAULT_NONE;
	*shift = g->large_shift;
	if (tlb_lookup(m->tlb, tlb_key(vm->pdb, vm->pdb_target, va, *shift), pte))
		return FAULT_NONE;
	generation = tlb_generation(m->tlb);
	r = walk(s, vm, g, va, pte, shift);
	if (r == FAULT_NONE)
		tlb_insert(m->tlb, tlb_key(vm->pdb, vm->pdb_target, va, *shift), *pte, generation);
	return r;
}

enum fault_reason mmu_xlate_held(struct sim *s, const struct mmu_vm *vm, uint64_t va, uint64_t len,
				 bool write, uint32_t *target, uint64_t *addr, uint64_t *run)
{
	enum fault_reason r;
	uint64_t pte, in, page;
	uint32_t shift;

	if (va > vm->limit || va >> FERMI_VA_BITS)
		return FAULT_VM_LIMIT;
	r = find_entry(s, vm, va, &pte, &shift);
	if (r != FAULT_NONE)
		return r;
	if (pte & PTE_PRIV && !vm->priv)
		return FAULT_PRIVILEGED;
	if (pte & PTE_RO && write)
		return FAULT_READ_ONLY;

	page = 1ull << shift;
	in = va & (page - 1);
	len = len ? len : 1;
	if (len > page - in)
		len = page - in;
	if (len - 1 > vm->limit - va)
		len = vm->limit - va + 1;
	*target = pte_target(pte);
	*addr = align_down(pte_addr(pte), page) | in;
	*run = len;
	return FAULT_NONE;
}

enum fault_reason mmu_xlate(struct sim *s, const struct mmu_vm *vm, uint64_t va, uint64_t len,
			    bool write, uint32_t *target, uint64_t *addr, uint64_t *run)
{
	enum fault_reason r;

	pthread_rwlock_rdlock(&s->dma_lock);
	r = mmu_xlate_held(s, vm, va, len, write, target, addr, run);
	pthread_rwlock_unlock(&s->dma_lock);
	return r;
}

/* ---- moving data ----------------------------------------------------------- */

/*
 * A pointer to memory at va, contiguous for *run bytes (at most len): pages
 * that happen to lie side by side are joined.  dma_lock held.
 */
static enum fault_reason span(struct sim *s, const struct mmu_vm *vm, uint64_t va, uint64_t len,
			      bool write, uint8_t **p, uint64_t *run)
{
	uint64_t addr, there, next_addr, more;
	uint32_t target, next_target;
	enum fault_reason r = mmu_xlate_held(s, vm, va, len, write, &target, &addr, run);

	if (r != FAULT_NONE)
		return r;
	while (*run < len && mmu_xlate_held(s, vm, va + *run, len - *run, write, &next_target,
					    &next_addr, &more) == FAULT_NONE &&
	       next_target == target && next_addr == addr + *run)
		*run += more;
	*p = mem_ptr(s, target, addr, *run, &there);
	if (!*p)
		return FAULT_PAGE_NOT_PRESENT;
	*run = there;
	return FAULT_NONE;
}

/* Words that others may poll go in one piece, in order with what was moved before. */
static void move_out(void *buf, const uint8_t *p, uint64_t n)
{
	if (n == 4 && is_aligned((uintptr_t)p, 4)) {
		uint32_t v = __atomic_load_n((const uint32_t *)p, __ATOMIC_ACQUIRE);

		memcpy(buf, &v, 4);
	} else if (n == 8 && is_aligned((uintptr_t)p, 8)) {
		uint64_t v = __atomic_load_n((const uint64_t *)p, __ATOMIC_ACQUIRE);

		memcpy(buf, &v, 8);
	} else {
		memcpy(buf, p, n);
	}
}

static void move_in(uint8_t *p, const void *buf, uint64_t n)
{
	uint64_t v = 0;

	if (n == 4 && is_aligned((uintptr_t)p, 4)) {
		memcpy(&v, buf, 4);
		__atomic_store_n((uint32_t *)p, (uint32_t)v, __ATOMIC_RELEASE);
	} else if (n == 8 && is_aligned((uintptr_t)p, 8)) {
		memcpy(&v, buf, 8);
		__atomic_store_n((uint64_t *)p, v, __ATOMIC_RELEASE);
	} else {
		memcpy(p, buf, n);
	}
}

/* One hold of dma_lock; *done bytes were moved even when it faults. */
static enum fault_reason move_some(struct sim *s, const struct mmu_vm *vm, uint64_t va,
				   uint8_t *buf, uint64_t len, bool write, uint64_t *done)
{
	enum fault_reason r = FAULT_NONE;
	uint64_t run;
	uint8_t *p;

	len = len < HOLD_LEN ? len : HOLD_LEN;
	pthread_rwlock_rdlock(&s->dma_lock);
	for (*done = 0; *done < len; *done += run) {
		r = span(s, vm, va + *done, len - *done, write, &p, &run);
		if (r != FAULT_NONE)
			break;
		if (write)
			move_in(p, buf + *done, run);
		else
			move_out(buf + *done, p, run);
	}
	pthread_rwlock_unlock(&s->dma_lock);
	return r;
}

static enum fault_reason move(struct sim *s, const struct mmu_vm *vm, uint64_t va, uint8_t *buf,
			      uint64_t len, bool write, uint64_t *at)
{
	enum fault_reason r;
	uint64_t done;

	for (; len; va += done, buf += done, len -= done) {
		r = move_some(s, vm, va, buf, len, write, &done);
		if (r != FAULT_NONE) {
			*at = va + done;
			return r;
		}
	}
	return FAULT_NONE;
}

enum fault_reason mmu_rd(struct sim *s, const struct mmu_vm *vm, uint64_t va, void *buf,
			 uint64_t len, uint64_t *at)
{
	return move(s, vm, va, buf, len, false, at);
}

enum fault_reason mmu_wr(struct sim *s, const struct mmu_vm *vm, uint64_t va, const void *buf,
			 uint64_t len, uint64_t *at)
{
	/* move() does not touch buf when it writes memory. */
	return move(s, vm, va, (uint8_t *)(uintptr_t)buf, len, true, at);
}

struct copy {
	const struct mmu_vm *vm;
	uint64_t dst, src, len;
	uint64_t at; /* on a fault */
	bool at_write;
};

/* One hold of dma_lock; c is moved on by what was copied. */
static enum fault_reason copy_some(struct sim *s, struct copy *c)
{
	uint64_t left = c->len < HOLD_LEN ? c->len : HOLD_LEN, n, m;
	enum fault_reason r = FAULT_NONE;
	uint8_t *from, *to;

	pthread_rwlock_rdlock(&s->dma_lock);
	for (; left; left -= n, c->len -= n, c->src += n, c->dst += n) {
		c->at = c->src;
		c->at_write = false;
		r = span(s, c->vm, c->src, left, false, &from, &n);
		if (r != FAULT_NONE)
			break;
		c->at = c->dst;
		c->at_write = true;
		r = span(s, c->vm, c->dst, n, true, &to, &m);
		if (r != FAULT_NONE)
			break;
		n = m;
		memmove(to, from, n);
	}
	pthread_rwlock_unlock(&s->dma_lock);
	return r;
}

enum fault_reason mmu_copy(struct sim *s, const struct mmu_vm *vm, uint64_t dst, uint64_t src,
			   uint64_t len, uint64_t *at, bool *at_write)
{
	struct copy c = { .vm = vm, .dst = dst, .src = src, .len = len };
	enum fault_reason r = FAULT_NONE;

	while (c.len && r == FAULT_NONE)
		r = copy_some(s, &c);
	if (r != FAULT_NONE) {
		*at = c.at;
		*at_write = c.at_write;
	}
	return r;
}

/* ---- faults ---------------------------------------------------------------- */

/* The engine that a unit's fault stops; none for BARs, PBDMAs, PMU. */
static uint32_t engine_bit(enum fault_unit u)
{
	switch (u) {
	case FAULT_UNIT_PGRAPH:
		return 1u << ENGINE_GR;
	case FAULT_UNIT_MSPDEC:
		return 1u << ENGINE_MSPDEC;
	case FAULT_UNIT_MSPPP:
		return 1u << ENGINE_MSPPP;
	case FAULT_UNIT_MSVLD:
		return 1u << ENGINE_MSVLD;
	case FAULT_UNIT_CE0:
		return 1u << ENGINE_CE0;
	case FAULT_UNIT_CE1:
		return 1u << ENGINE_CE1;
	default:
		return 0;
	}
}

void mmu_fault(struct sim *s, const struct mmu_fault *f)
{
	uint32_t units = sim_reg_load(s, NV_PFIFO_MMU_FAULT_UNITS), bit = 1u << f->unit;
	uint32_t info = f->reason & 0xf;

	if (units & bit)
		return;
	info |= f->hub ? FAULT_INFO_HUB : 0;
	info |= f->write ? FAULT_INFO_WRITE : 0;
	info |= (f->client & 0x1f) << 8 | (f->gpc & 0x1f) << 24;
	sim_reg_store(s, reg_at(REGID_PFIFO_MMU_FAULT_INST, f->unit), (uint32_t)(f->inst >> 12));
	sim_reg_store(s, reg_at(REGID_PFIFO_MMU_FAULT_VALO, f->unit), lo32(f->va));
	sim_reg_store(s, reg_at(REGID_PFIFO_MMU_FAULT_VAHI, f->unit), hi32(f->va));
	sim_reg_store(s, reg_at(REGID_PFIFO_MMU_FAULT_INFO, f->unit), info);
	sim_reg_store(s, NV_PFIFO_MMU_FAULT_UNITS, units | bit);
	sim_reg_store(s, NV_PFIFO_ENG_FAULT,
		      sim_reg_load(s, NV_PFIFO_ENG_FAULT) | engine_bit(f->unit));
	pfifo_intr_update(s);
}
