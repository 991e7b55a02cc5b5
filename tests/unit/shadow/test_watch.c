// SPDX-License-Identifier: MIT
/* Watched pages: a guest's store to an instance block reaches the shadow when and as far as it may.
 */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

static uint32_t word(struct rig *r, struct shadow_chan *ch, uint32_t off)
{
	uint32_t v;

	assert_int_equal(dev_vram_rd(&r->f.dev, hvram(hvram_x(shadow_chan_inst(ch)) + off), &v, 4),
			 0);
	return v;
}

/* A store through a BAR, as the core reports it. */
static void store(struct rig *r, struct guest *g, uint64_t at, uint32_t v)
{
	guest_wr32(r, g, at, v);
	shadow_written(g->sg, gvram(at), 4);
}

static void which_pages(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch;

	(void)st;
	assert_false(shadow_watched(g->sg, gvram(0), RIG_PART));
	ch = guest_chan(r, g, 0);
	assert_true(shadow_watched(g->sg, gvram(G_INST), 1));
	assert_true(shadow_watched(g->sg, gvram(G_INST + 4095), 1));
	assert_true(shadow_watched(g->sg, gvram(0), RIG_PART));
	assert_true(shadow_watched(g->sg, gvram(0), G_INST + 1));
	assert_false(shadow_watched(g->sg, gvram(0), G_INST));
	assert_false(shadow_watched(g->sg, gvram(G_INST + 4096), 4096));
	/* Same bucket of the filter, another page. */
	assert_false(shadow_watched(g->sg, gvram(G_INST + WATCH_HASH * 4096), 4096));
	assert_false(shadow_watched(g->sg, gvram(G_INST), 0));
	assert_false(shadow_watched(g->sg, gvram(RIG_PART), 4096));
	assert_false(shadow_watched(g->sg, gvram(~0ull), ~0ull));
	assert_false(shadow_watched(r->g[1].sg, gvram(G_INST), 4096));
	shadow_chan_unbind(ch);
	assert_false(shadow_watched(g->sg, gvram(0), RIG_PART));
	rig_free(r);
}

static void mirrored_at_once(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);
	uint64_t pd;

	(void)st;
	store(r, g, G_INST + INST_CTX_CE1 + 4, 0x12);
	store(r, g, G_INST + INST_CTX_CE1, 0x5000 | INST_CTX_VALID);
	assert_int_equal(word(r, ch, INST_CTX_CE1), 0x5000 | INST_CTX_VALID);
	assert_int_equal(word(r, ch, INST_CTX_CE1 + 4), 0x12);
	assert_int_equal(shadow_chan_engines(ch), 1u << ENGINE_CE1);
	store(r, g, G_INST + INST_CTX_CE1, 0);
	assert_int_equal(word(r, ch, INST_CTX_CE1), 0);
	/* A new directory, not the guest's number for it. */
	pd = dev_rd64(r, hvram_x(shadow_chan_inst(ch)) + INST_PDB_LO);
	store(r, g, G_INST + INST_PDB_LO, G_DIR + 0x40000);
	assert_int_not_equal(word(r, ch, INST_PDB_LO), lo32(pd));
	assert_int_not_equal(word(r, ch, INST_PDB_LO), G_DIR + 0x40000);
	store(r, g, G_INST + INST_LIMIT_HI, 0xffff);
	assert_int_equal(word(r, ch, INST_LIMIT_HI), 0xff);
	rig_clean(r);
	rig_free(r);
}

static void ramfc_until_listed(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	store(r, g, G_INST + RAMFC_GPFIFO_LO, 0x1000);
	assert_int_equal(word(r, ch, RAMFC_GPFIFO_LO), 0x1000);
	store(r, g, G_INST + RAMFC_USERD_LO, 0x666000);
	assert_int_equal(word(r, ch, RAMFC_USERD_LO), hvram_x(g->userd));
	/* One byte of a word. */
	guest_wr32(r, g, G_INST + RAMFC_GPFIFO_HI, 0x090000);
	shadow_written(g->sg, gvram(G_INST + RAMFC_GPFIFO_HI + 2), 1);
	assert_int_equal(word(r, ch, RAMFC_GPFIFO_HI), 0x090000);
	/* Progress is not the guest's to make up. */
	store(r, g, G_INST + RAMFC_GP_PUT, 3);
	store(r, g, G_INST + RAMFC_GET_LO, 0x44);
	assert_int_equal(word(r, ch, RAMFC_GP_PUT) | word(r, ch, RAMFC_GET_LO), 0);
	/* Listed: the words are the device's. */
	guest_wr32(r, g, G_RUNLIST, 0);
	assert_int_equal(shadow_runlist_submit(g->sg, G_RUNLIST >> 12, 1), 0);
	store(r, g, G_INST + RAMFC_GPFIFO_LO, 0x2000);
	assert_int_equal(word(r, ch, RAMFC_GPFIFO_LO), 0x1000);
	store(r, g, G_INST + INST_CTX_GR, 0x3000 | INST_CTX_VALID);
	assert_int_equal(word(r, ch, INST_CTX_GR), 0x3000 | INST_CTX_VALID);
	/* Taken off: still the device's, which may go on with them when it is listed again. */
	assert_int_equal(shadow_runlist_submit(g->sg, G_RUNLIST >> 12, 0), 0);
	store(r, g, G_INST + RAMFC_GPFIFO_HI, 0x020000);
	assert_int_equal(word(r, ch, RAMFC_GPFIFO_HI), 0x090000);
	assert_int_equal(word(r, ch, RAMFC_GPFIFO_LO), 0x1000);
	rig_clean(r);
	rig_free(r);
}

/* What no store was seen of (a GPU copy over the page) is taken over by the next sync. */
static void unseen_change(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	guest_wr32(r, g, G_INST + INST_CTX_CE0, 0x8000 | INST_CTX_VALID);
	guest_wr32(r, g, G_INST + INST_LIMIT_LO, 0x7fffffff);
	assert_int_equal(shadow_chan_engines(ch), 0);
	assert_int_equal(shadow_chan_sync(ch), 0);
	assert_int_equal(shadow_chan_engines(ch), 1u << ENGINE_CE0);
	assert_int_equal(word(r, ch, INST_LIMIT_LO), 0x7fffffff);
	rig_clean(r);
	rig_free(r);
}

static void two_on_one_page(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *a = guest_chan(r, g, 0), *b;

	(void)st;
	assert_int_equal(shadow_chan_bind(g->sg, gchan(1), gvram(G_INST), g->userd, &b), 0);
	store(r, g, G_INST + INST_CTX_GR, 0x9000 | INST_CTX_VALID);
	assert_int_equal(word(r, a, INST_CTX_GR), 0x9000 | INST_CTX_VALID);
	assert_int_equal(word(r, b, INST_CTX_GR), 0x9000 | INST_CTX_VALID);
	shadow_chan_unbind(a);
	assert_true(shadow_watched(g->sg, gvram(G_INST), 4096));
	/* A store over the whole of VRAM is one event too. */
	guest_wr32(r, g, G_INST + INST_CTX_GR, 0);
	shadow_written(g->sg, gvram(0), RIG_PART);
	assert_int_equal(word(r, b, INST_CTX_GR), 0);
	rig_clean(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(which_pages),	      cmocka_unit_test(mirrored_at_once),
		cmocka_unit_test(ramfc_until_listed), cmocka_unit_test(unseen_change),
		cmocka_unit_test(two_on_one_page),
	};

	return cmocka_run_group_tests_name("shadow watch", t, NULL, NULL);
}
