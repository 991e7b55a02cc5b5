// SPDX-License-Identifier: MIT
/*
 * Rule 4: ids, offsets, lengths and counts from a guest are checked once, at
 * one choke point, in 64-bit arithmetic, before use.
 *
 * Claim: at 0, max-1, max, max+1, 2^31 and 2^32-1 of everything a guest can
 * name, the answer is its own memory or a counted refusal, and the victim and
 * the mediator are whole.
 */
#include "tests/attack/attack.h"

static int setup(void **state)
{
	rig_setup(state);
	victim_fill(*state);
	return 0;
}

static const uint32_t edges[] = { 0, 1, 126, 127, 128, 129, 4095, 4096, 0x7fffffff, 0x80000000,
				  0xfffffffe, 0xffffffff };

/* The window over VRAM: bases whose megabyte ends in, at and beyond the part, and as far as the register goes. */
static void test_pramin_window(void **state)
{
	struct rig *r = *state;
	const uint64_t bases[] = {
		0, RIG_VRAM - 0x100000, RIG_VRAM - 0x10000, RIG_VRAM, RIG_VRAM + 0x10000,
		victim_card_vram(r) & ~0xffffull, victim_card_vram(r) & ~0xfffffull,
		0x80000000, 0xffffffff0000ull, r->g->dev->info.vram_len - 0x10000,
	};

	for (size_t b = 0; b < ARRAY_SIZE(bases); b++) {
		for (uint32_t at = 0; at < 0x100000; at += 0xfffc) {
			bool own = bases[b] + (at & ~3u) + 4 <= RIG_VRAM;
			uint64_t faults = r->v[EVIL]->stats.guest_faults;

			wr(r, EVIL, NV_PBUS_PRAMIN_BASE, (uint32_t)(bases[b] >> 16));
			wr(r, EVIL, NV_PRAMIN + (at & ~3u), 0x0bad0bad);
			if (own)
				assert_int_equal(rd(r, EVIL, NV_PRAMIN + (at & ~3u)), 0x0bad0bad);
			else
				assert_int_not_equal(rd(r, EVIL, NV_PRAMIN + (at & ~3u)), 0x0bad0bad);
			assert_int_equal(r->v[EVIL]->stats.guest_faults > faults, !own);
		}
	}
	assert_true(victim_whole(r));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* Wide and straddling accesses at the end of the part: no byte beyond it. */
static void test_straddling_the_end(void **state)
{
	struct rig *r = *state;
	hvram_t last;
	uint32_t before[4], after[4];

	assert_int_equal(part_vram_g2h(r->v[EVIL]->part, gvram(RIG_VRAM - 4096), 4096, &last), 0);
	dev_vram_rd(r->g->dev, hvram(hvram_x(last) + 4096), before, sizeof before);
	wr(r, EVIL, NV_PBUS_PRAMIN_BASE, (uint32_t)((RIG_VRAM - 0x10000) >> 16));
	for (uint8_t size = 1; size <= 8; size *= 2)
		for (uint32_t off = 0xfff0; off < 0x10010; off++)
			st(r, EVIL, HV_BAR0, NV_PRAMIN + off, size, ~0ull);
	/* BAR1 without translation shows VRAM from 0. */
	wr(r, EVIL, NV_PBUS_BAR1_BLOCK, 0);
	for (uint8_t size = 1; size <= 8; size *= 2)
		for (uint32_t off = RIG_VRAM - 16; off < RIG_VRAM + 16; off++)
			st(r, EVIL, HV_BAR1, off, size, ~0ull);
	dev_vram_rd(r->g->dev, hvram(hvram_x(last) + 4096), after, sizeof after);
	assert_memory_equal(before, after, sizeof after);
	assert_true(victim_whole(r));
}

static void test_bar_offsets_and_sizes(void **state)
{
	static const enum hv_space spaces[] = { HV_CFG, HV_BAR0, HV_BAR1, HV_BAR3, HV_BAR_PV };
	static const uint32_t offs[] = { 0, 255, 256, 4092, 4095, 4096, GF100_MMIO_LEN - 1,
					 GF100_MMIO_LEN, GF100_BAR0_LEN - 4, GF100_BAR0_LEN,
					 GF100_BAR3_LEN - 1, GF100_BAR3_LEN, GF100_BAR1_LEN - 1,
					 GF100_BAR1_LEN, 0x7fffffff, 0x80000000, 0xfffffff9,
					 0xffffffff };
	struct rig *r = *state;

	for (size_t s = 0; s < ARRAY_SIZE(spaces); s++)
		for (size_t o = 0; o < ARRAY_SIZE(offs); o++)
			for (unsigned int size = 0; size < 256; size += size < 17 ? 1 : 51) {
				struct hv_access a = { .space = spaces[s], .off = offs[o],
						       .size = (uint8_t)size, .val = 0 };

				vgpu_access(r->v[EVIL], &a);
				assert_int_not_equal(a.val & 0xffffffff, SECRET);
				a.write = true;
				a.val = ~0ull;
				vgpu_access(r->v[EVIL], &a);
			}
	assert_true(victim_whole(r));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* A runlist of ids that are not the attacker's, and of every length the register can say. */
static void test_runlists(void **state)
{
	struct rig *r = *state;
	struct raw c, v;
	uint32_t ids[ARRAY_SIZE(edges) + 2];
	uint64_t faults;

	evil_start(&c, r);
	assert_true(victim_works(r, &v));
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		ids[i] = edges[i];
	ids[ARRAY_SIZE(edges)] = hchan_x(r->v[VICTIM]->chan[9]->host);
	ids[ARRAY_SIZE(edges) + 1] = 5;
	faults = r->v[EVIL]->stats.guest_faults;
	raw_runlist(r, EVIL, BASE + 0x6000, ids, ARRAY_SIZE(ids));
	assert_true(r->v[EVIL]->stats.guest_faults > faults);
	/* The victim is still on the card's list, the attacker too, and nobody else. */
	assert_int_equal(RUNLIST_COUNT(dev_rd32(r->g->dev, NV_PFIFO_RUNLIST_STATUS)), 2);
	raw_fence(&v);
	raw_submit(&v);
	assert_true(raw_wait(&v));
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		wr(r, EVIL, NV_PFIFO_RUNLIST_ADDR, (uint32_t)((BASE + 0x6000) >> 12));
		wr(r, EVIL, NV_PFIFO_RUNLIST_SUBMIT, edges[i]);
		wr(r, EVIL, NV_PFIFO_RUNLIST_ADDR, edges[i]);
		wr(r, EVIL, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00fff);
		assert_true(RUNLIST_COUNT(dev_rd32(r->g->dev, NV_PFIFO_RUNLIST_STATUS)) <= 2);
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
	raw_fence(&v);
	raw_submit(&v);
	assert_true(raw_wait(&v));
}

/* Lists that begin inside the attacker's memory and end in another's. */
static void test_runlist_beyond_the_part(void **state)
{
	struct rig *r = *state;
	uint64_t faults = r->v[EVIL]->stats.guest_faults;

	wr(r, EVIL, NV_PFIFO_RUNLIST_ADDR, (uint32_t)((RIG_VRAM - 4096) >> 12));
	wr(r, EVIL, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00000 | 513);
	assert_true(r->v[EVIL]->stats.guest_faults > faults);
	faults = r->v[EVIL]->stats.guest_faults;
	wr(r, EVIL, NV_PFIFO_RUNLIST_ADDR, (uint32_t)(victim_card_vram(r) >> 12));
	wr(r, EVIL, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00001);
	assert_true(r->v[EVIL]->stats.guest_faults > faults);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static void test_channel_ids(void **state)
{
	struct rig *r = *state;
	struct raw v;

	assert_true(victim_works(r, &v));
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		wr(r, EVIL, NV_PFIFO_KICK, edges[i]);
		/* Beyond the table there is no register. */
		wr(r, EVIL, NV_PFIFO_CHAN_INST + (edges[i] & 0xff) * 8, CHAN_INST_VALID | 0xffffff);
		wr(r, EVIL, NV_PFIFO_CHAN_STATE + (edges[i] & 0xff) * 8, 1);
	}
	assert_true(r->v[EVIL]->stats.guest_faults > 0);
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		assert_null(r->v[EVIL]->chan[i]);
	raw_fence(&v);
	raw_submit(&v);
	assert_true(raw_wait(&v));
}

/* Instance blocks, directories to flush and BAR blocks at every edge of VRAM. */
static void test_addresses_in_registers(void **state)
{
	struct rig *r = *state;
	const uint32_t pages[] = {
		0, 1, (RIG_VRAM >> 12) - 1, RIG_VRAM >> 12, (RIG_VRAM >> 12) + 1,
		(uint32_t)(victim_card_vram(r) >> 12), 0x07ffffff, 0x08000000, 0x0ffffffe, 0x0fffffff,
	};

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		for (uint32_t bits = 0; bits < 4; bits++) {
			uint32_t v = bits << 30 | pages[i];

			wr(r, EVIL, NV_PBUS_BAR1_BLOCK, v);
			wr(r, EVIL, NV_PBUS_BAR3_BLOCK, v);
			assert_int_not_equal(ld(r, EVIL, HV_BAR3, V_VRAM & 0xffffff, 4, NULL), SECRET);
			st(r, EVIL, HV_BAR3, 0x1000, 8, ~0ull);
			wr(r, EVIL, NV_PFB_TLB_PDB, v << 4 | bits);
			wr(r, EVIL, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | bits);
			wr(r, EVIL, NV_PFIFO_CHAN_INST, v);
			wr(r, EVIL, NV_FECS_DATA, v);
			wr(r, EVIL, NV_FECS_CMD, bits);
			wr(r, EVIL, NV_FECS_CHAN, v);
			wr(r, EVIL, NV_PFIFO_USERD_BASE, v);
			st(r, EVIL, HV_BAR1, USERD_GP_PUT, 4, v);
		}
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
	wr(r, EVIL, NV_PFIFO_CHAN_INST, 0);
	assert_true(victim_whole(r));
}

/*
 * Every word of the instance block, the ring's size and the limits among them,
 * at every edge.  Some of these rings never end: real time, as the watchdog has it.
 */
static void test_instance_block_fields(void **state)
{
	static const uint32_t words[] = { 0, 1, 0x1f0000, 0x200000, 0x7fffffff, 0x80000000, 0xffffffff };
	struct rig *r = *state;
	uint64_t next;
	struct raw c;

	raw_fifo_init(r, EVIL);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (uint32_t off = 0; off < 0x280; off += 4) {
			raw_build(&c, r, EVIL, 5, BASE);
			vram_wr32(r, EVIL, BASE + off, words[i]);
			raw_bind(&c);
			raw_runlist(r, EVIL, BASE + 0x5000, &c.id, 1);
			raw_doorbell(&c, 1);
			for (int k = 0; k < 3; k++)
				gpuvm_step(r->g, dev_now(r->g->dev), &next);
			raw_end(&c);
			wr(r, EVIL, NV_PFIFO_MMU_FAULT_UNITS, ~0u);
		}
	assert_true(victim_whole(r));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	raw_build(&c, r, VICTIM, 9, BASE);
	raw_fifo_init(r, VICTIM);
	raw_bind(&c);
	raw_flush(&c);
	raw_runlist(r, VICTIM, BASE + 0x5000, &c.id, 1);
	raw_fence(&c);
	raw_submit(&c);
	for (int k = 0; k < 1000000 && !raw_fenced(&c); k++)
		gpuvm_step(r->g, dev_now(r->g->dev), &next);
	assert_true(raw_fenced(&c));
}

static int setup_real_time(void **state)
{
	struct rig *r = test_calloc(1, sizeof *r);

	rig_open_on(r, "sim:vram=256M");
	rig_guest(r, 0, false);
	rig_guest(r, 1, false);
	*state = r;
	victim_fill(r);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_pramin_window),
		T(test_straddling_the_end),
		T(test_bar_offsets_and_sizes),
		T(test_runlists),
		T(test_runlist_beyond_the_part),
		T(test_channel_ids),
		T(test_addresses_in_registers),
		cmocka_unit_test_setup_teardown(test_instance_block_fields, setup_real_time,
						rig_teardown),
	};

	return attack_run_group_few(tests) + attack_run_group_pv(tests);
}
