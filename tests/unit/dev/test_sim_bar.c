// SPDX-License-Identifier: MIT
/* BAR1 and BAR3: binding, translation, faults, sizes, and the way of a store into USERD. */
#include "tests/unit/dev/simkit.h"

#define DATA (128 * MIB)
#define USERD (DATA + 4 * MIB)

static struct kit_vm setup(void)
{
	return kit_vm(kit_open("vram=256M,clock=manual"), 1 * MIB);
}

static uint32_t block_reg(int bar)
{
	return bar == 1 ? NV_PBUS_BAR1_BLOCK : NV_PBUS_BAR3_BLOCK;
}

static void bind_bar(struct kit_vm *k, int bar)
{
	dev_wr32(k->d, block_reg(bar), 0x80000000 | (uint32_t)(k->inst >> 12));
}

static enum fault_reason last_fault(struct kit_vm *k, int bar, uint64_t *va, bool *write)
{
	uint32_t u = bar == 1 ? FAULT_UNIT_BAR1 : FAULT_UNIT_BAR3, info;

	if (!(dev_rd32(k->d, NV_PFIFO_MMU_FAULT_UNITS) & 1u << u))
		return FAULT_NONE;
	info = dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_INFO, u));
	*va = dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_VALO, u)) |
	      (uint64_t)dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_VAHI, u)) << 32;
	*write = info & FAULT_INFO_WRITE;
	assert_true(info & FAULT_INFO_HUB);
	assert_int_equal(FAULT_INFO_CLIENT(info), FAULT_CLIENT_BAR);
	assert_int_equal(dev_rd32(k->d, reg_at(REGID_PFIFO_MMU_FAULT_INST, u)), k->inst >> 12);
	dev_wr32(k->d, NV_PFIFO_MMU_FAULT_UNITS, 1u << u);
	return (enum fault_reason)FAULT_INFO_REASON(info);
}

static void test_untranslated(void **state)
{
	struct kit_vm k = setup();

	(void)state;
	dev_bar_wr(k.d, 1, 0x1000, 4, 0xabc);
	assert_int_equal(kit_rd32(k.d, 0x1000), 0xabc);
	assert_int_equal(dev_bar_rd(k.d, 3, 0x1000, 4), 0xabc);
	dev_close(k.d);
}

