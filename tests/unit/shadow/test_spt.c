// SPDX-License-Identifier: MIT
/*
 * Shadow tables, entry by entry: what of a guest's entry reaches the GPU, what
 * does not, and when a page may be unpinned.
 */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

/* Guest entry i of the small (large) table of slot 0. */
static void small(struct rig *r, struct guest *g, uint32_t i, uint64_t e)
{
	guest_wr64(r, g, PTE_VRAM, G_SMALL + i * 8ull, e);
}

static void large(struct rig *r, struct guest *g, uint32_t i, uint64_t e)
{
	guest_wr64(r, g, PTE_VRAM, G_LARGE + i * 8ull, e);
}

static uint64_t seen(struct rig *r, struct shadow_chan *ch, uint64_t va)
{
	uint32_t shift;

	return dev_walk(r, shadow_chan_inst(ch), va, &shift);
}

static void bits_that_pass(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);
	const uint64_t keep = PTE_PRIV | PTE_RO | PTE_VOLATILE | (0xfeull << 36);

	(void)st;
	small(r, g, 1, pte_pack(PTE_VRAM, 0x800000, PTE_PRESENT | keep));
	small(r, g, 2,
	      pte_pack(PTE_VRAM, 0x801000, PTE_PRESENT | PTE_TAG_MASK | 7ull << 61 | 1ull << 35));
	small(r, g, 3, pte_pack(PTE_SYS, 0x7000, PTE_PRESENT | keep));
	small(r, g, 4, pte_pack(PTE_SYS_NC, 0x8000, PTE_PRESENT | PTE_ENCRYPTED));
	small(r, g, 5, pte_pack(PTE_VRAM, 0x802000, 0)); /* not present */
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(seen(r, ch, 0x1000),
			 pte_pack(PTE_VRAM, host_of(g, 0x800000), PTE_PRESENT | keep));
	assert_int_equal(seen(r, ch, 0x2000),
			 pte_pack(PTE_VRAM, host_of(g, 0x801000), PTE_PRESENT));
	assert_int_equal(seen(r, ch, 0x3000),
			 pte_pack(PTE_SYS, bus_of(g, 0x7000), PTE_PRESENT | keep));
	assert_int_equal(seen(r, ch, 0x4000),
			 pte_pack(PTE_SYS_NC, bus_of(g, 0x8000), PTE_PRESENT | PTE_ENCRYPTED));
	assert_int_equal(seen(r, ch, 0x5000), 0);
	assert_int_equal(hv_null_pins(g->hv), 2);
	rig_clean(r);
	rig_free(r);
}

static void bad_entries(void **st)
{
	static const struct {
		uint64_t pte;
		enum shadow_fault fault;
	} bad[] = {
		{ PTE_PRESENT | (RIG_PART >> 12) << 4, SHADOW_FAULT_PTE_VRAM },
		{ PTE_PRESENT | PTE_ADDR_MASK, SHADOW_FAULT_PTE_VRAM },
		{ PTE_PRESENT | PTE_ENCRYPTED | 0x10, SHADOW_FAULT_PTE_VRAM },
		{ PTE_PRESENT | 1ull << 33, SHADOW_FAULT_PTE_TARGET },
		{ PTE_PRESENT | 2ull << 33 | (RIG_RAM >> 12) << 4, SHADOW_FAULT_PTE_SYS },
		{ PTE_PRESENT | 3ull << 33 | PTE_ADDR_MASK, SHADOW_FAULT_PTE_SYS },
	};

	(void)st;
	for (uint32_t opts = 0; opts < 2; opts++)
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			struct rig *r = rig_new(opts);
			struct guest *g = &r->g[0];
			struct shadow_chan *ch = guest_chan(r, g, 0);

			small(r, g, 3, bad[i].pte);
			assert_int_equal(guest_flush(g, G_DIR), 0);
			assert_int_equal(seen(r, ch, 0x3000), 0);
			assert_int_equal(g->faults[bad[i].fault], 1);
			assert_int_equal(g->last_where, 0x3000);
			assert_int_equal(shadow_guest_stats(g->sg)->faults[bad[i].fault], 1);
			/* A good entry turned bad goes away as well. */
			small(r, g, 3, pte_pack(PTE_SYS, 0x1000, PTE_PRESENT));
			assert_int_equal(guest_flush(g, G_DIR), 0);
			assert_int_not_equal(seen(r, ch, 0x3000), 0);
			small(r, g, 3, bad[i].pte);
			assert_int_equal(guest_flush(g, G_DIR), 0);
			assert_int_equal(seen(r, ch, 0x3000), 0);
			assert_int_equal(hv_null_pins(g->hv), 0);
			rig_clean(r);
			rig_free(r);
		}
}

