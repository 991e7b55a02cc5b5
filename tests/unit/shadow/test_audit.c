// SPDX-License-Identifier: MIT
/*
 * The audit itself: each rule is broken by hand, on the device or in the
 * books, and the audit must say so, and be silent again when it is mended.
 */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

struct scene {
	struct rig *r;
	struct guest *g;
	struct shadow_chan *ch;
	struct vas *v;
	uint64_t inst, pd, small, large; /* on the card */
};

static struct scene scene(void)
{
	struct scene c = { .r = rig_new(SHADOW_OPT_KEEP) };

	c.g = &c.r->g[0];
	for (uint32_t i = 0; i < 4; i++) {
		guest_wr64(c.r, c.g, PTE_VRAM, G_SMALL + i * 8ull,
			   pte_pack(PTE_VRAM, i * 4096ull, PTE_PRESENT));
		guest_wr64(c.r, c.g, PTE_VRAM, G_SMALL + (8 + i) * 8ull,
			   pte_pack(PTE_SYS, i * 4096ull, PTE_PRESENT | PTE_RO));
	}
	guest_wr64(c.r, c.g, PTE_VRAM, G_LARGE + 8, pte_pack(PTE_VRAM, 0x20000, PTE_PRESENT));
	guest_wr64(c.r, c.g, PTE_VRAM, G_LARGE + 16, pte_pack(PTE_SYS, 0x20000, PTE_PRESENT));
	c.ch = guest_chan(c.r, c.g, 0);
	guest_chan(c.r, &c.r->g[1], 0);
	guest_wr64(c.r, c.g, PTE_VRAM, G_RUNLIST, 0);
	assert_int_equal(shadow_runlist_submit(c.g->sg, G_RUNLIST >> 12, 1), 0);
	c.v = c.ch->vas;
	c.inst = hvram_x(shadow_chan_inst(c.ch));
	c.pd = dev_rd64(c.r, c.inst + INST_PDB_LO);
	c.small = pde_small_addr(dev_rd64(c.r, c.pd));
	c.large = pde_large_addr(dev_rd64(c.r, c.pd));
	assert_int_equal(shadow_audit(c.r->s, stderr), 0);
	return c;
}

static uint64_t dev_swap64(struct rig *r, uint64_t at, uint64_t v)
{
	uint64_t old = dev_rd64(r, at);

	assert_int_equal(dev_vram_wr(&r->f.dev, hvram(at), &v, 8), 0);
	return old;
}

/* One line for each violation. */
static unsigned int audit_lines(struct rig *r, unsigned int *lines)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	unsigned int bad;

	assert_non_null(f);
	bad = shadow_audit(r->s, f);
	fclose(f);
	*lines = 0;
	for (size_t i = 0; i < n; i++)
		*lines += text[i] == '\n';
	free(text);
	return bad;
}

