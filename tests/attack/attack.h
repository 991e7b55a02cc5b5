/* SPDX-License-Identifier: MIT */
/*
 * The attacker's bench: guest 0 is hostile, guest 1 is its victim, both on one
 * software GPU.  Everything the attacker does is a load, a store, or work it
 * gives the GPU.
 */
#ifndef TESTS_ATTACK_ATTACK_H
#define TESTS_ATTACK_ATTACK_H

#include "tests/t.h"

#include "gpuvm/host.h"
#include "tests/unit/core/raw.h"

#define EVIL 0
#define VICTIM 1
#define SECRET 0x5ec4e7ffu
#define BASE 0x100000ull
/* The attacker's own memory: where it reads from, where it puts what it got. */
#define MINE 0x200000ull
#define LOOT 0x210000ull
/* Virtual address through which it tries to reach what is not its own. */
#define PROBE 0x1000000ull
#define NOTHING 0x07070707u

/* With every option set; with one of each for groups that take long and meet few shadows. */
#define attack_run_group(tests)                                                                    \
	({                                                                                         \
		int failed = 0;                                                                    \
                                                                                                   \
		for (rig_opts = 0; rig_opts <= SHADOW_OPTS_ALL; rig_opts++)                        \
			failed += cmocka_run_group_tests(tests, NULL, NULL);                       \
		failed;                                                                            \
	})
#define attack_run_group_few(tests)                                                                \
	({                                                                                         \
		static const uint32_t sets[] = { 0, SHADOW_OPT_LAZY, SHADOW_OPT_TRACK,             \
						 SHADOW_OPT_REMAP, SHADOW_OPTS_ALL };              \
		int failed = 0;                                                                    \
                                                                                                   \
		for (size_t s = 0; s < ARRAY_SIZE(sets); s++) {                                    \
			rig_opts = sets[s];                                                        \
			failed += cmocka_run_group_tests(tests, NULL, NULL);                       \
		}                                                                                  \
		failed;                                                                            \
	})

/* The same of a naive-pv guest: both guests' tables are the mediator's (raw.h). */
#define attack_run_group_pv(tests)                                                                 \
	({                                                                                         \
		int failed;                                                                        \
                                                                                                   \
		rig_opts = 0;                                                                      \
		rig_mode = VGPU_NAIVE_PV;                                                          \
		failed = cmocka_run_group_tests(tests, NULL, NULL);                                \
		rig_mode = VGPU_FULL;                                                              \
		failed;                                                                            \
	})

/* Victim's memory: in VRAM, at this offset of its own, and in RAM. */
#define V_VRAM 0x600000ull
#define V_RAM 0x40000ull

static inline void victim_fill(struct rig *r)
{
	uint32_t *ram = hv_null_ram(r->hg[VICTIM]);

	for (uint32_t k = 0; k < 1024; k++) {
		ram[V_RAM / 4 + k] = SECRET;
		vram_wr32(r, VICTIM, V_VRAM + k * 4, SECRET);
	}
}

/* Whether the victim's memory is as victim_fill() left it. */
static inline bool victim_whole(struct rig *r)
{
	const uint32_t *ram = hv_null_ram(r->hg[VICTIM]);

	for (uint32_t k = 0; k < 1024; k++)
		if (ram[V_RAM / 4 + k] != SECRET ||
		    vram_rd32(r, VICTIM, V_VRAM + k * 4) != SECRET)
			return false;
	return true;
}

/* Where the victim's secret lies on the card. */
static inline uint64_t victim_card_vram(struct rig *r)
{
	hvram_t at;

	assert_int_equal(part_vram_g2h(r->v[VICTIM]->part, gvram(V_VRAM), 4096, &at), 0);
	return hvram_x(at);
}

/* Where the victim's RAM lies on the bus. */
static inline uint64_t victim_bus_ram(struct rig *r)
{
	return dma_x(r->v[VICTIM]->ram[0].dma) + V_RAM;
}

/* The attacker's channel, with its own two pages mapped. */
static inline void evil_start(struct raw *c, struct rig *r)
{
	raw_start(c, r, EVIL, 5, BASE);
	raw_map(c, MINE, raw_pte(MINE));
	raw_map(c, LOOT, raw_pte(LOOT));
	raw_flush(c);
}

/* What a doorbell does first: a flush that was put off is made good. */
static inline void evil_use(struct raw *c)
{
	struct vgpu_chan *ch = c->r->v[c->i]->chan[c->id];

	if (ch && ch->shadow)
		assert_int_equal(shadow_chan_sync(ch->shadow), 0);
}

/*
 * Tries to read through `from` and to write through `to` (VAs), each on a fresh
 * channel.  True if it got nothing: the secret is not in its hands, the victim whole.
 */
static inline bool evil_got_nothing(struct raw *c, uint64_t from, uint64_t to)
{
	struct rig *r = c->r;

	vram_wr32(r, EVIL, LOOT, NOTHING);
	vram_wr32(r, EVIL, MINE, 0xbadbadbau);
	raw_m2mf(c, LOOT, from, 4);
	raw_fence(c);
	raw_submit(c);
	raw_run(r, 4);
	if (vram_rd32(r, EVIL, LOOT) == SECRET)
		return false;
	if (!raw_dead(c)) {
		raw_m2mf(c, to, MINE, 4);
		raw_fence(c);
		raw_submit(c);
		raw_run(r, 4);
	}
	return victim_whole(r);
}

/* A channel that was stopped is bound anew; its tables stay as the attacker wrote them. */
static inline void evil_revive(struct raw *c)
{
	struct rig *r = c->r;

	if (!raw_dead(c))
		return;
	raw_unbind(c);
	raw_ramfc(c);
	vram_wr32(r, c->i, c->base + 0x1000 + USERD_GP_PUT, 0);
	vram_wr32(r, c->i, c->base + 0x1000 + USERD_GP_GET, 0);
	c->put = c->words = c->first = 0;
	raw_bind(c);
	raw_runlist(r, c->i, c->base + 0x5000, &c->id, 1);
}

/* The victim's own work still gives the right answer. */
static inline bool victim_works(struct rig *r, struct raw *v)
{
	uint64_t src = 0x700000, dst = 0x710000;
	bool ok;

	raw_start(v, r, VICTIM, 9, BASE);
	raw_map(v, src, raw_pte(src));
	raw_map(v, dst, raw_pte(dst));
	raw_flush(v);
	for (uint32_t k = 0; k < 64; k++)
		vram_wr32(r, VICTIM, src + k * 4, 0x1000 + k);
	ok = raw_copy(v, dst, src, 256);
	for (uint32_t k = 0; ok && k < 64; k++)
		ok = vram_rd32(r, VICTIM, dst + k * 4) == 0x1000 + k;
	return ok;
}

#endif
