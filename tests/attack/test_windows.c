// SPDX-License-Identifier: MIT
/*
 * Rule 2 with windows (bar-remap): memory that a guest was lent is its own, and a
 * guest that keeps it for good reaches nothing else.
 *
 * Claim: an attacker that maps every byte of every file it was ever given and
 * never lets go, after unmap, option switched off, and its own death, reads and
 * changes nothing of another guest's or of the mediator's.
 */
#include "tests/attack/attack.h"

#include <sys/mman.h>
#include <unistd.h>

#define SPACE 0x400000ull
#define FILES 8

/* What the attacker kept. */
struct loot {
	uint32_t *mem[FILES];
	size_t len[FILES];
	unsigned int nr;
};

static int setup(void **state)
{
	rig_setup(state);
	victim_fill(*state);
	return 0;
}

/* All of BAR3 over its VRAM and RAM: one page in each chunk, so that it gets every file there is. */
static void grab(struct rig *r, struct loot *l)
{
	uint32_t pages = RIG_VRAM / PART_CHUNK_LEN, have = 0;
	uint64_t at, seen[FILES];
	int fd;

	*l = (struct loot){ 0 };
	space_make(r, EVIL, SPACE, 0xffffff);
	for (uint32_t p = 0; p < pages; p++)
		space_map(r, EVIL, SPACE, p, raw_pte(p * PART_CHUNK_LEN + 0x1000));
	space_map(r, EVIL, SPACE, pages, raw_pte_sys(0));
	space_bind(r, EVIL, 3, SPACE);
	ld(r, EVIL, HV_BAR3, 0, 4, NULL);
	for (uint32_t p = 0; p <= pages; p++) {
		uint64_t len;
		void *m;

		if (!hv_null_window(r->hg[EVIL], HV_BAR3, p * 4096, &fd, &at))
			continue;
		have++;
		len = (uint64_t)lseek(fd, 0, SEEK_END);
		m = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		assert_ptr_not_equal(m, MAP_FAILED);
		*(volatile uint32_t *)((char *)m + at) = 0x11110000 + p;
		for (unsigned int k = 0; k < l->nr; k++)
			if (l->mem[k][at / 4] == 0x11110000 + p && seen[k] == len) {
				munmap(m, len);
				m = NULL;
				break;
			}
		if (!m)
			continue;
		assert_true(l->nr < FILES);
		seen[l->nr] = len;
		l->len[l->nr] = len;
		l->mem[l->nr++] = m;
	}
	assert_int_equal(have, pages + 1);
	assert_true(l->nr >= 2); /* VRAM and RAM */
}

static bool finds_secret(const struct loot *l)
{
	for (unsigned int k = 0; k < l->nr; k++)
		for (size_t i = 0; i < l->len[k] / 4; i++)
			if (l->mem[k][i] == SECRET)
				return true;
	return false;
}

static void scribble(struct loot *l)
{
	for (unsigned int k = 0; k < l->nr; k++)
		memset(l->mem[k], 0xee, l->len[k]);
}

static void drop(struct loot *l)
{
	while (l->nr--)
		munmap(l->mem[l->nr], l->len[l->nr]);
}

/* While it lives: what it has is what it was given, and the whole of it. */
static void test_files_are_its_own(void **state)
{
	struct rig *r = *state;
	uint64_t vram = 0;
	struct raw v;
	struct loot l;

	grab(r, &l);
	for (unsigned int k = 0; k < l.nr; k++)
		vram += l.len[k];
	assert_int_equal(vram, RIG_VRAM + RIG_RAM);
	assert_false(finds_secret(&l));
	scribble(&l);
	assert_true(victim_whole(r));
	assert_true(victim_works(r, &v));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	drop(&l);
}

