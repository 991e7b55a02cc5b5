// SPDX-License-Identifier: MIT
/*
 * Parts: translation, ownership and quotas, by hand and against a plain model
 * under random making and freeing of parts and channels.
 */
#include "tests/t.h"

#include <errno.h>
#include <stdlib.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/part.h"

#define CHUNK PART_CHUNK_LEN
#define BASE (16 * CHUNK)

static struct part_pool *pool_of(unsigned int chunks, uint32_t nr_chan)
{
	struct part_pool *p = NULL;

	assert_int_equal(part_pool_new(hvram(BASE), chunks * CHUNK, nr_chan, &p), 0);
	return p;
}

static struct part *part_of(struct part_pool *pool, unsigned int chunks, uint32_t max_chan)
{
	struct part *p = NULL;

	assert_int_equal(part_new(pool, chunks * CHUNK, max_chan, &p), 0);
	return p;
}

static void pool_refuses_odd_ranges(void **state)
{
	struct part_pool *p = NULL;

	(void)state;
	assert_int_equal(part_pool_new(hvram(0), 0, 128, &p), -EINVAL);
	assert_int_equal(part_pool_new(hvram(4096), CHUNK, 128, &p), -EINVAL);
	assert_int_equal(part_pool_new(hvram(0), CHUNK + 4096, 128, &p), -EINVAL);
	assert_int_equal(part_pool_new(hvram(0ull - CHUNK), 2 * CHUNK, 128, &p), -EINVAL);
	assert_int_equal(part_pool_new(hvram(0), 1ull << 54, 128, &p), -EINVAL);
	assert_null(p);
}

static void length_is_rounded_and_limited(void **state)
{
	struct part_pool *pool = pool_of(4, 8);
	struct part *p = NULL, *q = NULL;

	(void)state;
	assert_int_equal(part_new(pool, 0, 1, &p), -EINVAL);
	assert_int_equal(part_new(pool, UINT64_MAX, 1, &p), -ENOSPC);
	assert_int_equal(part_new(pool, 4 * CHUNK + 1, 1, &p), -ENOSPC);
	assert_null(p);
	assert_int_equal(part_pool_free_vram(pool), 4 * CHUNK);
	assert_int_equal(part_new(pool, CHUNK + 1, 1, &p), 0);
	assert_int_equal(part_vram_len(p), 2 * CHUNK);
	assert_int_equal(part_new(pool, 3 * CHUNK, 1, &q), -ENOSPC);
	assert_int_equal(part_pool_free_vram(pool), 2 * CHUNK);
	part_free(p);
	assert_int_equal(part_pool_free_vram(pool), 4 * CHUNK);
	part_free(NULL);
	part_pool_free(pool);
}

/* a and c each around a hole that d then fills: d's chunks are not neighbours on the card. */
static void chunks_need_not_be_neighbours(void **state)
{
	struct part_pool *pool = pool_of(6, 8);
	struct part *a = part_of(pool, 1, 0), *b = part_of(pool, 2, 0), *c = part_of(pool, 1, 0);
	struct part *d;
	const hvram_t *map;
	uint64_t run;
	uint32_t nr;
	gvram_t g;
	hvram_t h;

	(void)state;
	part_free(b);
	d = part_of(pool, 4, 0);
	map = part_chunks(d, &nr);
	assert_int_equal(nr, 4);
	assert_int_equal(hvram_x(map[0]), BASE + CHUNK);
	assert_int_equal(hvram_x(map[1]), BASE + 2 * CHUNK);
	assert_int_equal(hvram_x(map[2]), BASE + 4 * CHUNK);

	assert_int_equal(part_vram_run(d, gvram(4), 4 * CHUNK, &h, &run), 0);
	assert_int_equal(hvram_x(h), BASE + CHUNK + 4);
	assert_int_equal(run, 2 * CHUNK - 4);
	assert_int_equal(part_vram_run(d, gvram(2 * CHUNK - 1), 2, &h, &run), 0);
	assert_int_equal(run, 1);
	assert_int_equal(part_vram_run(d, gvram(4 * CHUNK - 1), UINT64_MAX, &h, &run), 0);
	assert_int_equal(run, 1);
	assert_int_equal(part_vram_g2h(d, gvram(2 * CHUNK - 1), 2, &h), -ERANGE);
	assert_int_equal(part_vram_g2h(d, gvram(2 * CHUNK), 2 * CHUNK, &h), 0);
	assert_int_equal(hvram_x(h), BASE + 4 * CHUNK);

	assert_int_equal(part_vram_h2g(d, hvram(BASE + 5 * CHUNK + 7), &g), 0);
	assert_int_equal(gvram_x(g), 3 * CHUNK + 7);
	assert_int_equal(part_vram_h2g(d, hvram(BASE + 3 * CHUNK), &g), -ERANGE); /* c's */
	assert_true(part_owns(d, hvram(BASE + CHUNK), 2 * CHUNK));
	assert_false(part_owns(d, hvram(BASE + CHUNK), 2 * CHUNK + 1));
	assert_false(part_owns(d, hvram(BASE + CHUNK - 1), 1));
	part_free(a);
	part_free(c);
	part_free(d);
	part_pool_free(pool);
}

