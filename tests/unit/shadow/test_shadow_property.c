// SPDX-License-Identifier: MIT
/*
 * Random guests: tables, directories and channels written at random, good and
 * hostile, then a flush.  After it the audit must be silent and the device must
 * see exactly what a naive walk of the guest's own tables allows.
 *
 * The reference below is written from the hardware's rules and the isolation
 * rules alone; it shares no code with the room.
 */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

#define ROUNDS 40
#define STEPS 30
#define NR_CHANS 3
#define PAGE_OF_TABLES 0x200000ull /* guest VRAM from here on holds tables */

struct rng {
	uint64_t s;
};

static uint64_t rnd(struct rng *g)
{
	g->s ^= g->s << 13;
	g->s ^= g->s >> 7;
	g->s ^= g->s << 17;
	return g->s * 0x2545f4914f6cdd1dull;
}

static uint64_t below(struct rng *g, uint64_t n)
{
	return (rnd(g) >> 16) % n;
}

/* ---- the reference ----------------------------------------------------------------------- */

struct ref {
	struct rig *r;
	struct guest *g;
	const struct fermi_geom *geom;
	uint32_t target;
	uint64_t dir;
};

static bool readable(const struct ref *f, uint32_t target, uint64_t at, uint64_t len)
{
	for (uint64_t p = at / 4096; p <= (at + len - 1) / 4096; p++)
		if (!guest_at(f->r, f->g, target, p * 4096))
			return false;
	return true;
}

/* A present entry as the device may have it, 0 if its page is not the guest's. */
static uint64_t allowed(const struct ref *f, uint64_t e, uint64_t page, uint64_t in)
{
	uint64_t flags = e & (PTE_PRESENT | PTE_PRIV | PTE_RO | PTE_VOLATILE | PTE_KIND_MASK);

	if (pte_target(e) == 1 || pte_addr(e) % page ||
	    !readable(f, pte_target(e), pte_addr(e), page))
		return 0;
	if (pte_target(e) == PTE_VRAM)
		return e & PTE_ENCRYPTED
			       ? 0
			       : pte_pack(PTE_VRAM, host_of(f->g, pte_addr(e)) + in, flags);
	return pte_pack(pte_target(e), bus_of(f->g, pte_addr(e)) + in, flags | (e & PTE_ENCRYPTED));
}

/* Kind k's table of directory entry pde: false if the whole of it cannot be read. */
static bool table(const struct ref *f, uint64_t pde, bool small, uint32_t *target, uint64_t *at,
		  uint64_t *nr)
{
	uint32_t t = small ? pde_small_target(pde) : pde_large_target(pde);

	*nr = 0;
	if (t == PDE_NONE)
		return true;
	*target = t == PDE_VRAM ? PTE_VRAM : t;
	*at = small ? pde_small_addr(pde) : pde_large_addr(pde);
	*nr = (small ? f->geom->nr_small : f->geom->nr_large) >> pde_size_shift(pde);
	return readable(f, *target, *at, *nr * 8);
}

static uint64_t pte_of(const struct ref *f, uint64_t pde, bool small, uint64_t va)
{
	uint32_t target, shift = small ? 12 : f->geom->large_shift;
	uint64_t at, nr, e = 0, i = va % (1ull << f->geom->pde_shift) >> shift;

	if (table(f, pde, small, &target, &at, &nr) && i < nr)
		guest_rd64(f->r, f->g, target, at + i * 8, &e);
	return e & PTE_PRESENT ? e : 0;
}

/*
 * With 64 KiB pages two directory entries share a shadow table, and a table in
 * RAM that cannot be read takes away all of it.
 */
static bool pair_readable(const struct ref *f, uint64_t va)
{
	uint64_t first = align_down(va >> f->geom->pde_shift, 2), pde = 0, at, nr;
	uint32_t target = 0;

	for (int j = 0; j < 4; j++) {
		guest_rd64(f->r, f->g, f->target, f->dir + (first + j / 2) * 8, &pde);
		if (!table(f, pde, j % 2, &target, &at, &nr) && target != PTE_VRAM)
			return false;
	}
	return true;
}

