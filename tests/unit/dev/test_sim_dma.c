// SPDX-License-Identifier: MIT
/*
 * Bus memory: the map's rules against a plain list, and that unmapping and flushing wait for
 * engines.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/unit/dev/simkit.h"

#define PAGE 4096ull

static uint8_t area[64 * 4096] __attribute__((aligned(4096)));

static void test_rules(void **state)
{
	struct dev *d = kit_open("vram=256M");

	(void)state;
	assert_int_equal(dev_dma_map(d, dma(0x1000), area, 0), -EINVAL);
	assert_int_equal(dev_dma_map(d, dma(0x1001), area, PAGE), -EINVAL);
	assert_int_equal(dev_dma_map(d, dma(0x1000), area, 100), -EINVAL);
	assert_int_equal(dev_dma_map(d, dma(0x1000), NULL, PAGE), -EINVAL);
	assert_int_equal(dev_dma_map(d, dma(1ull << 40), area, PAGE), -EINVAL);
	assert_int_equal(dev_dma_map(d, dma(UINT64_MAX & ~0xfffull), area, PAGE), -EINVAL);
	assert_int_equal(dev_dma_map(d, dma((1ull << 40) - PAGE), area, PAGE), 0);
	assert_int_equal(dev_dma_map(d, dma(0), area, PAGE), 0); /* bus address 0 is an address */
	assert_int_equal(dev_dma_map(d, dma(0x10000), area, 4 * PAGE), 0);
	assert_int_equal(dev_dma_map(d, dma(0x10000), area, PAGE), -EEXIST);
	assert_int_equal(dev_dma_map(d, dma(0xf000), area, 2 * PAGE), -EEXIST);
	assert_int_equal(dev_dma_map(d, dma(0x13000), area, 2 * PAGE), -EEXIST);
	assert_int_equal(dev_dma_map(d, dma(0xf000), area, 8 * PAGE), -EEXIST);
	assert_int_equal(dev_dma_unmap(d, dma(0x10000), PAGE), -ENOENT);
	assert_int_equal(dev_dma_unmap(d, dma(0x11000), 3 * PAGE), -ENOENT);
	assert_int_equal(dev_dma_unmap(d, dma(0x10000), 4 * PAGE), 0);
	assert_int_equal(dev_dma_unmap(d, dma(0x10000), 4 * PAGE), -ENOENT);
	assert_int_equal(dev_dma_unmap(d, dma(0), PAGE), 0);
	dev_close(d);
}

/* Random mapping and unmapping of single pages; lookups agree with a table of what is mapped. */
static void test_model(void **state)
{
	enum { N = 64 };
	struct dev *d = kit_open("vram=256M");
	struct sim *s = kit_sim(d);
	uint64_t x = 42;
	int where[N]; /* area page at bus page i, or -1 */

	(void)state;
	for (int i = 0; i < N; i++)
		where[i] = -1;
	for (int step = 0; step < 3000; step++) {
		int i = (int)(kit_rand(&x) % N), p = (int)(kit_rand(&x) % 64);
		uint32_t v = (uint32_t)kit_rand(&x), got = 0;

		if (where[i] < 0) {
			assert_int_equal(
				dev_dma_map(d, dma((uint64_t)i * PAGE), area + p * 4096, PAGE), 0);
			where[i] = p;
		} else if (v & 1) {
			assert_int_equal(dev_dma_unmap(d, dma((uint64_t)i * PAGE), PAGE), 0);
			where[i] = -1;
		}
		i = (int)(kit_rand(&x) % N);
		assert_int_equal(mem_wr(s, PTE_SYS, (uint64_t)i * PAGE + 8, &v, 4),
				 where[i] < 0 ? -EFAULT : 0);
		if (where[i] >= 0) {
			memcpy(&got, area + where[i] * 4096 + 8, 4);
			assert_int_equal(got, v);
		}
		/* Across a border: all of it or nothing. */
		if (i + 1 < N)
			assert_int_equal(
				mem_rd(s, PTE_SYS_NC, (uint64_t)(i + 1) * PAGE - 2, &got, 4),
				where[i] < 0 || where[i + 1] < 0 ? -EFAULT : 0);
	}
	assert_int_equal(mem_rd(s, 1, 0, area, 4), -EFAULT); /* target 1 is nothing */
	dev_close(d);
}

struct copier {
	struct sim *s;
	struct mmu_vm vm;
	_Atomic bool stop;
	_Atomic uint64_t copies;
};

