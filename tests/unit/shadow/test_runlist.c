// SPDX-License-Identifier: MIT
/* The merged runlist: whose channels are in it, in what order, and what a hostile list cannot do.
 */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

static void list(struct rig *r, struct guest *g, const uint32_t *id, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		guest_wr64(r, g, PTE_VRAM, G_RUNLIST + i * 8,
			   (uint64_t)RUNLIST_WORD1 << 32 | id[i]);
}

static int submit(struct guest *g, uint32_t n)
{
	return shadow_runlist_submit(g->sg, G_RUNLIST >> 12, 0x01f00000 | n);
}

/* Entry i of what the device runs; ~0 past its end. */
static uint32_t listed(struct rig *r, uint32_t i)
{
	uint64_t at = RUNLIST_ADDR(dev_rd32(&r->f.dev, NV_PFIFO_RUNLIST_CUR));

	if (i >= RUNLIST_COUNT(dev_rd32(&r->f.dev, NV_PFIFO_RUNLIST_STATUS)))
		return ~0u;
	return (uint32_t)dev_rd64(r, at + i * 8);
}

static uint32_t host(struct guest *g, uint32_t id)
{
	hchan_t h;

	assert_int_equal(part_chan_g2h(g->part, gchan(id), &h), 0);
	return hchan_x(h);
}

static void merged_in_turn(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *a = &r->g[0], *b = &r->g[1];
	uint64_t at;

	(void)st;
	for (uint32_t i = 0; i < 3; i++)
		guest_chan(r, a, i);
	for (uint32_t i = 0; i < 2; i++)
		guest_chan(r, b, i);
	list(r, a, (uint32_t[]){ 2, 0, 1 }, 3);
	list(r, b, (uint32_t[]){ 1, 0 }, 2);
	assert_int_equal(submit(a, 3), 0);
	at = RUNLIST_ADDR(dev_rd32(&r->f.dev, NV_PFIFO_RUNLIST_CUR));
	assert_int_equal(submit(b, 2), 0);
	/* The running list is never the one that is written. */
	assert_int_not_equal(RUNLIST_ADDR(dev_rd32(&r->f.dev, NV_PFIFO_RUNLIST_CUR)), at);
	assert_int_equal(listed(r, 0), host(a, 2));
	assert_int_equal(listed(r, 1), host(b, 1));
	assert_int_equal(listed(r, 2), host(a, 0));
	assert_int_equal(listed(r, 3), host(b, 0));
	assert_int_equal(listed(r, 4), host(a, 1));
	assert_int_equal(listed(r, 5), ~0u);
	assert_true(shadow_runlist_has(a->sg, gchan(2)));
	assert_false(shadow_runlist_has(b->sg, gchan(2)));
	assert_false(shadow_runlist_has(b->sg, gchan(1000)));
	rig_clean(r);
	/* One guest's empty list leaves the other's channels. */
	assert_int_equal(submit(a, 0), 0);
	assert_int_equal(listed(r, 0), host(b, 1));
	assert_int_equal(listed(r, 2), ~0u);
	rig_clean(r);
	rig_free(r);
}

static void what_is_not_the_guests(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *a = &r->g[0], *b = &r->g[1];
	struct shadow_chan *ch;
	hchan_t h;

	(void)st;
	guest_chan(r, a, 0);
	guest_chan(r, b, 7);
	list(r, b, (uint32_t[]){ 7 }, 1);
	assert_int_equal(submit(b, 1), 0);
	/* Own; the other guest's id on the card; never bound; no id at all; own again. */
	list(r, a, (uint32_t[]){ 0, host(b, 7), 5, 128, 0xffffffff, 0 }, 6);
	assert_int_equal(submit(a, 6), 0);
	assert_int_equal(a->faults[SHADOW_FAULT_RUNLIST], 4);
	assert_int_equal(listed(r, 0), host(a, 0));
	assert_int_equal(listed(r, 1), host(b, 7));
	assert_int_equal(listed(r, 2), ~0u);
	rig_clean(r);
	/* An id of the last list that is bound later appears with the next commit. */
	guest_inst(r, a, 0x50000, G_DIR);
	assert_int_equal(part_chan_get(a->part, gchan(5), &h), 0);
	assert_int_equal(shadow_chan_bind(a->sg, gchan(5), gvram(0x50000), a->userd, &ch), 0);
	assert_int_equal(shadow_runlist_commit(r->s), 0);
	assert_int_equal(listed(r, 2), hchan_x(h));
	rig_clean(r);
	rig_free(r);
}

