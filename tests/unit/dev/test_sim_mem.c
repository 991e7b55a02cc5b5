// SPDX-License-Identifier: MIT
/* VRAM: bounds, sparseness, zeroing that gives memory back, and ranges given away as files. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/unit/dev/simkit.h"

#define CHUNK (2 * MIB)

static void test_bounds(void **state)
{
	struct dev *d = kit_open("vram=256M");
	uint64_t end = d->info.vram_len;
	uint8_t buf[64] = { 1 };

	(void)state;
	assert_int_equal(dev_vram_wr(d, hvram(end - 64), buf, 64), 0);
	assert_int_equal(dev_vram_wr(d, hvram(end - 63), buf, 64), -ERANGE);
	assert_int_equal(dev_vram_rd(d, hvram(end), buf, 1), -ERANGE);
	assert_int_equal(dev_vram_rd(d, hvram(UINT64_MAX - 3), buf, 8), -ERANGE);
	assert_int_equal(dev_vram_rd(d, hvram(end), buf, 0), 0);
	assert_int_equal(dev_vram_zero(d, hvram(0), end + 1), -ERANGE);
	assert_int_equal(dev_vram_zero(d, hvram(end - 1), UINT64_MAX), -ERANGE);
	assert_int_equal(dev_vram_zero(d, hvram(end), 0), 0);
	dev_close(d);
}

/* Random pieces at random places, aligned or not, against a plain array. */
static void test_pieces(void **state)
{
	enum { LEN = 1 << 18 };
	struct dev *d = kit_open("vram=256M");
	uint8_t *model = calloc(1, LEN), *got = malloc(LEN), piece[5000];
	uint64_t x = 123456789, base = 77 * MIB + 0x123;

	(void)state;
	assert_non_null(model);
	assert_non_null(got);
	for (int i = 0; i < 500; i++) {
		uint64_t len = kit_rand(&x) % sizeof(piece), at = kit_rand(&x) % (LEN - len);

		for (uint64_t b = 0; b < len; b++)
			piece[b] = (uint8_t)kit_rand(&x);
		if (i % 5 == 4) {
			len = kit_rand(&x) % (LEN - at);
			memset(model + at, 0, len);
			assert_int_equal(dev_vram_zero(d, hvram(base + at), len), 0);
		} else {
			memcpy(model + at, piece, len);
			assert_int_equal(dev_vram_wr(d, hvram(base + at), piece, len), 0);
		}
		at = kit_rand(&x) % LEN;
		len = kit_rand(&x) % (LEN - at);
		assert_int_equal(dev_vram_rd(d, hvram(base + at), got, len), 0);
		assert_memory_equal(got, model + at, len);
	}
	free(model);
	free(got);
	dev_close(d);
}

/* Pages of VRAM that have memory behind them. */
static uint64_t resident(struct dev *d, uint64_t at, uint64_t len)
{
	static unsigned char in[8192];
	uint64_t n = 0;

	assert_true(len / 4096 <= sizeof(in));
	assert_int_equal(mincore(kit_sim(d)->vram + at, len, in), 0);
	for (uint64_t i = 0; i < len / 4096; i++)
		n += in[i] & 1;
	return n;
}

static void fill(struct dev *d, uint64_t at, uint64_t len)
{
	uint8_t buf[4096];

	memset(buf, 0x5a, sizeof(buf));
	for (uint64_t i = 0; i < len; i += sizeof(buf))
		assert_int_equal(dev_vram_wr(d, hvram(at + i), buf, sizeof(buf)), 0);
}

static void test_sparse(void **state)
{
	struct dev *d = kit_open("vram=6G");
	uint8_t edge[2] = { 0 };

	(void)state;
	/* The huge card costs nothing until it is used, at its far end too. */
	assert_int_equal(resident(d, 6 * 1024 * MIB - 32 * MIB, 32 * MIB), 0);
	fill(d, 64 * MIB, 16 * MIB);
	assert_int_equal(resident(d, 64 * MIB, 16 * MIB), 4096);
	/* Zeroing all but one byte at each end gives back all but the two pages there. */
	assert_int_equal(dev_vram_zero(d, hvram(64 * MIB + 1), 16 * MIB - 2), 0);
	assert_true(resident(d, 64 * MIB, 16 * MIB) <= 2);
	assert_int_equal(dev_vram_rd(d, hvram(64 * MIB), edge, 2), 0);
	assert_int_equal(edge[0], 0x5a);
	assert_int_equal(edge[1], 0);
	assert_int_equal(dev_vram_rd(d, hvram(80 * MIB - 2), edge, 2), 0);
	assert_int_equal(edge[0], 0);
	assert_int_equal(edge[1], 0x5a);
	dev_close(d);
}

