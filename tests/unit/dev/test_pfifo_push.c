// SPDX-License-Identifier: MIT
/* The pusher: every header form, entries of every shape, packets across entries. */
#include "tests/unit/dev/fifokit.h"

static int open_kit(void **state)
{
	static struct fk k;

	k = fk_open("vram=256M,clock=manual");
	*state = &k;
	return 0;
}

static int close_kit(void **state)
{
	fk_close(*state);
	return 0;
}

static void inc_counts_up(void **state)
{
	struct fk_chan c = fk_chan(*state, 5);

	/* address high, low, payload, trigger are four methods in a row */
	fk_sem(&c, 0x100, 0x1234, SEM_RELEASE | SEM_RELEASE_4B);
	fk_go(&c);
	assert_int_equal(fk_data(c.k, 0x100), 0x1234);
	assert_int_equal(fk_data(c.k, 0x104), 0);
	assert_true(fk_done(&c));
	assert_int_equal(kit_rd32(c.k->d, fk_userd(&c) + USERD_GP_GET), 1);
}

static void ninc_stays(void **state)
{
	struct fk_chan c = fk_chan(*state, 0);

	fk_word(&c, push_header(PUSH_NINC, 0, HOST_REF_CNT, 3));
	fk_word(&c, 1);
	fk_word(&c, 2);
	fk_word(&c, 3);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 3);
	assert_int_equal(dev_rd32(c.k->d, NV_PFIFO_PBDMA_INTR), 0);
}

static void oneinc_counts_once(void **state)
{
	struct fk_chan c = fk_chan(*state, 127);

	fk_sem(&c, 0, 0, SEM_RELEASE | SEM_RELEASE_4B);
	fk_word(&c, push_header(PUSH_ONEINC, 0, HOST_SEM_PAYLOAD, 3));
	fk_word(&c, 77);
	fk_word(&c, SEM_RELEASE | SEM_RELEASE_4B); /* trigger */
	fk_word(&c, SEM_RELEASE);		   /* trigger again: 16 bytes */
	fk_data_set(c.k, 4, 0xffffffff);
	fk_go(&c);
	assert_int_equal(fk_data(c.k, 0), 77);
	assert_int_equal(fk_data(c.k, 4), 0);
}

static void immediate_carries_its_data(void **state)
{
	struct fk_chan c = fk_chan(*state, 1);

	fk_word(&c, push_header(PUSH_IMMD, 0, HOST_REF_CNT, 0x1abc));
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 0x1abc);
}

static void old_forms(void **state)
{
	struct fk_chan c = fk_chan(*state, 2);

	fk_word(&c, 2u << 29 | 2 << 18 | HOST_REF_CNT); /* non-increasing */
	fk_word(&c, 8);
	fk_word(&c, 9);
	fk_word(&c, 4 << 18 | HOST_SEM_ADDR_HI); /* increasing */
	fk_word(&c, hi32(fk_data_va(0x40)));
	fk_word(&c, lo32(fk_data_va(0x40)));
	fk_word(&c, 10);
	fk_word(&c, SEM_RELEASE | SEM_RELEASE_4B);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 9);
	assert_int_equal(fk_data(c.k, 0x40), 10);
}

static void subdevice_mask_skips_methods(void **state)
{
	struct fk_chan c = fk_chan(*state, 3);

	fk_word(&c, PUSH_SUBDEV_SET << 16 | 2 << 4); /* another subdevice */
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_word(&c, PUSH_SUBDEV_STORE << 16 | 1 << 4);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 0);
	fk_word(&c, PUSH_SUBDEV_USE << 16);
	fk_1(&c, 0, HOST_REF_CNT, 2);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 2);
}

static void padding_and_empty_packets(void **state)
{
	struct fk_chan c = fk_chan(*state, 4);

	for (int i = 0; i < 32; i++)
		fk_word(&c, 0);
	fk_word(&c, push_header(PUSH_INC, 3, 0x200, 0));
	fk_word(&c, push_header(PUSH_NINC, 3, 0x200, 0));
	fk_1(&c, 0, HOST_REF_CNT, 6);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 6);
}