static void bad_lists(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	const uint32_t full = 4095;

	(void)st;
	guest_chan(r, g, 0);
	list(r, g, (uint32_t[]){ 0 }, 1);
	assert_int_equal(submit(g, 1), 0);
	/* Outside, running out of memory at its end, of a target that is none: the last list stays.
	 */
	assert_int_equal(shadow_runlist_submit(g->sg, (uint32_t)(RIG_PART >> 12), 1), -EFAULT);
	assert_int_equal(shadow_runlist_submit(g->sg, (uint32_t)(RIG_PART >> 12) - 1, full),
			 -EFAULT);
	assert_int_equal(shadow_runlist_submit(g->sg, G_RUNLIST >> 12 | 1u << 28, 1), -EFAULT);
	assert_int_equal(shadow_runlist_submit(g->sg, (uint32_t)(RIG_RAM >> 12) | 2u << 28, 1),
			 -EFAULT);
	assert_int_equal(shadow_runlist_submit(g->sg, 0x0fffffff, full), -EFAULT);
	assert_int_equal(listed(r, 0), host(g, 0));
	assert_true(g->faults[SHADOW_FAULT_RUNLIST] >= 5);
	/*
	 * Every id that is none, more of them than a list can hold; the last ones would be 0 if cut
	 * to a byte.
	 */
	for (uint32_t i = 0; i < 4095; i++)
		guest_wr64(r, g, PTE_SYS, 0x20000 + i * 8, i + 1);
	assert_int_equal(shadow_runlist_submit(g->sg, 0x20 | PTE_SYS << 28, 4095), 0);
	assert_int_equal(listed(r, 0), ~0u);
	/* The longest list there is, of one channel. */
	for (uint32_t i = 0; i < full; i++)
		guest_wr64(r, g, PTE_SYS, 0x10000 + i * 8, 0);
	assert_int_equal(shadow_runlist_submit(g->sg, 0x10 | PTE_SYS << 28, 0xfff), 0);
	assert_int_equal(listed(r, 0), host(g, 0));
	assert_int_equal(listed(r, 1), ~0u);
	rig_clean(r);
	rig_free(r);
}

/* All of the card's channels, by two guests. */
static void full_card(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	uint32_t id[64];
	bool seen[GF100_NR_CHAN] = { false };

	(void)st;
	for (uint32_t i = 0; i < 64; i++) {
		id[i] = i;
		guest_chan(r, &r->g[0], i);
		guest_chan(r, &r->g[1], i);
	}
	for (int k = 0; k < 2; k++) {
		list(r, &r->g[k], id, 64);
		assert_int_equal(submit(&r->g[k], 64), 0);
	}
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		assert_true(listed(r, i) < GF100_NR_CHAN);
		assert_false(seen[listed(r, i)]);
		seen[listed(r, i)] = true;
	}
	rig_clean(r);
	shadow_guest_free(r->g[0].sg);
	r->g[0].sg = NULL;
	assert_int_equal(RUNLIST_COUNT(dev_rd32(&r->f.dev, NV_PFIFO_RUNLIST_STATUS)), 64);
	assert_int_equal(shadow_audit(r->s, stderr), 0);
	rig_free(r);
}

static void device_stuck(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];

	(void)st;
	guest_chan(r, g, 0);
	list(r, g, (uint32_t[]){ 0 }, 1);
	assert_int_equal(submit(g, 1), 0);
	r->f.busy = true;
	/* Bounded, and told by the audit. */
	assert_int_equal(submit(g, 1), 0);
	assert_int_equal(shadow_audit(r->s, NULL), 1);
	r->f.busy = false;
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(merged_in_turn), cmocka_unit_test(what_is_not_the_guests),
		cmocka_unit_test(bad_lists),	  cmocka_unit_test(full_card),
		cmocka_unit_test(device_stuck),
	};

	return cmocka_run_group_tests_name("shadow runlist", t, NULL, NULL);
}
