// SPDX-License-Identifier: MIT
/*
 * A guest's VRAM as files: the guest's own bytes, whole, nobody else's, and after
 * the guest is gone nobody's.
 */
#include "tests/t.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpuvm/lend.h"
#include "tests/unit/core/rig.h"

#define MIB (1ull << 20)

static uint32_t file_rd(struct vgpu *v, uint64_t at)
{
	uint64_t fd_at, run;
	uint32_t w;
	int fd;

	assert_int_equal(lend_find(v, at, 4, &fd, &fd_at, &run), 0);
	assert_int_equal(run, 4);
	assert_int_equal(pread(fd, &w, 4, (off_t)fd_at), 4);
	return w;
}

/* All of it, with what was in it, at the guest's own addresses; the device sees what the files' holder does. */
static void test_bytes(void **state)
{
	struct rig *r = *state;
	uint64_t fd_at, run, all = 0;
	uint32_t w = 0x77;
	struct stat st;
	int fd;

	assert_int_equal(lend_find(r->v[0], 0, 4, &fd, &fd_at, &run), -ENOENT);
	for (uint64_t at = 0; at < RIG_VRAM; at += 3 * MIB)
		vram_wr32(r, 0, at + 0x104, 0xabc00000 + (uint32_t)(at >> 20));
	vram_wr32(r, 1, 0x104, 0x5ec4e7);
	assert_int_equal(lend_start(r->v[0]), 0);
	assert_int_equal(lend_start(r->v[0]), 0);
	for (uint64_t at = 0; at < RIG_VRAM; at += 3 * MIB) {
		assert_int_equal(file_rd(r->v[0], at + 0x104), 0xabc00000 + (at >> 20));
		assert_int_equal(vram_rd32(r, 0, at + 0x104), 0xabc00000 + (at >> 20));
	}
	for (uint64_t at = 0; at < RIG_VRAM; at += run) {
		assert_int_equal(lend_find(r->v[0], at, RIG_VRAM, &fd, &fd_at, &run), 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_true(fd_at + run <= (uint64_t)st.st_size);
		all += (uint64_t)st.st_size;
		assert_int_equal(pwrite(fd, &w, 4, (off_t)fd_at), 4);
		assert_int_equal(vram_rd32(r, 0, at), 0x77);
	}
	/* Not a byte more than it has. */
	assert_int_equal(all, RIG_VRAM);
	assert_int_equal(vram_rd32(r, 1, 0x104), 0x5ec4e7);
	assert_int_equal(vram_rd32(r, 1, 0), 0);
	assert_int_equal(lend_find(r->v[0], RIG_VRAM, 4, &fd, &fd_at, &run), -ERANGE);
	assert_int_equal(lend_find(r->v[0], 0, 0, &fd, &fd_at, &run), -ERANGE);
	assert_int_equal(lend_find(r->v[0], UINT64_MAX, 4, &fd, &fd_at, &run), -ERANGE);
	assert_int_equal(lend_find(r->v[1], 0, 4, &fd, &fd_at, &run), -ENOENT);
}

/* VRAM in pieces: a file for each, in the guest's order. */
static void test_pieces(void **state)
{
	struct rig *r = *state;
	struct vgpu_cfg cfg = { .mode = VGPU_FULL, .vram_len = 2 * MIB };
	struct hv_guest *small[8], *big;
	uint64_t fd_at, run;
	unsigned int runs = 0;
	int fd;

	for (int i = 0; i < 8; i++)
		assert_int_equal(hv_null_guest_new(r->hv, "small", RIG_RAM, &cfg, &small[i]), 0);
	for (int i = 0; i < 8; i += 2)
		hv_null_guest_free(small[i]);
	cfg.vram_len = 6 * MIB;
	assert_int_equal(hv_null_guest_new(r->hv, "big", RIG_RAM, &cfg, &big), 0);
	assert_int_equal(lend_start(big->vgpu), 0);
	for (uint64_t at = 0; at < 6 * MIB; at += run, runs++)
		assert_int_equal(lend_find(big->vgpu, at, 6 * MIB, &fd, &fd_at, &run), 0);
	assert_int_equal(runs, 3);
	hv_null_guest_free(big);
	for (int i = 1; i < 8; i += 2)
		hv_null_guest_free(small[i]);
}

/* Who keeps a descriptor of a guest that is gone sees nothing of the next one. */
static void test_kept(void **state)
{
	struct rig *r = *state;
	uint64_t fd_at, run, free_before = part_pool_free_vram(r->g->pool);
	uint32_t *view, w;
	int fd;

	assert_int_equal(lend_start(r->v[0]), 0);
	assert_int_equal(lend_find(r->v[0], 0, RIG_VRAM, &fd, &fd_at, &run), 0);
	fd = dup(fd);
	view = mmap(NULL, run, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)fd_at);
	assert_ptr_not_equal(view, MAP_FAILED);
	vram_wr32(r, 0, 0x1000, 0x1111);
	assert_int_equal(view[0x400], 0x1111);
	hv_null_guest_free(r->hg[0]);
	assert_int_equal(part_pool_free_vram(r->g->pool), free_before + RIG_VRAM);
	rig_guest(r, 0, false);
	/* The new one has the same chunks. */
	for (uint64_t at = 0; at < RIG_VRAM; at += MIB)
		vram_wr32(r, 0, at, 0x5ec4e7);
	for (uint64_t at = 0; at < run; at += MIB)
		assert_int_not_equal(view[at / 4], 0x5ec4e7);
	memset(view, 0xee, run);
	for (uint64_t at = 0; at < RIG_VRAM; at += MIB)
		assert_int_equal(vram_rd32(r, 0, at), 0x5ec4e7);
	assert_int_equal(pread(fd, &w, 4, 0), 4);
	assert_int_equal(w, 0xeeeeeeee);
	munmap(view, run);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_bytes),
		RIG_TEST(test_pieces),
		RIG_TEST(test_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
