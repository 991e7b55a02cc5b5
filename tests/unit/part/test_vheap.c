// SPDX-License-Identifier: MIT
/* The mediator's VRAM heap: limits, alignment, and random life against a byte-per-page model. */
#include "tests/t.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/vheap.h"

#define PAGE 4096ull
#define NR 331ull	  /* not a multiple of a bitmap word */
#define BASE (7 * PAGE) /* aligned to nothing larger than a page */

static struct vheap *heap(uint64_t pages)
{
	struct vheap *h = NULL;

	assert_int_equal(vheap_new(hvram(BASE), pages * PAGE, &h), 0);
	return h;
}

static void refuses(void **state)
{
	struct vheap *h = NULL;
	hvram_t at = hvram(5);

	(void)state;
	assert_int_equal(vheap_new(hvram(0), 0, &h), -EINVAL);
	assert_int_equal(vheap_new(hvram(1), PAGE, &h), -EINVAL);
	assert_int_equal(vheap_new(hvram(0), PAGE + 1, &h), -EINVAL);
	assert_int_equal(vheap_new(hvram(0ull - PAGE), 2 * PAGE, &h), -EINVAL);
	assert_null(h);
	vheap_free(NULL);
	h = heap(8);
	assert_int_equal(vheap_alloc(h, 0, PAGE, &at), -EINVAL);
	assert_int_equal(vheap_alloc(h, PAGE, 0, &at), -EINVAL);
	assert_int_equal(vheap_alloc(h, PAGE, 2048, &at), -EINVAL);
	assert_int_equal(vheap_alloc(h, PAGE, 3 * PAGE, &at), -EINVAL);
	assert_int_equal(vheap_alloc(h, 9 * PAGE, PAGE, &at), -ENOSPC);
	assert_int_equal(vheap_alloc(h, UINT64_MAX, PAGE, &at), -ENOSPC);
	assert_int_equal(vheap_alloc(h, PAGE, 1ull << 63, &at), -ENOSPC);
	assert_int_equal(hvram_x(at), 5);
	assert_int_equal(vheap_used(h), 0);
	assert_int_equal(vheap_size(h), 8 * PAGE);
	vheap_free(h);
}

static void fills_to_the_last_page_and_again(void **state)
{
	struct vheap *h = heap(NR);
	hvram_t at;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < NR; i++) {
			assert_int_equal(vheap_alloc(h, i % 2 ? 1 : PAGE, PAGE, &at), 0);
			assert_true(vheap_holds(h, at, PAGE));
		}
		assert_int_equal(vheap_used(h), NR * PAGE);
		assert_int_equal(vheap_alloc(h, 1, PAGE, &at), -ENOSPC);
		assert_true(vheap_holds(h, hvram(BASE), NR * PAGE));
		for (uint64_t i = 0; i < NR; i++)
			vheap_release(h, hvram(BASE + i * PAGE), PAGE);
		assert_int_equal(vheap_used(h), 0);
	}
	vheap_free(h);
}

/* A run that ends before the cursor's page but begins after others' must still be found. */
static void wraps_around(void **state)
{
	struct vheap *h = heap(8);
	hvram_t at;

	(void)state;
	assert_int_equal(vheap_alloc(h, 6 * PAGE, PAGE, &at), 0);
	vheap_release(h, hvram(BASE + 2 * PAGE), 4 * PAGE);
	assert_int_equal(vheap_alloc(h, 6 * PAGE, PAGE, &at), 0); /* 2..7, across the cursor at 6 */
	assert_int_equal(hvram_x(at), BASE + 2 * PAGE);
	vheap_free(h);
}

static void holds_edges(void **state)
{
	struct vheap *h = heap(4);
	hvram_t at;

	(void)state;
	assert_int_equal(vheap_alloc(h, 2 * PAGE, PAGE, &at), 0);
	assert_true(vheap_holds(h, hvram(BASE + 1), 2 * PAGE - 1));
	assert_false(vheap_holds(h, hvram(BASE + 1), 2 * PAGE));
	assert_false(vheap_holds(h, hvram(BASE - 1), 2));
	assert_false(vheap_holds(h, hvram(BASE), 0));
	assert_false(vheap_holds(h, hvram(BASE + PAGE), UINT64_MAX));
	assert_false(vheap_holds(h, hvram(UINT64_MAX), 1));
	vheap_free(h);
}

/* Whether the model has a free run of nr pages at a multiple of align. */
static bool model_fits(const uint8_t *map, uint64_t nr, uint64_t align)
{
	for (uint64_t p = 0; p + nr <= NR; p++)
		if (is_aligned(BASE + p * PAGE, align) && !memchr(map + p, 1, nr))
			return true;
	return false;
}

#define NR_BLOCKS 64

/* Success exactly when the model has room; a block never overlaps another. */
static void random_life(void **state)
{
	struct { uint64_t at, nr; } b[NR_BLOCKS] = { 0 };
	struct vheap *h = heap(NR);
	uint8_t map[NR] = { 0 };
	unsigned int seed = 7;
	uint64_t used = 0;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		unsigned int i = (unsigned int)rand_r(&seed) % NR_BLOCKS;
		uint64_t align = PAGE << rand_r(&seed) % 6;
		hvram_t at;

		if (b[i].nr) {
			vheap_release(h, hvram(BASE + b[i].at * PAGE), b[i].nr * PAGE);
			memset(map + b[i].at, 0, b[i].nr);
			used -= b[i].nr;
			b[i].nr = 0;
		} else {
			uint64_t nr = 1 + (uint64_t)rand_r(&seed) % (rand_r(&seed) % 8 ? 8 : 100);

			if (vheap_alloc(h, nr * PAGE, align, &at) < 0) {
				assert_false(model_fits(map, nr, align));
				continue;
			}
			assert_true(is_aligned(hvram_x(at), align));
			b[i].at = (hvram_x(at) - BASE) / PAGE;
			b[i].nr = nr;
			assert_true(b[i].at + nr <= NR);
			assert_null(memchr(map + b[i].at, 1, nr));
			memset(map + b[i].at, 1, nr);
			used += nr;
		}
		assert_int_equal(vheap_used(h), used * PAGE);
	}
	for (uint64_t p = 0; p < NR; p++)
		assert_int_equal(vheap_holds(h, hvram(BASE + p * PAGE), PAGE), map[p]);
	vheap_free(h);
}

static int fail_at;

static int fail_nth(void)
{
	return fail_at-- == 0;
}

static void allocation_failures(void **state)
{
	struct vheap *h = NULL;
	int n = 0, r;

	(void)state;
	for (r = -1; r < 0; n++) {
		fail_at = n;
		mem_fault_hook = fail_nth;
		r = vheap_new(hvram(BASE), NR * PAGE, &h);
		mem_fault_hook = NULL;
		assert_true(r == 0 || (r == -ENOMEM && !h));
	}
	assert_int_equal(n, 3);
	vheap_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(fills_to_the_last_page_and_again),
		cmocka_unit_test(wraps_around),
		cmocka_unit_test(holds_edges),
		cmocka_unit_test(random_life),
		cmocka_unit_test(allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