static void end_segment_drops_the_rest(void **state)
{
	struct fk_chan c = fk_chan(*state, 6);

	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_word(&c, (uint32_t)PUSH_END << 29);
	fk_1(&c, 0, HOST_REF_CNT, 2);
	fk_end(&c);
	fk_word(&c, push_header(PUSH_NINC, 0, HOST_NOP, 1));
	fk_word(&c, 0);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 1);
	assert_true(fk_done(&c));
}

static void packet_goes_on_in_the_next_entry(void **state)
{
	struct fk_chan c = fk_chan(*state, 7);

	fk_word(&c, push_header(PUSH_INC, 0, HOST_SEM_ADDR_HI, 4));
	fk_word(&c, hi32(fk_data_va(0x80)));
	fk_go(&c);
	assert_true(fk_done(&c));
	fk_word(&c, lo32(fk_data_va(0x80)));
	fk_end(&c);
	fk_word(&c, 0x55);
	fk_word(&c, SEM_RELEASE | SEM_RELEASE_4B);
	fk_go(&c);
	assert_int_equal(fk_data(c.k, 0x80), 0x55);
}

static void empty_entry_is_skipped(void **state)
{
	struct fk_chan c = fk_chan(*state, 8);

	fk_entry(&c, gp_entry_pack(fk_va(fk_push(8)), 0));
	fk_entry(&c, 2ull << 32); /* checksum operations */
	fk_entry(&c, 3ull << 32);
	fk_1(&c, 0, HOST_REF_CNT, 9);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 9);
	assert_int_equal(kit_rd32(c.k->d, fk_userd(&c) + USERD_GP_GET), 4);
}

static void ring_wraps(void **state)
{
	struct fk_chan c = fk_chan(*state, 9);

	for (uint32_t i = 1; i <= 3 * FK_RING_ENTRIES; i++) {
		fk_1(&c, 0, HOST_REF_CNT, i);
		fk_end(&c);
		if (i % 7 == 0)
			fk_go(&c);
	}
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 3 * FK_RING_ENTRIES);
	assert_int_equal(kit_rd32(c.k->d, fk_userd(&c) + USERD_GP_GET), c.put);
}

static void get_tells_where_it_stands(void **state)
{
	struct fk_chan c = fk_chan(*state, 10);
	uint64_t end;

	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	end = fk_va(fk_push(10)) + 8;
	assert_int_equal(kit_rd32(c.k->d, fk_userd(&c) + USERD_GET), lo32(end));
	assert_int_equal(kit_rd32(c.k->d, fk_userd(&c) + USERD_GET_HI), hi32(end));
	assert_int_equal(kit_rd32(c.k->d, fk_userd(&c) + USERD_MGET), lo32(end));
	/* Not the main push buffer: GET moves, MGET stays. */
	fk_1(&c, 0, HOST_REF_CNT, 2);
	fk_entry(&c, gp_entry_pack(end, 2) | GP_ENTRY_NOT_MAIN);
	c.start = c.at;
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 2);
	assert_int_equal(kit_rd32(c.k->d, fk_userd(&c) + USERD_GET), lo32(end + 8));
	assert_int_equal(kit_rd32(c.k->d, fk_userd(&c) + USERD_MGET), lo32(end));
}

static void long_entry(void **state)
{
	struct fk_chan c = fk_chan(*state, 11);
	uint32_t n = 0x1fff;

	fk_word(&c, push_header(PUSH_NINC, 0, HOST_REF_CNT, n));
	for (uint32_t i = 1; i <= n; i++)
		fk_word(&c, i);
	fk_1(&c, 0, HOST_NOP, 0);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), n);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
	const struct CMUnitTest tests[] = {
		T(inc_counts_up),
		T(ninc_stays),
		T(oneinc_counts_once),
		T(immediate_carries_its_data),
		T(old_forms),
		T(subdevice_mask_skips_methods),
		T(padding_and_empty_packets),
		T(end_segment_drops_the_rest),
		T(packet_goes_on_in_the_next_entry),
		T(empty_entry_is_skipped),
		T(ring_wraps),
		T(get_tells_where_it_stands),
		T(long_entry),
	};

	return cmocka_run_group_tests_name("pfifo_push", tests, NULL, NULL);
}