/* Unmapped, switched off, gone: what it kept stays what it was. */
static void test_kept_after_all(void **state)
{
	struct rig *r = *state;
	struct loot l;
	struct raw v;

	grab(r, &l);
	wr(r, EVIL, NV_PBUS_BAR3_BLOCK, 0);
	assert_int_equal(vgpu_set_opts(r->v[EVIL], 0), 0);
	scribble(&l);
	assert_true(victim_whole(r));
	hv_null_guest_free(r->hg[EVIL]);
	/* The next guest gets the same VRAM, and its RAM the same bus addresses. */
	rig_guest(r, EVIL, false);
	for (uint64_t at = 0; at < RIG_VRAM; at += 0x10000)
		assert_int_equal(vram_rd32(r, EVIL, at), 0);
	for (uint64_t at = 0; at < RIG_VRAM; at += 0x10000)
		vram_wr32(r, EVIL, at, SECRET);
	memset(hv_null_ram(r->hg[EVIL]), 0x5a, RIG_RAM);
	assert_false(finds_secret(&l));
	scribble(&l);
	for (uint64_t at = 0; at < RIG_VRAM; at += 0x10000)
		assert_int_equal(vram_rd32(r, EVIL, at), SECRET);
	assert_int_equal(*(uint32_t *)hv_null_ram(r->hg[EVIL]), 0x5a5a5a5a);
	assert_true(victim_whole(r));
	assert_true(victim_works(r, &v));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	drop(&l);
}

/* A store to its own VRAM that nobody sees. */
static void unseen(struct loot *l, struct rig *r, uint64_t at, uint64_t val)
{
	uint32_t was = vram_rd32(r, EVIL, at);

	for (unsigned int k = 0; k < l->nr; k++) {
		if (l->len[k] <= at)
			continue;
		l->mem[k][at / 4] = ~was;
		if (vram_rd32(r, EVIL, at) == ~was) {
			memcpy(&l->mem[k][at / 4], &val, 8);
			return;
		}
		l->mem[k][at / 4] = was;
	}
	fail_msg("no file holds it");
}

/* Tables, instance block and USERD rewritten behind every watch: nothing foreign is reached. */
static void test_written_unseen(void **state)
{
	struct rig *r = *state;
	uint64_t pte = BASE + RAW_TABLE + (PROBE >> 12) * 8;
	uint64_t foreign[] = { raw_pte(victim_card_vram(r)), raw_pte(hvram_x(r->g->userd)),
			       raw_pte_sys(victim_bus_ram(r)), raw_pte(RIG_VRAM) };
	struct loot l;
	struct raw c;

	grab(r, &l);
	for (size_t k = 0; k < ARRAY_SIZE(foreign); k++) {
		evil_start(&c, r);
		for (int n = 0; n < 12; n++)
			raw_flush(&c); /* the table is quiet by now */
		unseen(&l, r, pte, foreign[k]);
		raw_flush(&c);
		assert_true(evil_got_nothing(&c, PROBE, PROBE));
		assert_int_equal(gpuvm_audit(r->g, NULL), 0);
		evil_revive(&c);
		/* The directory and USERD of a bound channel, between bind and doorbell. */
		unseen(&l, r, BASE + INST_PDB_LO, victim_card_vram(r));
		unseen(&l, r, BASE + RAMFC_USERD_LO, victim_card_vram(r));
		unseen(&l, r, BASE + RAW_DIR, pde_pack_small(PDE_VRAM, victim_card_vram(r)));
		assert_true(evil_got_nothing(&c, PROBE, PROBE));
		assert_int_equal(gpuvm_audit(r->g, NULL), 0);
		raw_unbind(&c);
	}
	drop(&l);
}

#define ATTACK(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
	static const uint32_t sets[] = { SHADOW_OPT_REMAP, SHADOW_OPT_REMAP | SHADOW_OPT_TRACK,
					 SHADOW_OPT_REMAP | SHADOW_OPT_LAZY, SHADOW_OPTS_ALL };
	const struct CMUnitTest tests[] = {
		ATTACK(test_files_are_its_own),
		ATTACK(test_kept_after_all),
		ATTACK(test_written_unseen),
	};
	int failed = 0;

	for (size_t s = 0; s < ARRAY_SIZE(sets); s++) {
		rig_opts = sets[s];
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	}
	return failed;
}
