// SPDX-License-Identifier: MIT
/*
 * Shadow instance blocks: which words pass, what stands in for addresses, and how a channel changes
 * its mind.
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

static void words_that_pass(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch;
	uint32_t target;
	uint64_t addr;

	(void)st;
	for (uint32_t off = 0; off < INST_LEN; off += 4)
		guest_wr32(r, g, G_INST + off, 0xa5000000 | off);
	guest_inst(r, g, G_INST, G_DIR | 4);
	guest_wr32(r, g, G_INST + RAMFC_USERD_LO, 0x7000 | PTE_SYS);
	guest_wr32(r, g, G_INST + RAMFC_USERD_HI, 1);
	guest_wr64(r, g, PTE_VRAM, G_INST + INST_LIMIT_LO, ~0ull);
	guest_wr64(r, g, PTE_VRAM, G_INST + INST_CTX_GR, 0x1234567003 | INST_CTX_VALID);
	guest_wr64(r, g, PTE_VRAM, G_INST + INST_CTX_CE0, 0x1234567000); /* not valid */
	guest_wr64(r, g, PTE_VRAM, G_INST + INST_CTX_CE1, 0xffffff0000008000 | INST_CTX_VALID);
	guest_wr64(r, g, PTE_VRAM, G_INST + INST_CTX_MSPDEC, 0);
	guest_wr64(r, g, PTE_VRAM, G_INST + INST_CTX_MSPPP, 0);
	guest_wr64(r, g, PTE_VRAM, G_INST + INST_CTX_MSVLD, 0);
	assert_int_equal(shadow_chan_bind(g->sg, gchan(3), gvram(G_INST), g->userd, &ch), 0);

	assert_int_equal(word(r, ch, RAMFC_GPFIFO_LO), 0xa5000000 | RAMFC_GPFIFO_LO);
	assert_int_equal(word(r, ch, 0x1fc), 0xa50001fc);
	/* Nothing is under way, and the ring is at its start. */
	assert_int_equal(word(r, ch, RAMFC_GP_GET) | word(r, ch, RAMFC_GP_PUT), 0);
	assert_int_equal(word(r, ch, RAMFC_GET_LO) | word(r, ch, RAMFC_PUT_LO), 0);
	assert_int_equal(word(r, ch, RAMFC_METHOD) | word(r, ch, RAMFC_SEM_STATE), 0);
	assert_int_equal(word(r, ch, 0x64) | word(r, ch, 0x68), 0);
	assert_int_equal(word(r, ch, RAMFC_USERD_LO), hvram_x(g->userd));
	assert_int_equal(word(r, ch, RAMFC_USERD_HI), 0);
	assert_int_equal(word(r, ch, INST_LIMIT_LO), 0xffffffff);
	assert_int_equal(word(r, ch, INST_LIMIT_HI), 0xff);
	assert_int_equal(word(r, ch, INST_CTX_GR), 0x34567004);
	assert_int_equal(word(r, ch, INST_CTX_GR + 4), 0x12);
	assert_int_equal(word(r, ch, INST_CTX_CE0) | word(r, ch, INST_CTX_CE0 + 4), 0);
	assert_int_equal(word(r, ch, INST_CTX_CE1 + 4), 0);
	for (uint32_t off = 0x280; off < INST_LEN; off += 4)
		assert_int_equal(word(r, ch, off), 0);
	assert_int_equal(word(r, ch, 0x218) | word(r, ch, 0x27c), 0);
	assert_int_equal(shadow_chan_engines(ch), 1u << ENGINE_GR | 1u << ENGINE_CE1);
	shadow_chan_guest_userd(ch, &target, &addr);
	assert_int_equal(target, PTE_SYS);
	assert_int_equal(addr, 0x100007000);
	assert_int_equal(gchan_x(shadow_chan_id(ch)), 3);
	assert_int_equal(gvram_x(shadow_chan_guest_inst(ch)), G_INST);
	assert_ptr_equal(shadow_chan_by_inst(g->sg, gvram(G_INST)), ch);
	assert_null(shadow_chan_by_inst(&r->g[1].sg[0], gvram(G_INST)));
	assert_ptr_equal(shadow_chan_by_host_inst(g->sg, shadow_chan_inst(ch)), ch);
	assert_null(shadow_chan_by_host_inst(g->sg, hvram(0)));
	rig_clean(r);
	rig_free(r);
}