static void test_translated(void **state)
{
	(void)state;
	for (int bar = 1; bar <= 3; bar += 2) {
		struct kit_vm k = setup();

		kit_map(&k, 0x5000, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
		/* The CPU may use privileged pages. */
		kit_map(&k, 0x6000, 0, pte_pack(PTE_VRAM, DATA + 0x1000, PTE_PRESENT | PTE_PRIV));
		bind_bar(&k, bar);
		dev_bar_wr(k.d, bar, 0x5010, 8, 0x1122334455667788ull);
		dev_bar_wr(k.d, bar, 0x5011, 1, 0xaa);
		dev_bar_wr(k.d, bar, 0x5012, 2, 0xbbcc);
		dev_bar_wr(k.d, bar, 0x5014, 4, 0xdeadbeef);
		assert_int_equal(kit_rd64(k.d, DATA + 0x10), 0xdeadbeefbbccaa88ull);
		assert_int_equal(dev_bar_rd(k.d, bar, 0x5010, 8), 0xdeadbeefbbccaa88ull);
		assert_int_equal(dev_bar_rd(k.d, bar, 0x5013, 1), 0xbb);
		assert_int_equal(dev_bar_rd(k.d, bar, 0x5016, 2), 0xdead);
		dev_bar_wr(k.d, bar, 0x6000, 4, 6);
		assert_int_equal(kit_rd32(k.d, DATA + 0x1000), 6);
		assert_int_equal(dev_rd32(k.d, NV_PFIFO_MMU_FAULT_UNITS), 0);
		/* The other one is still untranslated. */
		assert_int_equal(dev_bar_rd(k.d, 4 - bar, 0x6000, 4), kit_rd32(k.d, 0x6000));
		dev_close(k.d);
	}
}

/* A change of the instance block is seen after the block register is written again. */
static void test_bind_is_a_moment(void **state)
{
	struct kit_vm k = setup(), other = kit_vm(k.d, 32 * MIB);

	(void)state;
	kit_wr32(k.d, DATA, 1);
	kit_wr32(k.d, DATA + 0x1000, 2);
	kit_map(&k, 0, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
	kit_map(&other, 0, 0, pte_pack(PTE_VRAM, DATA + 0x1000, PTE_PRESENT));
	bind_bar(&k, 1);
	assert_int_equal(dev_bar_rd(k.d, 1, 0, 4), 1);
	kit_wr64(k.d, k.inst + INST_PDB_LO, other.pdb);
	assert_int_equal(dev_bar_rd(k.d, 1, 0, 4), 1);
	bind_bar(&k, 1);
	assert_int_equal(dev_bar_rd(k.d, 1, 0, 4), 2);
	dev_wr32(k.d, NV_PBUS_BAR1_BLOCK, 0);
	kit_wr32(k.d, 0, 77);
	assert_int_equal(dev_bar_rd(k.d, 1, 0, 4), 77);
	dev_close(k.d);
}

static void test_stale_until_flush(void **state)
{
	struct kit_vm k = setup();

	(void)state;
	kit_wr32(k.d, DATA, 1);
	kit_wr32(k.d, DATA + 0x1000, 2);
	kit_map(&k, 0, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
	bind_bar(&k, 3);
	assert_int_equal(dev_bar_rd(k.d, 3, 0, 4), 1);
	kit_map(&k, 0, 0, pte_pack(PTE_VRAM, DATA + 0x1000, PTE_PRESENT));
	assert_int_equal(dev_bar_rd(k.d, 3, 0, 4), 1);
	kit_flush(&k);
	assert_int_equal(dev_bar_rd(k.d, 3, 0, 4), 2);
	dev_close(k.d);
}

static void test_faults(void **state)
{
	(void)state;
	for (int bar = 1; bar <= 3; bar += 2) {
		struct kit_vm k = setup();
		uint64_t va = 0;
		bool write = false;

		kit_map(&k, 0x2000, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT | PTE_RO));
		bind_bar(&k, bar);
		assert_int_equal(last_fault(&k, bar, &va, &write), FAULT_NONE);
		assert_int_equal(dev_bar_rd(k.d, bar, 0x1008, 4) >> 16, 0xbad0);
		assert_int_equal(last_fault(&k, bar, &va, &write), FAULT_PAGE_NOT_PRESENT);
		assert_int_equal(va, 0x1008);
		assert_false(write);
		dev_bar_wr(k.d, bar, 0x2ff8, 8, 1);
		assert_int_equal(last_fault(&k, bar, &va, &write), FAULT_READ_ONLY);
		assert_int_equal(va, 0x2ff8);
		assert_true(write);
		assert_int_equal(kit_rd64(k.d, DATA + 0xff8), 0);
		/* Limit. */
		kit_inst(&k, k.inst, 0x2fff);
		bind_bar(&k, bar);
		assert_int_equal(dev_bar_rd(k.d, bar, 0x3000, 2), 0xac00 | FAULT_VM_LIMIT);
		assert_int_equal(last_fault(&k, bar, &va, &write), FAULT_VM_LIMIT);
		/* No usable instance block. */
		k.inst = 512 * MIB;
		bind_bar(&k, bar);
		assert_int_equal(dev_bar_rd(k.d, bar, 0x2000, 8), 0xbad0ac04bad0ac04ull);
		assert_int_equal(last_fault(&k, bar, &va, &write), FAULT_NO_CHANNEL);
		dev_close(k.d);
	}
}

/* Nonsense from the caller reads a marker, changes nothing and faults nobody. */
static void test_outside(void **state)
{
	static const struct {
		int bar, size;
		uint64_t off;
	} bad[] = {
		{ 0, 4, GF100_BAR0_LEN },
		{ 1, 4, GF100_BAR1_LEN },
		{ 3, 4, GF100_BAR3_LEN },
		{ 1, 8, GF100_BAR1_LEN - 4 },
		{ 1, 4, 2 },
		{ 3, 8, 4 },
		{ 0, 2, 1 },
		{ 1, 3, 0 },
		{ 1, 0, 0 },
		{ 1, 16, 0 },
		{ 1, -4, 0 },
		{ 2, 4, 0 },
		{ 5, 4, 0 },
		{ -1, 4, 0 },
		{ 6, 4, 0 },
		{ 1, 4, UINT64_MAX - 3 },
	};
	struct kit_vm k = setup();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		dev_bar_wr(k.d, bad[i].bar, bad[i].off, bad[i].size, 0x99);
		if (bad[i].size == 4)
			assert_int_equal(dev_bar_rd(k.d, bad[i].bar, bad[i].off, 4) >> 16, 0xbad0);
	}
	assert_int_equal(kit_rd64(k.d, 0), 0);
	assert_int_equal(dev_rd32(k.d, NV_PFIFO_MMU_FAULT_UNITS), 0);
	assert_int_equal(dev_rd32(k.d, NV_PBUS_INTR), 0);
	dev_close(k.d);
}

/*
 * USERD lies in memory like anything else; every size of store gets there, in and around the array.
 */
static void test_userd_memory(void **state)
{
	struct kit_vm k = setup();

	(void)state;
	for (uint64_t i = 0; i < 132; i++)
		kit_map(&k, 0x100000 + i * 0x1000, 0,
			pte_pack(PTE_VRAM, USERD + i * 0x1000, PTE_PRESENT));
	bind_bar(&k, 1);
	dev_wr32(k.d, NV_PFIFO_USERD_BASE, USERD_BASE_VALID | 0x100000 >> 12);
	for (uint64_t c = 0; c < 132; c += 43) {
		uint64_t page = 0x100000 + c * 0x1000, mem = USERD + c * 0x1000;

		dev_bar_wr(k.d, 1, page + USERD_GP_PUT, 4, 5);
		assert_int_equal(kit_rd32(k.d, mem + USERD_GP_PUT), 5);
		dev_bar_wr(k.d, 1, page + USERD_GP_GET, 8, 0x0000000700000006ull);
		assert_int_equal(dev_bar_rd(k.d, 1, page + USERD_GP_PUT, 4), 7);
		dev_bar_wr(k.d, 1, page + USERD_GP_PUT + 1, 1, 1);
		assert_int_equal(kit_rd32(k.d, mem + USERD_GP_PUT), 0x107);
		dev_bar_wr(k.d, 1, page + 0xff8, 8, ~0ull);
		assert_int_equal(kit_rd64(k.d, mem + 0xff8), ~0ull);
	}
	/* A base near the end of its field, and an array that is not mapped. */
	dev_wr32(k.d, NV_PFIFO_USERD_BASE, USERD_BASE_VALID | 0x0fffffff);
	dev_bar_wr(k.d, 1, 0x100000, 4, 1);
	dev_wr32(k.d, NV_PFIFO_USERD_BASE, USERD_BASE_VALID);
	dev_bar_wr(k.d, 1, USERD_GP_PUT, 4, 1);
	assert_int_equal(dev_rd32(k.d, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_BAR1);
	dev_close(k.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_untranslated),	  cmocka_unit_test(test_translated),
		cmocka_unit_test(test_bind_is_a_moment),  cmocka_unit_test(test_stale_until_flush),
		cmocka_unit_test(test_faults),		  cmocka_unit_test(test_outside),
		cmocka_unit_test(test_userd_memory),
	};

	return cmocka_run_group_tests_name("sim_bar", tests, NULL, NULL);
}
