// SPDX-License-Identifier: MIT
/* Guest memory by target: bytes go where the part says, and never past the guest's end. */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

static void vram_crosses_chunks(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	uint8_t in[8192], out[8192];

	(void)st;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	assert_int_equal(shadow_gmem_wr(g->sg, PTE_VRAM, PART_CHUNK_LEN - 4096, in, sizeof(in)), 0);
	assert_int_equal(shadow_gmem_rd(g->sg, PTE_VRAM, PART_CHUNK_LEN - 4096, out, sizeof(out)),
			 0);
	assert_memory_equal(in, out, sizeof(in));
	/* The two halves lie in chunks that are not neighbours. */
	assert_int_not_equal(host_of(g, PART_CHUNK_LEN), host_of(g, PART_CHUNK_LEN - 4096) + 4096);
	assert_memory_equal(r->f.vram + host_of(g, PART_CHUNK_LEN), in + 4096, 4096);
	rig_free(r);
}

static void outside_is_refused(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	uint64_t v = 0x1122334455667788;
	static const uint64_t vram[] = { RIG_PART - 4, RIG_PART,  RIG_PART + 4096,
					 1ull << 40,   ~0ull - 3, ~0ull };
	static const uint64_t ram[] = { RIG_RAM - 4, RIG_RAM, 1ull << 40, ~0ull - 3 };

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(vram); i++) {
		assert_int_equal(shadow_gmem_rd(g->sg, PTE_VRAM, vram[i], &v, 8), -EFAULT);
		assert_int_equal(shadow_gmem_wr(g->sg, PTE_VRAM, vram[i], &v, 8), -EFAULT);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ram); i++) {
		assert_int_equal(shadow_gmem_rd(g->sg, PTE_SYS, ram[i], &v, 8), -EFAULT);
		assert_int_equal(shadow_gmem_wr(g->sg, PTE_SYS_NC, ram[i], &v, 8), -EFAULT);
	}
	assert_int_equal(shadow_gmem_rd(g->sg, 1, 0, &v, 8), -EFAULT);
	assert_int_equal(shadow_gmem_wr(g->sg, 4, 0, &v, 8), -EFAULT);
	assert_int_equal(v, 0x1122334455667788);
	rig_free(r);
}

static void ram_by_target(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[1];
	uint64_t v = 0xabcdef, w = 0;

	(void)st;
	assert_int_equal(shadow_gmem_wr(g->sg, PTE_SYS, 0x5008, &v, 8), 0);
	assert_memory_equal((uint8_t *)hv_null_ram(g->hv) + 0x5008, &v, 8);
	assert_int_equal(shadow_gmem_rd(g->sg, PTE_SYS_NC, 0x5008, &w, 8), 0);
	assert_int_equal(w, v);
	/* The other guest's page of the same number is another page. */
	assert_int_equal(shadow_gmem_rd(r->g[0].sg, PTE_SYS, 0x5008, &w, 8), 0);
	assert_int_equal(w, 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(vram_crosses_chunks),
		cmocka_unit_test(outside_is_refused),
		cmocka_unit_test(ram_by_target),
	};

	return cmocka_run_group_tests_name("shadow gmem", t, NULL, NULL);
}