static void refused_binds(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0), *no;
	static const uint64_t inst[] = { RIG_PART, RIG_PART - 0x800, 0x1800, 1ull << 40,
					 ~0ull - 4095 };
	uint64_t used = vheap_used(r->heap);

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(inst); i++)
		assert_int_equal(shadow_chan_bind(g->sg, gchan(1), gvram(inst[i]), g->userd, &no),
				 -EFAULT);
	assert_int_equal(g->faults[SHADOW_FAULT_INST], ARRAY_SIZE(inst));
	assert_int_equal(shadow_chan_bind(g->sg, gchan(0), gvram(G_INST), g->userd, &no), -EEXIST);
	assert_int_equal(shadow_chan_bind(g->sg, gchan(128), gvram(G_INST), g->userd, &no),
			 -EINVAL);
	assert_int_equal(vheap_used(r->heap), used);
	shadow_chan_unbind(NULL);
	shadow_chan_unbind(ch);
	rig_clean(r);
	rig_free(r);
}

static void bad_directories(void **st)
{
	static const uint64_t pdb[] = { 0,
					G_DIR | 1,
					RIG_PART,
					RIG_PART - 0x8000,
					(RIG_RAM - 0x8000) | PTE_SYS,
					RIG_RAM | PTE_SYS_NC,
					1ull << 40,
					0xfffffffffff000ull };

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(pdb); i++) {
		struct rig *r = rig_new(0);
		struct guest *g = &r->g[0];
		struct shadow_chan *ch;

		guest_inst(r, g, G_INST, pdb[i]);
		assert_int_equal(shadow_chan_bind(g->sg, gchan(0), gvram(G_INST), g->userd, &ch),
				 0);
		assert_int_equal(g->faults[SHADOW_FAULT_PDB], 1);
		/* The empty directory: everything faults. */
		for (uint32_t s = 0; s < 8192; s += 511)
			assert_int_equal(dev_rd64(r, dev_rd64(r, hvram_x(shadow_chan_inst(ch)) +
									 INST_PDB_LO) +
							     s * 8),
					 0);
		rig_clean(r);
		/* A guest that mends it is served by the next sync. */
		guest_wr64(r, g, PTE_VRAM, G_INST + INST_PDB_LO, G_DIR);
		guest_wr64(r, g, PTE_VRAM, G_DIR, pde_pack_small(PDE_VRAM, G_SMALL));
		assert_int_equal(shadow_chan_sync(ch), 0);
		assert_int_not_equal(
			dev_rd64(r, dev_rd64(r, hvram_x(shadow_chan_inst(ch)) + INST_PDB_LO)), 0);
		rig_clean(r);
		rig_free(r);
	}
}

/* Refused for want of quota, not for its own sake: served as soon as there is room. */
static void quota_comes_free(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_guest_cfg cfg = rig_cfg(g, 0, 3 * 65536);
	struct shadow_chan *a, *b;

	(void)st;
	shadow_guest_free(g->sg);
	assert_int_equal(shadow_guest_new(r->s, &cfg, &g->sg), 0);
	guest_inst(r, g, G_INST, G_DIR);
	guest_inst(r, g, 0x20000, G_DIR + 0x20000);
	guest_wr64(r, g, PTE_VRAM, G_DIR, pde_pack_large(PDE_VRAM, G_LARGE));
	guest_wr64(r, g, PTE_VRAM, G_DIR + 8, pde_pack_small(PDE_VRAM, G_SMALL) | 2 << 2);
	assert_int_equal(shadow_chan_bind(g->sg, gchan(0), gvram(G_INST), g->userd, &a), 0);
	assert_int_equal(shadow_chan_bind(g->sg, gchan(1), gvram(0x20000), g->userd, &b), 0);
	assert_int_equal(g->faults[SHADOW_FAULT_QUOTA], 1);
	assert_null(b->vas);
	assert_int_equal(shadow_chan_sync(b), 0);
	assert_null(b->vas);
	shadow_chan_unbind(a);
	assert_int_equal(shadow_chan_sync(b), 0);
	assert_non_null(b->vas);
	rig_clean(r);
	rig_free(r);
}