static void test_give(void **state)
{
	struct dev *d = kit_open("vram=256M");
	uint8_t *view;
	struct stat st;
	int fd = -1;

	(void)state;
	fill(d, 64 * MIB, 2 * CHUNK);
	assert_int_equal(dev_vram_fd(d, hvram(64 * MIB), CHUNK, &fd), 0);
	assert_true(fd >= 0);
	/* The file is that chunk as it was, and nothing else. */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, CHUNK);
	view = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(view != MAP_FAILED);
	for (unsigned int i = 0; i < CHUNK / 4; i++)
		assert_int_equal(((uint32_t *)view)[i], 0x5a5a5a5a);
	assert_int_equal(kit_rd32(d, 64 * MIB), 0x5a5a5a5a);
	assert_int_equal(kit_rd32(d, 64 * MIB + CHUNK), 0x5a5a5a5a);
	/* Both see the same bytes. */
	kit_wr32(d, 64 * MIB + 0x1000, 0xaaaa);
	assert_int_equal(*(uint32_t *)(view + 0x1000), 0xaaaa);
	*(uint32_t *)(view + CHUNK - 4) = 0xbbbb;
	assert_int_equal(kit_rd32(d, 64 * MIB + CHUNK - 4), 0xbbbb);
	/* The holder cannot pull the memory away from under the card. */
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, (off_t)(2 * CHUNK)), -1);
	/* Zeroing across the border zeroes both sides, and the file's memory is given back. */
	fill(d, 64 * MIB, 2 * CHUNK);
	assert_int_equal(dev_vram_zero(d, hvram(64 * MIB - CHUNK), 3 * CHUNK), 0);
	assert_int_equal(fstat(fd, &st), 0); /* before anybody looks: a look fills a page */
	assert_int_equal(st.st_blocks, 0);
	assert_int_equal(*(uint32_t *)(view + 0x1000), 0);
	assert_int_equal(kit_rd32(d, 64 * MIB + CHUNK), 0);
	/* Joined back: zeroed, and the file is no longer part of the card. */
	kit_wr32(d, 64 * MIB, 1);
	assert_int_equal(dev_vram_join(d, hvram(64 * MIB), CHUNK), 0);
	assert_int_equal(kit_rd32(d, 64 * MIB), 0);
	*(uint32_t *)view = 5;
	assert_int_equal(kit_rd32(d, 64 * MIB), 0);
	munmap(view, CHUNK);
	close(fd);
	dev_close(d);
}

static void test_give_errors(void **state)
{
	struct dev *d = kit_open("vram=257M");
	int fd = -1, other = -1;

	(void)state;
	assert_int_equal(dev_vram_fd(d, hvram(MIB), CHUNK, &fd), -EINVAL);
	assert_int_equal(dev_vram_fd(d, hvram(0), MIB, &fd), -EINVAL);
	assert_int_equal(dev_vram_fd(d, hvram(0), 0, &fd), -EINVAL);
	assert_int_equal(dev_vram_fd(d, hvram(256 * MIB), CHUNK, &fd), -ERANGE);
	assert_int_equal(dev_vram_fd(d, hvram(0), UINT64_MAX & ~(CHUNK - 1), &fd), -ERANGE);
	assert_int_equal(dev_vram_join(d, hvram(0), CHUNK), -ENOENT);
	assert_int_equal(fd, -1);
	assert_int_equal(dev_vram_fd(d, hvram(CHUNK), 2 * CHUNK, &fd), 0);
	assert_int_equal(dev_vram_fd(d, hvram(0), 2 * CHUNK, &other), -EEXIST);
	assert_int_equal(other, -1);
	assert_int_equal(dev_vram_join(d, hvram(0), 2 * CHUNK), -ENOENT);
	assert_int_equal(dev_vram_join(d, hvram(2 * CHUNK), CHUNK), 0);
	assert_int_equal(dev_vram_join(d, hvram(CHUNK), CHUNK), 0);
	assert_int_equal(dev_vram_join(d, hvram(CHUNK), CHUNK), -ENOENT);
	close(fd);
	dev_close(d);
}

/* What nobody wrote costs the file nothing either. */
static void test_give_sparse(void **state)
{
	struct dev *d = kit_open("vram=256M");
	struct stat st;
	uint32_t v = 0;
	int fd = -1;

	(void)state;
	kit_wr32(d, 64 * MIB + 0x12340, 0xfeed);
	assert_int_equal(dev_vram_fd(d, hvram(64 * MIB), 8 * CHUNK, &fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks * 512, 4096);
	assert_int_equal(pread(fd, &v, 4, 0x12340), 4);
	assert_int_equal(v, 0xfeed);
	close(fd);
	dev_close(d);
}

/* A reset loses VRAM's contents but not who holds which chunk. */
static void test_give_reset(void **state)
{
	struct dev *d = kit_open("vram=256M");
	uint32_t v = 1;
	int fd = -1;

	(void)state;
	assert_int_equal(dev_vram_fd(d, hvram(0), CHUNK, &fd), 0);
	kit_wr32(d, 8, 7);
	assert_int_equal(dev_reset(d), 0);
	assert_int_equal(pread(fd, &v, 4, 8), 4);
	assert_int_equal(v, 0);
	kit_wr32(d, 8, 9);
	assert_int_equal(pread(fd, &v, 4, 8), 4);
	assert_int_equal(v, 9);
	close(fd);
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),	    cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_sparse),	    cmocka_unit_test(test_give),
		cmocka_unit_test(test_give_errors),
		cmocka_unit_test(test_give_sparse), cmocka_unit_test(test_give_reset),
	};

	return cmocka_run_group_tests_name("sim_mem", tests, NULL, NULL);
}
