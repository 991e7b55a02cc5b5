// SPDX-License-Identifier: MIT
/*
 * Rule 1: the GPU never walks a table, an instance block or a runlist that a
 * guest can write.
 *
 * Claim: whatever the attacker does to its own tables, instance block and
 * runlist after the mediator has looked at them, by the CPU or by the GPU
 * itself, the GPU goes on using what was checked.
 */
#include "tests/attack/attack.h"

static int setup(void **state)
{
	rig_setup(state);
	victim_fill(*state);
	return 0;
}

/* Every address the card walks is in the mediator's own VRAM. */
static void test_all_walked_pages_are_the_mediators(void **state)
{
	struct rig *r = *state;
	struct raw c;
	uint32_t inst[4];
	uint64_t at, pde;

	evil_start(&c, r);
	raw_run(r, 2);
	for (uint32_t h = 0; h < GF100_NR_CHAN; h++) {
		uint32_t v = dev_rd32(r->g->dev, reg_at(REGID_PFIFO_CHAN_INST, h));

		if (!(v & CHAN_INST_VALID))
			continue;
		at = CHAN_INST_ADDR(v);
		assert_true(vheap_holds(r->g->heap, hvram(at), INST_LEN));
		dev_vram_rd(r->g->dev, hvram(at + INST_PDB_LO), inst, sizeof inst);
		at = ((uint64_t)inst[1] << 32 | inst[0]) & ~0xfffull;
		assert_int_equal(inst[0] & 3, PTE_VRAM);
		assert_true(vheap_holds(r->g->heap, hvram(at), 0x10000));
		for (uint32_t i = 0; i < 8192; i++) {
			dev_vram_rd(r->g->dev, hvram(at + i * 8), &pde, 8);
			assert_true(pde_small_target(pde) == PDE_NONE ||
				    (pde_small_target(pde) == PDE_VRAM &&
				     vheap_holds(r->g->heap, hvram(pde_small_addr(pde)), 4096)));
			assert_true(pde_large_target(pde) == PDE_NONE ||
				    (pde_large_target(pde) == PDE_VRAM &&
				     vheap_holds(r->g->heap, hvram(pde_large_addr(pde)), 4096)));
		}
	}
	at = RUNLIST_ADDR(dev_rd32(r->g->dev, NV_PFIFO_RUNLIST_CUR));
	assert_int_equal(RUNLIST_TARGET(dev_rd32(r->g->dev, NV_PFIFO_RUNLIST_CUR)), 0);
	assert_true(vheap_holds(r->g->heap, hvram(at), 4096));
	at = CHAN_INST_ADDR(dev_rd32(r->g->dev, NV_PBUS_BAR1_BLOCK));
	assert_true(vheap_holds(r->g->heap, hvram(at), INST_LEN));
}

/* After the flush the CPU changes an entry: the GPU still reaches the old page. */
static void test_table_rewritten_after_flush(void **state)
{
	struct rig *r = *state;
	struct raw c;

	evil_start(&c, r);
	raw_map(&c, PROBE, raw_pte(MINE));
	raw_flush(&c);
	evil_use(&c);
	raw_map(&c, PROBE, raw_pte(victim_card_vram(r)));
	assert_true(evil_got_nothing(&c, PROBE, PROBE));
	assert_int_equal(vram_rd32(r, EVIL, LOOT), 0xbadbadba); /* its own page, as checked */
	assert_false(raw_dead(&c));
}

/* The GPU itself writes the attacker's table: with and without a flush afterwards. */
static void test_table_rewritten_by_the_gpu(void **state)
{
	struct rig *r = *state;
	uint64_t table = BASE + RAW_TABLE + (PROBE >> 12) * 8;
	struct raw c;

	evil_start(&c, r);
	raw_map(&c, PROBE, raw_pte(MINE));
	raw_map(&c, 0x2000000, raw_pte(table & ~0xfffull));
	raw_flush(&c);
	vram_wr64(r, EVIL, MINE, raw_pte(victim_card_vram(r)));
	assert_true(raw_copy(&c, 0x2000000 + (table & 0xfff), MINE, 8));
	assert_int_equal(vram_rd32(r, EVIL, table), lo32(raw_pte(victim_card_vram(r))));
	assert_true(evil_got_nothing(&c, PROBE, PROBE));
	evil_revive(&c);
	raw_flush(&c);
	assert_true(evil_got_nothing(&c, PROBE, PROBE));
	assert_true(raw_dead(&c));
}

