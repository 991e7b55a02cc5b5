// SPDX-License-Identifier: MIT
/* Flushes that are put off: until when, and what stays safe meanwhile. */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

static void small(struct rig *r, struct guest *g, uint32_t i, uint64_t e)
{
	guest_wr64(r, g, PTE_VRAM, G_SMALL + i * 8ull, e);
	shadow_written(g->sg, gvram(G_SMALL + i * 8ull), 8);
}

static uint64_t seen(struct rig *r, struct shadow_chan *ch, uint64_t va)
{
	uint32_t shift;

	return dev_walk(r, shadow_chan_inst(ch), va, &shift);
}

static uint64_t vram_page(struct guest *g, uint64_t at)
{
	return pte_pack(PTE_VRAM, host_of(g, at), PTE_PRESENT);
}

/* Every set of the other options. */
static uint32_t sets(uint32_t i)
{
	return SHADOW_OPT_LAZY | (i & 1 ? SHADOW_OPT_KEEP : 0) | (i & 2 ? SHADOW_OPT_TRACK : 0);
}

static void flush_waits_for_use(void **st)
{
	(void)st;
	for (uint32_t i = 0; i < 4; i++) {
		struct rig *r = rig_new(sets(i));
		struct guest *g = &r->g[0];
		struct shadow_chan *ch = guest_chan(r, g, 0);
		uint64_t scans = shadow_guest_stats(g->sg)->shadowings;

		for (uint32_t n = 0; n < 5; n++) {
			small(r, g, n, pte_pack(PTE_VRAM, 0x800000, PTE_PRESENT));
			assert_int_equal(guest_flush(g, G_DIR), 0);
		}
		assert_int_equal(shadow_guest_stats(g->sg)->shadowings, scans);
		assert_int_equal(shadow_guest_stats(g->sg)->deferred, 5);
		assert_true(shadow_chan_due(ch));
		assert_int_equal(seen(r, ch, 0), 0);
		rig_clean(r);
		assert_int_equal(shadow_chan_sync(ch), 0);
		assert_int_equal(shadow_guest_stats(g->sg)->shadowings, scans + 1);
		for (uint32_t n = 0; n < 5; n++)
			assert_true(seen(r, ch, n << 12) == vram_page(g, 0x800000));
		/* Nothing is due any more. */
		assert_int_equal(shadow_chan_sync(ch), 0);
		assert_int_equal(shadow_guest_stats(g->sg)->shadowings, scans + 1);
		rig_free(r);
	}
}

/* What was unmapped stays pinned as long as the device may reach it. */
static void pins_stay_until_use(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_LAZY);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	small(r, g, 1, pte_pack(PTE_SYS, 0x7000, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(hv_null_pins(g->hv), 0);
	assert_int_equal(shadow_chan_sync(ch), 0);
	assert_int_equal(hv_null_pins(g->hv), 1);
	small(r, g, 1, 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(hv_null_pins(g->hv), 1);
	assert_true(seen(r, ch, 0x1000) != 0);
	rig_clean(r);
	assert_int_equal(shadow_chan_sync(ch), 0);
	assert_int_equal(hv_null_pins(g->hv), 0);
	assert_int_equal(seen(r, ch, 0x1000), 0);
	rig_free(r);
}

/* Memory that goes away does not wait for a use. */
static void revoke_does_not_wait(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_LAZY);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	small(r, g, 1, pte_pack(PTE_SYS, 0x7000, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(shadow_chan_sync(ch), 0);
	small(r, g, 1, 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(hv_null_revoke(g->hv, gpa(0x7000), 4096), 0);
	g->gone[7] = true;
	assert_int_equal(hv_null_pins(g->hv), 0);
	assert_int_equal(seen(r, ch, 0x1000), 0);
	rig_clean(r);
	rig_free(r);
}

/* Work under way may wait for what the processor maps only now. */
static void busy_is_not_put_off(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_LAZY);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0), *other = guest_chan(r, g, 1);

	(void)st;
	/* Another channel of the same address space is enough. */
	shadow_chan_busy(other, true);
	small(r, g, 1, pte_pack(PTE_VRAM, 0x800000, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_true(seen(r, ch, 0x1000) == vram_page(g, 0x800000));
	assert_int_equal(shadow_guest_stats(g->sg)->deferred, 0);
	shadow_chan_busy(other, false);
	small(r, g, 1, 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_true(seen(r, ch, 0x1000) == vram_page(g, 0x800000));
	assert_int_equal(shadow_guest_stats(g->sg)->deferred, 1);
	rig_free(r);
}

static void switched_off_catches_up(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_LAZY);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	small(r, g, 1, pte_pack(PTE_VRAM, 0x800000, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(seen(r, ch, 0x1000), 0);
	assert_int_equal(shadow_guest_set_opts(g->sg, SHADOW_OPT_KEEP), 0);
	assert_true(seen(r, ch, 0x1000) == vram_page(g, 0x800000));
	small(r, g, 1, 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(seen(r, ch, 0x1000), 0);
	rig_clean(r);
	rig_free(r);
}

/* The guest reaches its BARs by its own tables at once, whatever the GPU's shadow waits for. */
static void bars_do_not_wait(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_LAZY);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);
	struct shadow_loc loc;

	(void)st;
	(void)ch;
	assert_int_equal(shadow_bar_bind(g->sg, 3, 1u << 31 | (uint32_t)(G_INST >> 12)), 0);
	small(r, g, 1, pte_pack(PTE_VRAM, 0x800000, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 3, 0x1000, true, &loc), 0);
	assert_int_equal(loc.addr, 0x800000);
	small(r, g, 1, pte_pack(PTE_VRAM, 0x900000, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 3, 0x1000, true, &loc), 0);
	assert_int_equal(loc.addr, 0x900000);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(flush_waits_for_use),	  cmocka_unit_test(pins_stay_until_use),
		cmocka_unit_test(revoke_does_not_wait),	  cmocka_unit_test(busy_is_not_put_off),
		cmocka_unit_test(switched_off_catches_up), cmocka_unit_test(bars_do_not_wait),
	};

	return cmocka_run_group_tests_name("shadow lazy", t, NULL, NULL);
}