static void edges_do_not_overflow(void **state)
{
	static const uint64_t at[] = { 0, 1, 2 * CHUNK - 1, 2 * CHUNK, BASE - 1, BASE + 2 * CHUNK,
				       BASE + 3 * CHUNK, 1ull << 63, UINT64_MAX - 1, UINT64_MAX };
	static const uint64_t len[] = { 1, 2, CHUNK, 2 * CHUNK, 2 * CHUNK + 1, 1ull << 63,
					UINT64_MAX - 1, UINT64_MAX };
	struct part_pool *pool = pool_of(3, 8);
	struct part *p = part_of(pool, 2, 0);
	hvram_t h;
	gvram_t g;
	uint64_t run;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(len); k++) {
			unsigned __int128 end = (unsigned __int128)at[i] + len[k];
			bool in_guest = end <= 2 * CHUNK;
			bool on_card = at[i] >= BASE && end <= BASE + 2 * CHUNK;

			assert_int_equal(part_vram_g2h(p, gvram(at[i]), len[k], &h),
					 in_guest ? 0 : -ERANGE);
			assert_int_equal(part_owns(p, hvram(at[i]), len[k]), on_card);
			assert_int_equal(part_vram_run(p, gvram(at[i]), len[k], &h, &run),
					 at[i] < 2 * CHUNK ? 0 : -ERANGE);
		}
		assert_int_equal(part_vram_h2g(p, hvram(at[i]), &g),
				 at[i] >= BASE && at[i] < BASE + 2 * CHUNK ? 0 : -ERANGE);
	}
	assert_int_equal(part_vram_run(p, gvram(0), 0, &h, &run), -ERANGE);
	assert_int_equal(part_vram_g2h(p, gvram(0), 0, &h), -ERANGE);
	assert_false(part_owns(p, hvram(BASE), 0));
	part_free(p);
	part_pool_free(pool);
}

static void channel_ids(void **state)
{
	struct part_pool *pool = pool_of(2, 4);
	struct part *a = part_of(pool, 1, 2), *b = part_of(pool, 1, 9);
	hchan_t h, again;
	gchan_t g;

	(void)state;
	assert_int_equal(part_chan_get(a, gchan(4), &h), -ERANGE);
	assert_int_equal(part_chan_get(a, gchan(UINT32_MAX), &h), -ERANGE);
	assert_int_equal(part_chan_g2h(a, gchan(3), &h), -ENOENT);
	assert_int_equal(part_chan_g2h(a, gchan(UINT32_MAX), &h), -ENOENT);
	assert_int_equal(part_chan_get(a, gchan(3), &h), 0);
	assert_int_equal(part_chan_get(a, gchan(3), &again), 0);
	assert_int_equal(hchan_x(h), hchan_x(again));
	assert_int_equal(part_chan_h2g(a, h, &g), 0);
	assert_int_equal(gchan_x(g), 3);
	assert_int_equal(part_chan_h2g(b, h, &g), -ENOENT);
	assert_int_equal(part_chan_h2g(b, hchan(4), &g), -ENOENT);
	assert_int_equal(part_chan_get(a, gchan(0), &h), 0);
	assert_int_equal(part_chan_get(a, gchan(1), &h), -EDQUOT);
	assert_int_equal(part_chan_get(b, gchan(3), &h), 0);
	assert_int_equal(part_chan_get(b, gchan(2), &h), 0);
	assert_int_equal(part_pool_free_chans(pool), 0);
	assert_int_equal(part_chan_get(b, gchan(1), &h), -ENOSPC);
	part_chan_put(a, gchan(3));
	part_chan_put(a, gchan(3)); /* not his any more: nothing happens */
	part_chan_put(a, gchan(77));
	assert_int_equal(part_pool_free_chans(pool), 1);
	assert_int_equal(part_chan_get(b, gchan(1), &h), 0);
	part_free(b);
	assert_int_equal(part_pool_free_chans(pool), 3);
	part_free(a);
	assert_int_equal(part_pool_free_chans(pool), 4);
	part_pool_free(pool);
}

#define NP 6
#define NCHUNK 24
#define NCHAN 12