/* A directory of the attacker's making, named by address on the card, put into its instance block by the GPU. */
static void test_instance_block_rewritten_by_the_gpu(void **state)
{
	struct rig *r = *state;
	struct vgpu_chan *k;
	uint64_t dir;
	hvram_t fake;
	uint32_t was[4], now[4];
	struct raw c;

	evil_start(&c, r);
	raw_map(&c, 0x2000000, raw_pte(BASE)); /* its instance block */
	raw_flush(&c);
	/* A whole set of tables at 4 MiB whose entries are the card's addresses. */
	dir = 0x400000;
	assert_int_equal(part_vram_g2h(r->v[EVIL]->part, gvram(dir), 8192, &fake), 0);
	vram_wr64(r, EVIL, dir, pde_pack_small(PDE_VRAM, hvram_x(fake) + 4096) | 3u << 2);
	vram_wr64(r, EVIL, dir + 4096, raw_pte(victim_card_vram(r)));
	vram_wr64(r, EVIL, MINE, hvram_x(fake));
	k = r->v[EVIL]->chan[5];
	dev_vram_rd(r->g->dev, hvram(hvram_x(shadow_chan_inst(k->shadow)) + INST_PDB_LO), was, 16);
	assert_true(raw_copy(&c, 0x2000000 + INST_PDB_LO, MINE, 8));
	assert_int_equal(vram_rd32(r, EVIL, BASE + INST_PDB_LO), lo32(hvram_x(fake)));
	dev_vram_rd(r->g->dev, hvram(hvram_x(shadow_chan_inst(k->shadow)) + INST_PDB_LO), now, 16);
	assert_memory_equal(was, now, 16);
	/* The next doorbell makes the mediator look at it: it is then a guest's address like any other. */
	raw_m2mf(&c, LOOT, 0, 4);
	raw_fence(&c);
	raw_submit(&c);
	raw_run(r, 4);
	assert_int_not_equal(vram_rd32(r, EVIL, LOOT), SECRET);
	assert_true(victim_whole(r));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* RAMFC while the channel may run: the ring pointer and USERD page on the card stay. */
static void test_ramfc_rewritten_while_listed(void **state)
{
	struct rig *r = *state;
	struct vgpu_chan *k;
	uint32_t was[64], now[64];
	struct raw c;

	evil_start(&c, r);
	raw_fence(&c);
	raw_submit(&c);
	assert_true(raw_wait(&c));
	raw_run(r, 2);
	k = r->v[EVIL]->chan[5];
	dev_vram_rd(r->g->dev, shadow_chan_inst(k->shadow), was, sizeof was);
	for (uint32_t off = 0; off < 0x100; off += 4)
		vram_wr32(r, EVIL, BASE + off, 0xffffffff);
	dev_vram_rd(r->g->dev, shadow_chan_inst(k->shadow), now, sizeof now);
	assert_memory_equal(was, now, sizeof now);
	/* Off the list it may change its own RAMFC, but never where USERD lies. */
	raw_runlist(r, EVIL, BASE + 0x5000, NULL, 0);
	for (uint32_t off = 0; off < 0x100; off += 4)
		vram_wr32(r, EVIL, BASE + off, 0xfffffffe);
	dev_vram_rd(r->g->dev, shadow_chan_inst(k->shadow), now, sizeof now);
	assert_int_equal(now[RAMFC_USERD_LO / 4], was[RAMFC_USERD_LO / 4]);
	assert_int_equal(now[RAMFC_USERD_HI / 4], was[RAMFC_USERD_HI / 4]);
}

/* The list itself is rewritten after it was submitted. */
static void test_runlist_rewritten_after_submit(void **state)
{
	struct rig *r = *state;
	struct raw c, v;
	uint32_t victim_id;

	evil_start(&c, r);
	raw_start(&v, r, VICTIM, 9, BASE);
	raw_runlist(r, VICTIM, BASE + 0x5000, NULL, 0); /* the victim wants its channel off */
	victim_id = hchan_x(r->v[VICTIM]->chan[9]->host);
	for (uint32_t k = 0; k < 16; k++)
		vram_wr32(r, EVIL, BASE + 0x5000 + k * 8, victim_id);
	/* A commit on behalf of anybody must not read that page again. */
	raw_runlist(r, VICTIM, BASE + 0x5000, NULL, 0);
	raw_fence(&v);
	raw_submit(&v);
	raw_run(r, 4);
	assert_false(raw_fenced(&v));
	raw_fence(&c);
	raw_submit(&c);
	assert_true(raw_wait(&c));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all_walked_pages_are_the_mediators),
		T(test_instance_block_rewritten_by_the_gpu),
		T(test_ramfc_rewritten_while_listed),
		T(test_runlist_rewritten_after_submit),
	};
	/* Of tables in the guest's own memory; else own_tables_are_nothing in test_pv_calls.c. */
	const struct CMUnitTest own_tables[] = {
		T(test_table_rewritten_after_flush),
		T(test_table_rewritten_by_the_gpu),
	};

	return attack_run_group(tests) + attack_run_group(own_tables) + attack_run_group_pv(tests);
}