static void planted_on_the_device(void **st)
{
	struct scene c = scene();
	struct guest *b = &c.r->g[1];
	const uint64_t p = PTE_PRESENT, own = host_of(c.g, 0);
	const struct {
		const char *what;
		uint64_t at, val;
	} plant[] = {
		{ "another guest's VRAM", c.small, pte_pack(PTE_VRAM, host_of(b, 0), p) },
		{ "the mediator's VRAM", c.small, pte_pack(PTE_VRAM, c.pd, p) },
		{ "own VRAM, another page", c.small, pte_pack(PTE_VRAM, own + 4096, p) },
		{ "VRAM in an empty entry", c.small + 100 * 8, pte_pack(PTE_VRAM, own, p) },
		{ "bits in an empty entry", c.small + 32767 * 8, 1ull << 40 },
		{ "a page lost", c.small + 8, 0 },
		{ "not read-only any more", c.small + 8 * 8, pte_pack(PTE_SYS, bus_of(c.g, 0), p) },
		{ "privilege dropped", c.small, pte_pack(PTE_VRAM, own, p | PTE_PRIV) },
		{ "kind changed", c.small, pte_pack(PTE_VRAM, own, p | 0xfeull << 36) },
		{ "compression tag", c.small, pte_pack(PTE_VRAM, own, p | 1ull << 44) },
		{ "another guest's RAM", c.small + 9 * 8,
		  pte_pack(PTE_SYS, bus_of(b, 0x1000), p | PTE_RO) },
		{ "frame 0", c.small + 9 * 8, pte_pack(PTE_SYS, 0, p | PTE_RO) },
		{ "snooped became not", c.small + 9 * 8,
		  pte_pack(PTE_SYS_NC, bus_of(c.g, 0x1000), p | PTE_RO) },
		{ "large page of another", c.large + 8,
		  pte_pack(PTE_VRAM, host_of(b, 0x20000), p) },
		{ "large page half outside", c.large + 8,
		  pte_pack(PTE_VRAM, host_of(c.g, 0x1f0000), p) },
		{ "large page of RAM moved", c.large + 16,
		  pte_pack(PTE_SYS, bus_of(c.g, 0x40000), p) },
		{ "table in guest memory", c.pd, pde_pack_small(PDE_VRAM, host_of(c.g, G_SMALL)) },
		{ "table in RAM", c.pd + 8, pde_pack_small(PDE_SYS, bus_of(c.g, 0)) },
		{ "table lost", c.pd, 0 },
		{ "table size", c.pd, dev_rd64(c.r, c.pd) | 1ull << 2 },
		{ "last directory entry", c.pd + 8191 * 8, pde_pack_large(PDE_VRAM, c.large) },
		{ "directory of the guest", c.inst + INST_PDB_LO, host_of(c.g, G_DIR) },
		{ "directory's target", c.inst + INST_PDB_LO, c.pd | PTE_SYS },
		{ "limit", c.inst + INST_LIMIT_LO, ~0ull },
		{ "USERD of the guest", c.inst + RAMFC_USERD_LO, host_of(c.g, G_USERD) },
		{ "context by physical address", c.inst + INST_CTX_GR, 0x5000 },
		{ "words beyond", c.inst + 0x800, 1 },
		{ "word between contexts", c.inst + 0x218, 1 },
		{ "an entry of the empty directory", hvram_x(c.r->s->empty_pd) + 8 * 17, c.pd },
		{ "runlist: another channel", hvram_x(c.r->s->rl[c.r->s->rl_cur]),
		  4ull << 32 | 77 },
		{ "runlist: other word", hvram_x(c.r->s->rl[c.r->s->rl_cur]), 0 },
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(plant); i++) {
		unsigned int lines, bad;
		uint64_t old = dev_swap64(c.r, plant[i].at, plant[i].val);

		bad = audit_lines(c.r, &lines);
		if (!bad)
			print_error("not found: %s\n", plant[i].what);
		assert_true(bad > 0);
		assert_int_equal(bad, lines);
		dev_swap64(c.r, plant[i].at, old);
		assert_int_equal(shadow_audit(c.r->s, stderr), 0);
	}
	rig_free(c.r);
}

static void planted_in_registers(void **st)
{
	struct scene c = scene();
	struct dev *d = &c.r->f.dev;
	hchan_t h;
	const struct {
		uint32_t reg, val;
	} plant[] = {
		{ reg_at(REGID_PFIFO_CHAN_INST, 100), CHAN_INST_VALID | 0x123 },
		{ reg_at(REGID_PFIFO_CHAN_INST, 0),
		  CHAN_INST_VALID | (uint32_t)(host_of(c.g, G_INST) >> 12) },
		{ NV_PFIFO_RUNLIST_CUR, (uint32_t)(host_of(c.g, G_RUNLIST) >> 12) },
		{ NV_PFIFO_RUNLIST_CUR,
		  (uint32_t)(hvram_x(c.r->s->rl[c.r->s->rl_cur]) >> 12) | 2u << 28 },
		{ NV_PFIFO_RUNLIST_STATUS, 2 },
		{ NV_PFIFO_RUNLIST_STATUS, 0 },
		{ NV_PFB_MMU_CTRL, 1 },
	};

	(void)st;
	assert_int_equal(part_chan_g2h(c.g->part, gchan(0), &h), 0);
	assert_int_equal(hchan_x(h), 0);
	for (size_t i = 0; i < ARRAY_SIZE(plant); i++) {
		uint32_t old = c.r->f.reg[plant[i].reg / 4];

		c.r->f.reg[plant[i].reg / 4] = plant[i].val;
		assert_true(shadow_audit(c.r->s, NULL) > 0);
		c.r->f.reg[plant[i].reg / 4] = old;
		assert_int_equal(shadow_audit(c.r->s, stderr), 0);
	}
	/* The channel table names a channel's shadow under another channel's id. */
	assert_int_equal(part_chan_g2h(c.r->g[1].part, gchan(0), &h), 0);
	dev_wr32(d, reg_at(REGID_PFIFO_CHAN_INST, hchan_x(h)),
		 CHAN_INST_VALID | (uint32_t)(c.inst >> 12));
	assert_true(shadow_audit(c.r->s, NULL) > 0);
	dev_wr32(d, reg_at(REGID_PFIFO_CHAN_INST, hchan_x(h)), 0);
	/* The id was given back while the list still offers it. */
	part_chan_put(c.g->part, gchan(0));
	assert_true(shadow_audit(c.r->s, NULL) > 0);
	assert_int_equal(part_chan_get(c.g->part, gchan(0), &h), 0);
	assert_int_equal(shadow_audit(c.r->s, stderr), 0);
	rig_free(c.r);
}