/* Every chunk and id has at most one owner, both directions agree, and the counts add up. */
static void check_all(struct part_pool *pool, struct part *const *p)
{
	unsigned int owned = 0, chans = 0;
	hvram_t h;
	gvram_t g;
	hchan_t hc;
	gchan_t gc;

	for (unsigned int c = 0; c < NCHUNK; c++) {
		unsigned int owners = 0;

		for (int i = 0; i < NP; i++) {
			hvram_t at = hvram(BASE + c * CHUNK);

			if (!p[i] || part_vram_h2g(p[i], at, &g) < 0)
				continue;
			owners++;
			assert_int_equal(part_vram_g2h(p[i], g, CHUNK, &h), 0);
			assert_int_equal(hvram_x(h), hvram_x(at));
		}
		assert_in_range(owners, 0, 1);
		owned += owners;
	}
	assert_int_equal(part_pool_free_vram(pool), (NCHUNK - owned) * CHUNK);
	for (uint32_t c = 0; c < NCHAN; c++) {
		for (int i = 0; i < NP; i++) {
			if (!p[i] || part_chan_h2g(p[i], hchan(c), &gc) < 0)
				continue;
			chans++;
			assert_int_equal(part_chan_g2h(p[i], gc, &hc), 0);
			assert_int_equal(hchan_x(hc), c);
		}
	}
	assert_int_equal(part_pool_free_chans(pool), NCHAN - chans);
}

static void random_life(void **state)
{
	struct part_pool *pool = pool_of(NCHUNK, NCHAN);
	struct part *p[NP] = { NULL };
	unsigned int seed = 20160;
	hchan_t h;

	(void)state;
	for (int step = 0; step < 4000; step++) {
		int i = rand_r(&seed) % NP;

		if (!p[i]) {
			uint64_t want = 1 + (uint64_t)rand_r(&seed) % (8 * CHUNK);
			uint64_t had = part_pool_free_vram(pool);
			int r = part_new(pool, want, (uint32_t)rand_r(&seed) % 6, &p[i]);

			assert_int_equal(r, align_up(want, CHUNK) <= had ? 0 : -ENOSPC);
		} else if (rand_r(&seed) % 4 == 0) {
			part_free(p[i]);
			p[i] = NULL;
		} else if (rand_r(&seed) % 2) {
			part_chan_get(p[i], gchan((uint32_t)rand_r(&seed) % (NCHAN + 2)), &h);
		} else {
			part_chan_put(p[i], gchan((uint32_t)rand_r(&seed) % (NCHAN + 2)));
		}
		if (step % 8 == 0)
			check_all(pool, p);
	}
	for (int i = 0; i < NP; i++)
		part_free(p[i]);
	part_pool_free(pool);
}

static int fail_at; /* the allocation that fails, counted down */

static int fail_nth(void)
{
	return fail_at-- == 0;
}

/* Each allocation fails once; nothing is leaked (ASan) and nothing of the card is lost. */
static void allocation_failures(void **state)
{
	struct part_pool *pool = NULL;
	struct part *p = NULL;
	int n = 0, r;

	(void)state;
	for (r = -1; r < 0; n++) {
		fail_at = n;
		mem_fault_hook = fail_nth;
		r = part_pool_new(hvram(BASE), 4 * CHUNK, 4, &pool);
		mem_fault_hook = NULL;
		assert_true(r == 0 || (r == -ENOMEM && !pool));
	}
	assert_int_equal(n, 5);
	for (n = 0, r = -1; r < 0; n++) {
		assert_int_equal(part_pool_free_vram(pool), 4 * CHUNK);
		fail_at = n;
		mem_fault_hook = fail_nth;
		r = part_new(pool, 3 * CHUNK, 4, &p);
		mem_fault_hook = NULL;
		assert_true(r == 0 || (r == -ENOMEM && !p));
	}
	assert_int_equal(n, 4);
	part_free(p);
	part_pool_free(pool);
}

/* What a device did not take back is nobody's for good. */
static void retired_chunks(void **state)
{
	struct part_pool *pool;
	struct part *a, *b;
	hvram_t at, other;
	gvram_t back;

	(void)state;
	assert_int_equal(part_pool_new(hvram(PART_CHUNK_LEN), 4 * PART_CHUNK_LEN, 8, &pool), 0);
	assert_int_equal(part_new(pool, 2 * PART_CHUNK_LEN, 1, &a), 0);
	assert_int_equal(part_vram_g2h(a, gvram(0), 4, &at), 0);
	part_retire(a, at, PART_CHUNK_LEN);
	assert_false(part_owns(a, at, 4));
	assert_int_equal(part_vram_h2g(a, at, &back), -ERANGE);
	part_free(a);
	assert_int_equal(part_pool_free_vram(pool), 3 * PART_CHUNK_LEN);
	assert_int_equal(part_new(pool, 4 * PART_CHUNK_LEN, 1, &b), -ENOSPC);
	assert_int_equal(part_new(pool, 3 * PART_CHUNK_LEN, 1, &b), 0);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(part_vram_g2h(b, gvram(i * PART_CHUNK_LEN), 4, &other), 0);
		assert_int_not_equal(hvram_x(other), hvram_x(at));
	}
	part_free(b);
	part_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_refuses_odd_ranges),
		cmocka_unit_test(length_is_rounded_and_limited),
		cmocka_unit_test(chunks_need_not_be_neighbours),
		cmocka_unit_test(edges_do_not_overflow),
		cmocka_unit_test(channel_ids),
		cmocka_unit_test(random_life),
		cmocka_unit_test(allocation_failures),
		cmocka_unit_test(retired_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