/* What the device should find for va, with the address of the very byte's page. */
static uint64_t expect(const struct ref *f, uint64_t va)
{
	uint64_t pde = 0, e, page = 1ull << f->geom->large_shift;

	if (!readable(f, f->target, f->dir, f->geom->nr_pde * 8ull))
		return 0;
	guest_rd64(f->r, f->g, f->target, f->dir + (va >> f->geom->pde_shift) * 8, &pde);
	if (f->geom->nr_pde == 16384 && !pair_readable(f, va))
		return 0;
	e = pte_of(f, pde, true, va);
	if (e && (allowed(f, e, 4096, 0) || f->geom->nr_pde == 16384))
		return allowed(f, e, 4096, 0);
	e = pte_of(f, pde, false, va);
	if (!e || f->geom->nr_pde == 16384) {
		/*
		 * Split into small pages: each is judged by itself, but the start must fit the
		 * size.
		 */
		if (!e || pte_addr(e) % page)
			return 0;
		return allowed(f,
			       pte_move(e, pte_target(e),
					pte_addr(e) + align_down(va % page, 4096)),
			       4096, 0);
	}
	return allowed(f, e, page, align_down(va % page, 4096));
}

static uint64_t seen(struct rig *r, struct shadow_chan *ch, uint64_t va)
{
	uint32_t shift;
	uint64_t e = dev_walk(r, shadow_chan_inst(ch), va, &shift);

	if (!e)
		return 0;
	return pte_move(e, pte_target(e), pte_addr(e) + align_down(va % (1ull << shift), 4096));
}

/* ---- the random guest ----------------------------------------------------------------------- */

struct world {
	struct rig *r;
	struct rng rng;
	struct shadow_chan *ch[2][NR_CHANS];
	uint64_t pdb[2][NR_CHANS];
	bool g64k[2];
	bool by_gpu; /* stores of the present step do not trap, where the GPU could make them */
	uint64_t gpu_page[RIG_PART / 4096 / 64];
	uint64_t compared, present;
};

/* Where the guest's directories are: two in VRAM, one in RAM. */
static const uint64_t dirs[] = { G_DIR, G_DIR + 0x20000, 0x100000 | PTE_SYS };

static uint64_t rnd_addr(struct world *w, uint32_t target)
{
	uint64_t size = target == PTE_VRAM ? RIG_PART : RIG_RAM;

	switch (below(&w->rng, 12)) {
	case 0: return size - (below(&w->rng, 65) << 12); /* near the end */
	case 1: return size + (below(&w->rng, 64) << 12); /* beyond */
	case 2: return below(&w->rng, 1ull << 28) << 12;  /* anywhere */
	case 3:
		return RIG_HEAP_AT +
		       (below(&w->rng, 64) << 12); /* where the mediator's tables are */
	case 4: return 0;
	case 5: return below(&w->rng, size >> 17) << 17;
	default: return below(&w->rng, size >> 12) << 12;
	}
}

static uint64_t rnd_pte(struct world *w)
{
	uint32_t target = (uint32_t)below(&w->rng, 8);
	uint64_t flags = PTE_PRESENT;

	target = target < 4 ? target : target % 2 * 2;
	if (!below(&w->rng, 6))
		flags = rnd(&w->rng) & ~(PTE_ADDR_MASK | PTE_TARGET_MASK);
	return below(&w->rng, 8) ? pte_pack(target, rnd_addr(w, target), flags) : 0;
}

/* A place for a table: mostly a few fixed ones, so that tables are shared and alias each other. */
static uint64_t rnd_table(struct world *w, uint32_t target)
{
	if (!below(&w->rng, 8))
		return rnd_addr(w, target == PDE_VRAM ? PTE_VRAM : target);
	if (target == PDE_VRAM)
		return PAGE_OF_TABLES + (below(&w->rng, 6) << 18) + (below(&w->rng, 2) << 13);
	return 0x200000 + (below(&w->rng, 3) << 18);
}

/* Which pages of the guest's VRAM its shadows let the GPU write now. */
static void gpu_pages(struct world *w, struct guest *g)
{
	struct vas *v;

	memset(w->gpu_page, 0, sizeof w->gpu_page);
	list_for_each(v, &g->sg->vas, node)
		for (uint32_t i = 0; i < 2 * NR_SLOTS; i++) {
			const struct spt *t = v->slot[i / 2].t[i % 2];

			for (uint32_t j = 0; t && j < t->nr; j++) {
				uint64_t e = t->cur[j], p = pte_addr(e) / 4096;

				if (!e || (e & PTE_RO) || pte_target(e) != PTE_VRAM)
					continue;
				for (uint64_t n = p + (1u << (t->page_shift - 12)); p < n; p++)
					w->gpu_page[p / 64] |= 1ull << (p % 64);
			}
		}
}

/* A store of the guest: through a BAR, or by its GPU. */
static void put64(struct world *w, struct guest *g, uint32_t target, uint64_t at, uint64_t e)
{
	uint64_t p = at / 4096;

	guest_wr64(w->r, g, target, at, e);
	if (target != PTE_VRAM || at >= RIG_PART)
		return;
	if (!w->by_gpu || !(w->gpu_page[p / 64] >> (p % 64) & 1))
		shadow_written(g->sg, gvram(at), 8);
}