static uint64_t pd(struct rig *r, struct shadow_chan *ch)
{
	return dev_rd64(r, hvram_x(shadow_chan_inst(ch)) + INST_PDB_LO);
}

static void set_pdb(struct rig *r, struct guest *g, uint64_t v)
{
	guest_wr64(r, g, PTE_VRAM, G_INST + INST_PDB_LO, v);
}

static void directory_changes(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);
	uint64_t first = pd(r, ch), bytes = shadow_guest_stats(g->sg)->table_bytes, second;

	(void)st;
	/* Never listed: the device cannot have the old one, it goes at once. */
	set_pdb(r, g, G_DIR + 0x20000);
	assert_int_equal(shadow_chan_sync(ch), 0);
	assert_int_equal(shadow_guest_stats(g->sg)->table_bytes, 4096 + 65536);
	set_pdb(r, g, G_DIR);
	assert_int_equal(shadow_chan_sync(ch), 0);
	assert_int_equal(shadow_guest_stats(g->sg)->table_bytes, bytes);
	/* Listed: the old one stays whole until the channel is gone, and is still kept right. */
	guest_wr32(r, g, G_RUNLIST, 0);
	assert_int_equal(shadow_runlist_submit(g->sg, G_RUNLIST >> 12, 1), 0);
	first = pd(r, ch);
	set_pdb(r, g, G_DIR + 0x20000);
	assert_int_equal(shadow_chan_sync(ch), 0);
	second = pd(r, ch);
	assert_int_not_equal(first, second);
	assert_int_equal(shadow_guest_stats(g->sg)->table_bytes, bytes + 65536);
	assert_int_not_equal(dev_rd64(r, first), 0);
	rig_clean(r);
	/* To and fro between two costs nothing more. */
	for (int i = 0; i < 10; i++) {
		set_pdb(r, g, i % 2 ? G_DIR + 0x20000 : G_DIR);
		assert_int_equal(shadow_chan_sync(ch), 0);
		assert_int_equal(pd(r, ch), i % 2 ? second : first);
		assert_int_equal(shadow_guest_stats(g->sg)->table_bytes, bytes + 65536);
	}
	/* New ones without end: refused after a few, counted, and the channel keeps what it has. */
	for (uint32_t i = 2; i < 12; i++) {
		set_pdb(r, g, G_DIR + i * 0x20000);
		assert_int_equal(shadow_chan_sync(ch), 0);
	}
	assert_true(g->faults[SHADOW_FAULT_PDB] > 0);
	assert_true(shadow_guest_stats(g->sg)->table_bytes <= bytes + (CHAN_HELD_MAX + 1) * 65536);
	rig_clean(r);
	shadow_chan_unbind(ch);
	assert_int_equal(shadow_guest_stats(g->sg)->table_bytes, 0);
	rig_clean(r);
	rig_free(r);
}

/* The channel table never names a page that went back to the heap. */
static void unbind_leaves_nothing(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 5);
	hchan_t h;

	(void)st;
	guest_wr32(r, g, G_RUNLIST, 5);
	assert_int_equal(shadow_runlist_submit(g->sg, G_RUNLIST >> 12, 1), 0);
	assert_int_equal(part_chan_g2h(g->part, gchan(5), &h), 0);
	shadow_chan_unbind(ch);
	assert_int_equal(dev_rd32(&r->f.dev, reg_at(REGID_PFIFO_CHAN_INST, hchan_x(h))), 0);
	assert_int_equal(RUNLIST_COUNT(dev_rd32(&r->f.dev, NV_PFIFO_RUNLIST_STATUS)), 0);
	rig_clean(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(words_that_pass),	 cmocka_unit_test(refused_binds),
		cmocka_unit_test(bad_directories),	 cmocka_unit_test(directory_changes),
		cmocka_unit_test(unbind_leaves_nothing), cmocka_unit_test(quota_comes_free),
	};

	return cmocka_run_group_tests_name("shadow chan", t, NULL, NULL);
}
