// SPDX-License-Identifier: MIT
/* The range heap against a plain byte map. */
#include "tests/unit/drv/gpu.h"

#define SPAN 4096u

static void check_nodes(const struct heap *h, const uint8_t *map)
{
	const struct heap_node *n, *prev = NULL;
	uint64_t at = 0;

	list_for_each(n, &h->nodes, node) {
		assert_int_equal(n->at, at);
		for (uint64_t i = n->at; i < n->at + n->len; i++)
			assert_int_equal(map[i] != 0, n->used);
		if (prev)
			assert_false(!prev->used && !n->used);
		prev = n;
		at = n->at + n->len;
	}
	assert_int_equal(at, SPAN);
}

static void mark(uint8_t *map, const struct heap_node *n, uint8_t v)
{
	for (uint64_t i = n->at; i < n->at + n->len; i++) {
		assert_int_not_equal(map[i], v);
		map[i] = v;
	}
}

/* Whether len bytes aligned so are free anywhere. */
static bool fits(const uint8_t *map, uint64_t len, uint64_t align)
{
	for (uint64_t at = 0; at + len <= SPAN; at += align) {
		uint64_t i = 0;

		while (i < len && !map[at + i])
			i++;
		if (i == len)
			return true;
	}
	return false;
}

static void random_use(void **state)
{
	static uint8_t map[SPAN];
	struct heap_node *held[64] = { 0 };
	uint64_t seed = 7, refused = 0;
	struct heap h;

	(void)state;
	memset(map, 0, sizeof(map));
	heap_init(&h);
	assert_int_equal(heap_add(&h, 0, SPAN), 0);
	for (int step = 0; step < 4000; step++) {
		struct heap_node **n = &held[rnd(&seed) % 64];
		uint64_t len = 1 + rnd(&seed) % 200, align = 1ull << rnd(&seed) % 6;

		if (*n) {
			mark(map, *n, 0);
			heap_free(&h, *n);
			*n = NULL;
		} else if (heap_alloc(&h, len, align, rnd(&seed) & 1, n) == 0) {
			assert_int_equal((*n)->len, len);
			assert_true(is_aligned((*n)->at, align));
			mark(map, *n, 1);
		} else {
			assert_false(fits(map, len, align));
			refused++;
		}
		check_nodes(&h, map);
	}
	assert_true(refused > 0);
	heap_fini(&h);
}

static void ends(void **state)
{
	struct heap_node *a, *b, *c;
	struct heap h;

	(void)state;
	heap_init(&h);
	assert_int_equal(heap_add(&h, 0x1000, 0x9000), 0);
	assert_int_equal(heap_alloc(&h, 0x1000, 0x1000, false, &a), 0);
	assert_int_equal(heap_alloc(&h, 0x1000, 0x4000, true, &b), 0);
	assert_int_equal(a->at, 0x1000);
	assert_int_equal(b->at, 0x8000);
	assert_int_equal(heap_alloc(&h, 0x10000, 1, false, &c), -ENOSPC);
	assert_int_equal(heap_alloc(&h, 0, 1, false, &c), -EINVAL);
	assert_int_equal(heap_avail(&h), 0x7000);
	heap_free(&h, a);
	heap_free(&h, b);
	heap_free(&h, NULL);
	assert_int_equal(heap_alloc(&h, 0x9000, 0x1000, false, &c), 0);
	heap_fini(&h);
}

/* Ranges with a hole between them are never joined. */
static void holes(void **state)
{
	struct heap_node *n;
	struct heap h;

	(void)state;
	heap_init(&h);
	assert_int_equal(heap_add(&h, 0x3000, 0x1000), 0);
	assert_int_equal(heap_add(&h, 0x1000, 0x1000), 0);
	assert_int_equal(heap_alloc(&h, 0x2000, 1, false, &n), -ENOSPC);
	assert_int_equal(heap_add(&h, 0x2000, 0x1000), 0);
	assert_int_equal(heap_alloc(&h, 0x3000, 1, false, &n), 0);
	heap_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_use),
		cmocka_unit_test(ends),
		cmocka_unit_test(holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