static void write_pde(struct world *w, struct guest *g)
{
	uint64_t dir = dirs[below(&w->rng, ARRAY_SIZE(dirs))], e = 0;
	uint64_t slot = below(&w->rng, 4) ? below(&w->rng, 4) : below(&w->rng, 16384);
	uint32_t t = (uint32_t)below(&w->rng, 4);

	if (below(&w->rng, 4))
		e |= pde_pack_small(t, rnd_table(w, t));
	t = (uint32_t)below(&w->rng, 4);
	if (below(&w->rng, 3) == 0)
		e |= pde_pack_large(t, rnd_table(w, t));
	if (below(&w->rng, 3) == 0)
		e |= below(&w->rng, 4) << 2;
	/* A directory that names itself or another directory as a table. */
	if (!below(&w->rng, 12))
		e = pde_pack_small(PDE_VRAM, G_DIR) | pde_pack_large(PDE_VRAM, G_DIR + 0x20000);
	put64(w, g, dir & 3, align_down(dir, 4096) + slot * 8, e);
}

static void write_ptes(struct world *w, struct guest *g)
{
	uint32_t target = below(&w->rng, 3) ? PDE_VRAM : PDE_SYS;
	uint64_t at = rnd_table(w, target) +
		      (below(&w->rng, 64) ? below(&w->rng, 40) : below(&w->rng, 32768)) * 8;
	uint64_t n = below(&w->rng, 4) ? 1 : below(&w->rng, 700), e = rnd_pte(w);
	bool step = below(&w->rng, 2);

	for (uint64_t i = 0; i < n; i++) {
		put64(w, g, target == PDE_VRAM ? PTE_VRAM : target, at + i * 8, e);
		e = step ? pte_move(e, pte_target(e), pte_addr(e) + 4096) : rnd_pte(w);
	}
}

/* Directories that lead somewhere to begin with: most of what is written later can then be reached.
 */
static void furnish(struct world *w, struct guest *g)
{
	for (size_t d = 0; d < ARRAY_SIZE(dirs); d++)
		for (uint64_t i = 0; i < 4; i++)
			put64(w, g, dirs[d] & 3, align_down(dirs[d], 4096) + i * 8,
				   pde_pack_small(PDE_VRAM, PAGE_OF_TABLES + (i << 18)) |
					   pde_pack_large(PDE_SYS, 0x200000 + (i % 3 << 18)));
	for (int i = 0; i < 8; i++)
		write_ptes(w, g);
}

static void write_pdb(struct world *w, int k, int i)
{
	struct guest *g = &w->r->g[k];
	uint64_t inst = G_INST + (uint64_t)i * 0x10000;

	w->pdb[k][i] = dirs[below(&w->rng, ARRAY_SIZE(dirs))];
	guest_inst(w->r, g, inst, w->pdb[k][i]);
	/* The page may be a table as well; the words beyond what an instance block has are nobody's. */
	shadow_written(g->sg, gvram(inst + 0xff8), 8);
	if (!w->ch[k][i])
		return;
	if (below(&w->rng, 2))
		shadow_written(g->sg, gvram(inst), 4096);
	else
		assert_int_equal(shadow_chan_sync(w->ch[k][i]), 0);
}

static void toggle_chan(struct world *w, int k, int i)
{
	struct guest *g = &w->r->g[k];

	if (w->ch[k][i]) {
		shadow_chan_unbind(w->ch[k][i]);
		w->ch[k][i] = NULL;
		return;
	}
	write_pdb(w, k, i);
	assert_int_equal(shadow_chan_bind(g->sg, gchan((uint32_t)i),
					  gvram(G_INST + (uint64_t)i * 0x10000), g->userd,
					  &w->ch[k][i]),
			 0);
}

static void take_ram(struct world *w, struct guest *g)
{
	uint64_t p = below(&w->rng, RIG_RAM / 4096);

	assert_int_equal(hv_null_revoke(g->hv, gpa(p * 4096), 4096), 0);
	g->gone[p] = true;
}

static void runlist(struct world *w, struct guest *g)
{
	uint64_t n = below(&w->rng, 8);

	for (uint64_t i = 0; i < n; i++)
		put64(w, g, PTE_VRAM, G_RUNLIST + i * 8,
			   below(&w->rng, 10) ? below(&w->rng, 4) : rnd(&w->rng));
	shadow_runlist_submit(g->sg, G_RUNLIST >> 12, (uint32_t)n);
}