static void planted_in_the_books(void **st)
{
	struct scene c = scene();
	struct spt *t = c.v->slot[0].t[SPT_SMALL];
	uint64_t e = t->cur[8];
	hvram_t at;

	(void)st;
	c.g->sg->stats.pins++; /* a pin left behind */
	assert_true(shadow_audit(c.r->s, NULL) > 0);
	c.g->sg->stats.pins--;
	t->cur[8] = 0; /* an entry forgotten: its page is still mapped and pinned */
	assert_true(shadow_audit(c.r->s, NULL) > 1);
	t->cur[8] = e;
	c.g->sg->stats.table_bytes += 4096;
	assert_true(shadow_audit(c.r->s, NULL) > 0);
	c.g->sg->stats.table_bytes -= 4096;
	/* A table that belongs to nobody in the heap's eyes. */
	vheap_release(c.r->heap, t->at, t->nr * 8ull);
	assert_true(shadow_audit(c.r->s, NULL) > 0);
	assert_int_equal(vheap_alloc(c.r->heap, t->nr * 8ull, 4096, &at), 0);
	if (hvram_x(at) == hvram_x(t->at)) {
		assert_int_equal(shadow_audit(c.r->s, stderr), 0);
	} else { /* the heap chose another place for it: the same bytes there */
		uint64_t *copy = malloc(t->nr * 8ull);

		assert_int_equal(dev_vram_rd(&c.r->f.dev, t->at, copy, t->nr * 8ull), 0);
		assert_int_equal(dev_vram_wr(&c.r->f.dev, at, copy, t->nr * 8ull), 0);
		free(copy);
		t->at = at;
		e = vas_pde(&c.v->slot[0]);
		dev_swap64(c.r, c.pd, e);
		assert_int_equal(shadow_audit(c.r->s, stderr), 0);
	}
	/* Two directories in one place. */
	at = c.v->pd;
	c.v->pd = t->at;
	assert_true(shadow_audit(c.r->s, NULL) > 0);
	c.v->pd = at;
	c.v->tlb = true; /* changed and not flushed */
	assert_true(shadow_audit(c.r->s, NULL) > 0);
	c.v->tlb = false;
	c.g->sg->nr_reap = 1;
	assert_true(shadow_audit(c.r->s, NULL) > 0);
	c.g->sg->nr_reap = 0;
	rig_clean(c.r);
	rig_free(c.r);
}

/* RAM that the port took back without asking: the audit cannot prove the entry. */
static void page_that_is_gone(void **st)
{
	struct scene c = scene();
	struct hv_ops ops = *c.r->hv->ops;
	const struct hv_ops *old = c.r->hv->ops;

	(void)st;
	ops.caps &= ~(uint32_t)HV_CAP_PIN;
	c.r->hv->ops = &ops;
	assert_int_equal(shadow_audit(c.r->s, NULL), 4 + 1);
	c.r->hv->ops = old;
	rig_clean(c.r);
	rig_free(c.r);
}

static void device_refuses_writes(void **st)
{
	struct scene c = scene();

	(void)st;
	c.r->f.wr_fail = align_down(c.small, 4096);
	guest_wr64(c.r, c.g, PTE_VRAM, G_SMALL + 8, 0);
	assert_int_equal(guest_flush(c.g, G_DIR), -ERANGE);
	c.r->f.wr_fail = 0;
	assert_true(shadow_audit(c.r->s, NULL) > 0);
	rig_free(c.r);
}

/* Changes that the guest did not flush yet are no violation. */
static void unflushed_is_no_violation(void **st)
{
	struct scene c = scene();
	unsigned int lines;

	(void)st;
	guest_wr64(c.r, c.g, PTE_VRAM, G_SMALL, pte_pack(PTE_VRAM, 0x9000, PTE_PRESENT));
	assert_int_equal(audit_lines(c.r, &lines), 0);
	assert_int_equal(lines, 1);
	rig_free(c.r);
}

static void dump_tells(void **st)
{
	struct scene c = scene();
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	char want[64];

	(void)st;
	assert_non_null(f);
	shadow_dump(c.g->sg, f);
	fclose(f);
	/* The first four pages are one run. */
	snprintf(want, sizeof(want), "0000000000-0000003fff vram 0000000000 -> %010llx",
		 (unsigned long long)host_of(c.g, 0));
	assert_non_null(strstr(text, want));
	assert_non_null(strstr(text, "channel 0"));
	assert_non_null(strstr(text, "in the runlist"));
	free(text);
	rig_free(c.r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(planted_on_the_device),
		cmocka_unit_test(planted_in_registers),
		cmocka_unit_test(planted_in_the_books),
		cmocka_unit_test(page_that_is_gone),
		cmocka_unit_test(device_refuses_writes),
		cmocka_unit_test(unflushed_is_no_violation),
		cmocka_unit_test(dump_tells),
	};

	return cmocka_run_group_tests_name("shadow audit", t, NULL, NULL);
}