static void large_pages(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);
	const uint64_t page = 1ull << 17;

	(void)st;
	large(r, g, 1, pte_pack(PTE_VRAM, PART_CHUNK_LEN - page, PTE_PRESENT));
	large(r, g, 2, pte_pack(PTE_VRAM, 0x801000, PTE_PRESENT)); /* does not start on its size */
	large(r, g, 3, pte_pack(PTE_VRAM, RIG_PART, PTE_PRESENT));
	large(r, g, 4, pte_pack(PTE_SYS, 2 * page, PTE_PRESENT));
	large(r, g, 5, pte_pack(PTE_SYS, RIG_RAM, PTE_PRESENT));
	large(r, g, 6, pte_pack(PTE_SYS, page + 4096, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(seen(r, ch, page),
			 pte_pack(PTE_VRAM, host_of(g, PART_CHUNK_LEN - page), PTE_PRESENT));
	assert_int_equal(seen(r, ch, 2 * page), 0);
	assert_int_equal(seen(r, ch, 3 * page), 0);
	assert_int_equal(seen(r, ch, 4 * page),
			 pte_pack(PTE_SYS, bus_of(g, 2 * page), PTE_PRESENT));
	assert_int_equal(seen(r, ch, 5 * page), 0);
	assert_int_equal(seen(r, ch, 6 * page), 0);
	assert_int_equal(g->faults[SHADOW_FAULT_PTE_VRAM], 2);
	assert_int_equal(g->faults[SHADOW_FAULT_PTE_SYS], 2);
	assert_int_equal(hv_null_pins(g->hv), 32);
	rig_clean(r);
	/* One page short of a large page in RAM: none of its frames stays pinned. */
	assert_int_equal(hv_null_revoke(g->hv, gpa(2 * page + 31 * 4096), 4096), 0);
	g->gone[(2 * page + 31 * 4096) / 4096] = true;
	assert_int_equal(seen(r, ch, 4 * page), 0);
	assert_int_equal(hv_null_pins(g->hv), 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(seen(r, ch, 4 * page), 0);
	assert_int_equal(hv_null_pins(g->hv), 0);
	rig_clean(r);
	rig_free(r);
}

/* ---- order of pin, TLB flush and unpin ------------------------------------------------- */

static const struct hv_ops *port; /* the port below the spy */
static struct rig *spied;
static unsigned int flushes_at_change, unpins_seen;
static long depth, lowest;

static int spy_pin(struct hv_guest *g, gpa_t page, dma_t *out)
{
	int err = port->pin(g, page, out);

	depth += !err;
	return err;
}

static void spy_unpin(struct hv_guest *g, gpa_t page)
{
	depth--;
	lowest = depth < lowest ? depth : lowest;
	unpins_seen++;
	/* The device was told to forget the page since the guest changed its entry. */
	assert_true(spied->f.tlb_flushes > flushes_at_change);
	port->unpin(g, page);
}

static void unpin_after_flush(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct hv_ops spy = *r->hv->ops;

	(void)st;
	guest_chan(r, g, 0);
	for (uint32_t i = 0; i < 600; i++)
		small(r, g, i, pte_pack(PTE_SYS, i * 4096ull, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(hv_null_pins(g->hv), 600);

	port = r->hv->ops;
	spied = r;
	spy.pin = spy_pin;
	spy.unpin = spy_unpin;
	r->hv->ops = &spy;
	depth = lowest = 600;
	unpins_seen = 0;
	flushes_at_change = r->f.tlb_flushes;
	/* Unchanged pages, each with its pin taken anew first: never fewer than there are entries.
	 */
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(unpins_seen, 600);
	assert_int_equal(lowest, 600);
	/* More entries than wait at a time. */
	for (uint32_t i = 600; i < 3 * REAP_MAX; i++)
		small(r, g, i, pte_pack(PTE_SYS, i % 1000 * 4096ull, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(depth, 3 * REAP_MAX);
	for (uint32_t i = 0; i < 3 * REAP_MAX; i++)
		small(r, g, i, 0);
	flushes_at_change = r->f.tlb_flushes;
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(depth, 0);
	/* A table that goes away. */
	small(r, g, 7, pte_pack(PTE_SYS, 0x9000, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(depth, 1);
	guest_wr64(r, g, PTE_VRAM, G_DIR, 0);
	flushes_at_change = r->f.tlb_flushes;
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(depth, 0);
	r->hv->ops = port;
	rig_clean(r);
	rig_free(r);
}

static void keep_skips_unchanged(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	uint64_t changed;
	unsigned int flushes;

	(void)st;
	guest_chan(r, g, 0);
	for (uint32_t i = 0; i < 700; i++)
		small(r, g, i, pte_pack(i % 2 ? PTE_SYS : PTE_VRAM, i * 4096ull, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	changed = shadow_guest_stats(g->sg)->ptes_changed;
	flushes = r->f.tlb_flushes;
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(shadow_guest_stats(g->sg)->ptes_changed, changed);
	assert_int_equal(r->f.tlb_flushes, flushes); /* nothing changed: nothing to forget */
	small(r, g, 650, 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(shadow_guest_stats(g->sg)->ptes_changed, changed + 1);
	assert_int_equal(r->f.tlb_flushes, flushes + 1);
	shadow_guest_set_opts(g->sg, 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(shadow_guest_stats(g->sg)->ptes_changed, changed + 1 + 699);
	rig_clean(r);
	rig_free(r);
}

static void size_field(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);
	uint64_t base = shadow_guest_stats(g->sg)->table_bytes;

	(void)st;
	assert_int_equal(base, 4096 + 65536 + 32768 * 8 + 1024 * 8);
	for (uint32_t s = 0; s < 4; s++) {
		uint32_t n = 32768u >> s;

		guest_wr64(r, g, PTE_VRAM, G_DIR,
			   pde_pack_small(PDE_VRAM, G_SMALL) | (uint64_t)s << 2);
		small(r, g, n - 1, pte_pack(PTE_VRAM, 0x900000, PTE_PRESENT));
		assert_int_equal(guest_flush(g, G_DIR), 0);
		assert_int_equal(shadow_guest_stats(g->sg)->table_bytes, 4096 + 65536 + n * 8);
		assert_int_not_equal(seen(r, ch, (n - 1) * 4096ull), 0);
		if (s)
			assert_int_equal(seen(r, ch, n * 4096ull), 0);
		rig_clean(r);
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(bits_that_pass),	cmocka_unit_test(bad_entries),
		cmocka_unit_test(large_pages),		cmocka_unit_test(unpin_after_flush),
		cmocka_unit_test(keep_skips_unchanged), cmocka_unit_test(size_field),
	};

	return cmocka_run_group_tests_name("shadow spt", t, NULL, NULL);
}