static void step(struct world *w)
{
	int k = (int)below(&w->rng, 2), i = (int)below(&w->rng, NR_CHANS);
	struct guest *g = &w->r->g[k];

	w->by_gpu = !below(&w->rng, 3);
	if (w->by_gpu)
		gpu_pages(w, g);
	if (w->ch[k][i])
		shadow_chan_busy(w->ch[k][i], !below(&w->rng, 4));
	switch (below(&w->rng, 24)) {
	case 0: toggle_chan(w, k, i); break;
	case 1: write_pdb(w, k, i); break;
	case 2:
		if (!below(&w->rng, 4))
			take_ram(w, g);
		break;
	case 3:
		assert_int_equal(shadow_guest_set_opts(g->sg, below(&w->rng, SHADOW_OPT_REMAP)), 0);
		break;
	case 4:
		if (!below(&w->rng, 3))
			shadow_set_large_64k(g->sg, w->g64k[k] = !w->g64k[k]);
		break;
	case 5: runlist(w, g); break;
	case 6: assert_int_equal(guest_flush(g, dirs[below(&w->rng, 3)]), 0); break;
	case 7:
	case 8:
	case 9:
	case 10: write_pde(w, g); break;
	default: write_ptes(w, g); break;
	}
}

/* ---- the check --------------------------------------------------------------------------------
 */

static void check_chan(struct world *w, int k, int i, uint64_t seed)
{
	struct ref f = { .r = w->r,
			 .g = &w->r->g[k],
			 .geom = &fermi_geom[w->g64k[k]],
			 .target = w->pdb[k][i] & 3,
			 .dir = align_down(w->pdb[k][i], 4096) };

	for (int n = 0; n < 400; n++) {
		uint64_t va = below(&w->rng, 4) ? below(&w->rng, 4ull << 27) : rnd(&w->rng) >> 24;
		uint64_t want, got;

		if (below(&w->rng, 2)) /* where the writes go: the first pages of a slot */
			va = (below(&w->rng, 8) << 26) +
			     below(&w->rng, below(&w->rng, 2) ? 1u << 18 : 1u << 23);
		want = expect(&f, va);
		got = seen(w->r, w->ch[k][i], va);
		if (want != got)
			print_error("seed 0x%llx guest %d channel %d va 0x%llx: want 0x%016llx, "
				    "device has 0x%016llx\n",
				    (unsigned long long)seed, k, i, (unsigned long long)va,
				    (unsigned long long)want, (unsigned long long)got);
		assert_true(want == got);
		w->compared++;
		w->present += want != 0;
	}
}

static bool within_quota(const struct guest *g)
{
	return !g->faults[SHADOW_FAULT_QUOTA];
}

static void check(struct world *w, uint64_t seed)
{
	for (int k = 0; k < 2; k++) {
		struct guest *g = &w->r->g[k];

		g->faults[SHADOW_FAULT_QUOTA] = 0;
		g->faults[SHADOW_FAULT_PDB] = 0;
		assert_int_equal(shadow_flush(g->sg, 0, TLB_FLUSH_GO | TLB_FLUSH_ALL_PDBS), 0);
		for (int i = 0; i < NR_CHANS; i++)
			if (w->ch[k][i])
				assert_int_equal(shadow_chan_sync(w->ch[k][i]), 0);
	}
	if (shadow_audit(w->r->s, NULL))
		print_error("seed 0x%llx\n", (unsigned long long)seed);
	rig_clean(w->r);
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < NR_CHANS; i++)
			if (w->ch[k][i] && w->ch[k][i]->vas && within_quota(&w->r->g[k]))
				check_chan(w, k, i, seed);
}

static void random_guests(void **st)
{
	uint64_t compared = 0, present = 0;

	(void)st;
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		struct world w = { .r = rig_new((uint32_t)n % SHADOW_OPT_REMAP),
				   .rng = { n * 0x9e3779b97f4a7c15ull } };

		for (int k = 0; k < 2; k++) {
			furnish(&w, &w.r->g[k]);
			for (int i = 0; i < 2; i++)
				toggle_chan(&w, k, i);
		}
		for (int s = 0; s < STEPS; s++) {
			for (uint64_t m = below(&w.rng, 24); m; m--)
				step(&w);
			check(&w, n);
		}
		compared += w.compared;
		present += w.present;
		rig_free(w.r);
	}
	/* The rounds did real work: a part of the addresses leads somewhere. */
	assert_true(compared > ROUNDS * STEPS * 400);
	assert_true(present > compared / 40 && present < compared);
}

int main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(random_guests) };

	return cmocka_run_group_tests_name("shadow property", t, NULL, NULL);
}