static void *copy_main(void *arg)
{
	struct copier *c = arg;
	uint64_t at;
	bool at_write;

	while (!atomic_load(&c->stop)) {
		mmu_copy(c->s, &c->vm, 0x10000, 0, 16 * PAGE, &at, &at_write);
		atomic_fetch_add(&c->copies, 1);
	}
	return NULL;
}

/*
 * Somebody copies into bus memory all the time; once unmap has returned the memory is ours alone.
 */
static void test_unmap_waits(void **state)
{
	struct kit_vm k = kit_vm(kit_open("vram=256M"), MIB);
	struct copier c = { .s = kit_sim(k.d) };
	uint8_t *mem = malloc(16 * PAGE);
	pthread_t thread;

	(void)state;
	assert_non_null(mem);
	for (uint64_t i = 0; i < 16; i++) {
		kit_map(&k, i * PAGE, 0, pte_pack(PTE_VRAM, 128 * MIB + i * PAGE, PTE_PRESENT));
		kit_map(&k, 0x10000 + i * PAGE, 0, pte_pack(PTE_SYS, i * PAGE, PTE_PRESENT));
	}
	memset(area, 0x11, sizeof(area));
	dev_vram_wr(k.d, hvram(128 * MIB), area, 16 * PAGE);
	c.vm = kit_bind(&k);
	assert_int_equal(pthread_create(&thread, NULL, copy_main, &c), 0);
	for (int i = 0; i < 300; i++) {
		uint64_t seen = atomic_load(&c.copies);

		assert_int_equal(dev_dma_map(k.d, dma(0), mem, 16 * PAGE), 0);
		while (atomic_load(&c.copies) < seen + 2)
			;
		assert_int_equal(dev_dma_unmap(k.d, dma(0), 16 * PAGE), 0);
		memset(mem, 0x22, 16 * PAGE);
		seen = atomic_load(&c.copies);
		while (atomic_load(&c.copies) < seen + 2)
			;
		for (uint64_t b = 0; b < 16 * PAGE; b++)
			if (mem[b] != 0x22)
				fail_msg("byte %llu touched after unmap", (unsigned long long)b);
	}
	atomic_store(&c.stop, true);
	pthread_join(thread, NULL);
	free(mem);
	dev_close(k.d);
}

/*
 * Likewise a page that was unmapped and flushed: after the flush nobody writes through the old
 * entry.
 */
static void test_flush_waits(void **state)
{
	struct kit_vm k = kit_vm(kit_open("vram=256M"), MIB);
	struct copier c = { .s = kit_sim(k.d) };
	pthread_t thread;

	(void)state;
	memset(area, 0x11, sizeof(area));
	dev_vram_wr(k.d, hvram(128 * MIB), area, 16 * PAGE);
	for (uint64_t i = 0; i < 16; i++)
		kit_map(&k, i * PAGE, 0, pte_pack(PTE_VRAM, 128 * MIB + i * PAGE, PTE_PRESENT));
	kit_map(&k, 0x10000, 1, 0);
	c.vm = kit_bind(&k);
	assert_int_equal(pthread_create(&thread, NULL, copy_main, &c), 0);
	for (int i = 0; i < 300; i++) {
		uint64_t seen = atomic_load(&c.copies);

		for (uint64_t p = 0; p < 16; p++)
			kit_map(&k, 0x10000 + p * PAGE, 0,
				pte_pack(PTE_VRAM, 64 * MIB + p * PAGE, PTE_PRESENT));
		while (atomic_load(&c.copies) < seen + 2)
			;
		for (uint64_t p = 0; p < 16; p++)
			kit_map(&k, 0x10000 + p * PAGE, 0, 0);
		kit_flush(&k);
		assert_int_equal(dev_vram_zero(k.d, hvram(64 * MIB), 16 * PAGE), 0);
		seen = atomic_load(&c.copies);
		while (atomic_load(&c.copies) < seen + 2)
			;
		for (uint64_t at = 0; at < 16 * PAGE; at += 64)
			assert_int_equal(kit_rd32(k.d, 64 * MIB + at), 0);
	}
	atomic_store(&c.stop, true);
	pthread_join(thread, NULL);
	dev_close(k.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_unmap_waits),
		cmocka_unit_test(test_flush_waits),
	};

	return cmocka_run_group_tests_name("sim_dma", tests, NULL, NULL);
}
