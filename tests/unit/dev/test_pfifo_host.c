// SPDX-License-Identifier: MIT
/* Host methods: semaphores in every form, non-stall interrupt, reference, yield, binding. */
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

static void release_writes_time(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);
	uint64_t t0, t;

	assert_int_equal(dev_advance(k->d, 123456789), 0);
	t0 = dev_rd32(k->d, NV_PTIMER_TIME_LO) | (uint64_t)dev_rd32(k->d, NV_PTIMER_TIME_HI) << 32;
	fk_data_set(k, 0x14, 0xdead);
	fk_sem(&c, 0x10, 0x42, SEM_RELEASE);
	fk_go(&c);
	assert_int_equal(fk_data(k, 0x10), 0x42);
	assert_int_equal(fk_data(k, 0x14), 0);
	t = kit_rd64(k->d, fk_vram(FK_DATA + 0x18));
	/* PTIMER shows multiples of 32 ns. */
	assert_int_equal(t & ~31ull, t0);
}

static void release_of_4_bytes(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	fk_data_set(k, 0x24, 0xdead);
	fk_sem(&c, 0x20, 0x43, SEM_RELEASE | SEM_RELEASE_4B | SEM_NO_WFI);
	fk_go(&c);
	assert_int_equal(fk_data(k, 0x20), 0x43);
	assert_int_equal(fk_data(k, 0x24), 0xdead);
}

/* An acquire of the given kind waits at no, goes on at yes. */
static void acquire(struct fk *k, uint32_t trigger, uint32_t payload, uint32_t no, uint32_t yes)
{
	struct fk_chan c = fk_chan(k, 3);

	fk_data_set(k, 0, no);
	fk_sem(&c, 0, payload, trigger);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 0);
	assert_false(fk_done(&c));
	assert_true(fk_state(&c) & CHAN_STATE_PENDING);
	fk_data_set(k, 0, yes);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 1);
	assert_true(fk_done(&c));
}

static void acquires(void **state)
{
	for (uint32_t sw = 0; sw <= SEM_SWITCH; sw += SEM_SWITCH) {
		acquire(*state, SEM_ACQUIRE_EQ | sw, 7, 8, 7);
		acquire(*state, SEM_ACQUIRE_GE | sw, 7, 6, 7);
		acquire(*state, SEM_ACQUIRE_GE | sw, 7, 6, 9);
		/* the difference is signed */
		acquire(*state, SEM_ACQUIRE_GE | sw, 2, 0xfffffffe, 3);
		acquire(*state, SEM_ACQUIRE_GE | sw, 0xfffffffe, 0xfffffffd, 1);
		acquire(*state, SEM_ACQUIRE_AND | sw, 0xf0, 0x0f, 0x10);
	}
}

static void waiting_shows_in_channel_state(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 3);

	fk_sem(&c, 0, 1, SEM_ACQUIRE_EQ | SEM_SWITCH);
	fk_go(&c);
	assert_int_equal(fk_state(&c), CHAN_STATE_PENDING | CHAN_STATE_ACQUIRE | 0x001f0001);
	fk_data_set(k, 0, 1);
	fk_settle(k);
	assert_int_equal(fk_state(&c), 0x001f0001);
}

static void waiting_lets_others_run(void **state)
{
	struct fk *k = *state;
	struct fk_chan c[5];
	uint32_t ids[5];

	/* One PBDMA: the others run only if the waiting ones leave it. */
	dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, 2);
	for (uint32_t i = 0; i < 5; i++) {
		ids[i] = 20 + i;
		c[i] = fk_bind(k, ids[i]);
	}
	fk_commit(k, ids, 5);
	/* Channel i waits for what channel i + 1 releases; the last one waits for nobody. */
	for (uint32_t i = 0; i < 5; i++) {
		if (i < 4)
			fk_sem(&c[i], 16 * i, 1, SEM_ACQUIRE_EQ | SEM_SWITCH);
		if (i > 0)
			fk_sem(&c[i], 16 * (i - 1), 1, SEM_RELEASE);
		fk_1(&c[i], 0, HOST_REF_CNT, 5 + i);
	}
	for (uint32_t i = 0; i < 4; i++)
		fk_go(&c[i]);
	for (uint32_t i = 0; i < 4; i++)
		assert_false(fk_done(&c[i]));
	fk_go(&c[4]);
	for (uint32_t i = 0; i < 5; i++) {
		assert_true(fk_done(&c[i]));
		assert_int_equal(fk_ref(&c[i]), 5 + i);
	}
}

static void waiting_without_switch_holds_its_pbdma(void **state)
{
	struct fk *k = *state;
	struct fk_chan a, b;
	const uint32_t ids[2] = { 0, 1 };

	dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, 1);
	a = fk_bind(k, 0);
	b = fk_bind(k, 1);
	fk_commit(k, ids, 2);
	fk_sem(&a, 0, 1, SEM_ACQUIRE_EQ);
	fk_go(&a);
	fk_1(&b, 0, HOST_REF_CNT, 1);
	fk_go(&b);
	assert_int_equal(fk_ref(&b), 0);
	assert_true(fk_state(&a) & CHAN_STATE_LOADED);
	fk_data_set(k, 0, 1);
	fk_settle(k);
	assert_int_equal(fk_ref(&b), 1);
	assert_true(fk_done(&a));
}

static void acquire_times_out(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_bind(k, 1);
	const uint32_t id = 1;
	uint32_t p;

	/* 100 << 2 units of 1024 ns */
	kit_wr32(k->d, fk_inst(k, 1) + RAMFC_SEM_TIMEOUT, 1u << 31 | 100 << 15 | 2 << 11 | 2);
	fk_commit(k, &id, 1);
	fk_sem(&c, 0, 1, SEM_ACQUIRE_EQ | SEM_SWITCH);
	fk_1(&c, 0, HOST_REF_CNT, 1);
	fk_go(&c);
	assert_int_equal(dev_advance(k->d, 399 * 1024), 0);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_PBDMA_INTR), 0);
	assert_int_equal(dev_advance(k->d, 2 * 1024), 0);
	p = dev_rd32(k->d, NV_PFIFO_PBDMA_INTR);
	assert_true(p);
	p = (uint32_t)__builtin_ctz(p);
	assert_int_equal(dev_rd32(k->d, reg_at(REGID_PBDMA_INTR, p)), PBDMA_INTR_ACQUIRE);
	assert_int_equal(fk_ref(&c), 0);
	dev_wr32(k->d, reg_at(REGID_PBDMA_METHOD, p), 0x80600008);
	dev_wr32(k->d, reg_at(REGID_PBDMA_INTR, p), PBDMA_INTR_ACQUIRE);
	fk_settle(k);
	assert_int_equal(fk_ref(&c), 1);
}

static void no_timeout_by_default(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	fk_sem(&c, 0, 1, SEM_ACQUIRE_EQ);
	fk_go(&c);
	for (int i = 0; i < 5; i++)
		assert_int_equal(dev_advance(k->d, 1000ull * 1000000000), 0);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_PBDMA_INTR), 0);
	assert_false(fk_done(&c));
}

static void nonstall_interrupt(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	fk_object(&c, 3, ENGINE_CE0, CLASS_COPY0_GF100);
	fk_1(&c, 3, HOST_NONSTALL_INTR, 0);
	fk_go(&c);
	assert_int_equal(kit_irq(k->d, 0), 1);
	assert_int_equal(dev_rd32(k->d, NV_PMC_INTR) & PMC_INTR_PFIFO, PMC_INTR_PFIFO);
	assert_true(dev_rd32(k->d, NV_PFIFO_INTR) & PFIFO_INTR_ENGINE);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_ENG_INTR), 1u << ENGINE_CE0);
	assert_int_equal(dev_rd32(k->d, reg_at(REGID_PFIFO_ENG_INTR_E, ENGINE_CE0)), 1);
	dev_wr32(k->d, reg_at(REGID_PFIFO_ENG_INTR_E, ENGINE_CE0), 1);
	assert_false(dev_rd32(k->d, NV_PFIFO_INTR) & PFIFO_INTR_ENGINE);
	/* RUNLIST is still there from the commit. */
	assert_true(dev_rd32(k->d, NV_PMC_INTR) & PMC_INTR_PFIFO);
	dev_wr32(k->d, NV_PFIFO_RUNLIST_INTR, ~0u);
	assert_false(dev_rd32(k->d, NV_PMC_INTR) & PMC_INTR_PFIFO);
	/* A new edge for the next one. */
	assert_int_equal(kit_irq(k->d, 0), 0);
	fk_1(&c, 3, HOST_NONSTALL_INTR, 0);
	fk_go(&c);
	assert_int_equal(kit_irq(k->d, 0), 1);
}

static void nonstall_is_masked_by_enable(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	dev_wr32(k->d, NV_PFIFO_RUNLIST_INTR, ~0u);
	dev_wr32(k->d, NV_PFIFO_INTR_EN, 0x7fffffff);
	kit_irq(k->d, 0);
	fk_1(&c, 0, HOST_NONSTALL_INTR, 0);
	fk_go(&c);
	assert_int_equal(dev_rd32(k->d, NV_PMC_INTR) & PMC_INTR_PFIFO, 0);
	/* nouveau turns bit 31 on when somebody starts to wait: what is pending counts. */
	dev_wr32(k->d, NV_PFIFO_INTR_EN, ~0u);
	assert_int_equal(kit_irq(k->d, 0), 1);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_ENG_INTR), 1u << ENGINE_GR);
}

static void small_methods(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	fk_1(&c, 0, HOST_NOP, 123);
	fk_1(&c, 0, HOST_WRCACHE_FLUSH, 0);
	fk_1(&c, 0, HOST_YIELD, 0);
	fk_1(&c, 7, HOST_REF_CNT, 0xabcdef);
	fk_go(&c);
	assert_int_equal(fk_ref(&c), 0xabcdef);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_PBDMA_INTR), 0);
}

static void yield_gives_the_turn(void **state)
{
	struct fk *k = *state;
	const uint32_t ids[2] = { 4, 5 };
	struct fk_chan a, b;

	dev_wr32(k->d, NV_PFIFO_PBDMA_ENABLE, 1);
	a = fk_bind(k, 4);
	b = fk_bind(k, 5);
	/* Both write the same word: who wrote last was later. */
	fk_sem(&a, 0, 1, SEM_RELEASE);
	fk_1(&a, 0, HOST_YIELD, 0);
	fk_sem(&a, 0, 3, SEM_RELEASE);
	fk_end(&a);
	fk_doorbell(&a);
	fk_sem(&b, 16, 9, SEM_RELEASE);
	fk_sem(&b, 0, 2, SEM_RELEASE);
	fk_end(&b);
	fk_doorbell(&b);
	fk_commit(k, ids, 2);
	fk_settle(k);
	/* Without the yield b would have written last. */
	assert_int_equal(fk_data(k, 0), 3);
	assert_int_equal(fk_data(k, 16), 9);
}

static void binding_shows_in_ramfc(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	fk_object(&c, 2, ENGINE_GR, CLASS_M2MF_GF100);
	fk_object(&c, 5, ENGINE_CE1, CLASS_COPY1_GF100);
	fk_object(&c, 7, ENGINE_SW, 0x906e);
	fk_go(&c);
	assert_int_equal(kit_rd32(k->d, fk_inst(k, 1) + 0xa4), 0x1f001f1f);
	assert_int_equal(kit_rd32(k->d, fk_inst(k, 1) + 0xa8), 0x1f1f051f);
	assert_int_equal(kit_rd32(k->d, fk_inst(k, 1) + RAMFC_CUR_ENGINE), ENGINE_CE1);
	assert_int_equal(dev_rd32(k->d, NV_PFIFO_PBDMA_INTR), 0);
}

static void report_of_3d_and_compute(void **state)
{
	static const uint32_t classes[] = { CLASS_3D_GF100, CLASS_COMPUTE_GF100 };
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);

	for (uint32_t i = 0; i < 2; i++) {
		fk_object(&c, i, ENGINE_GR, classes[i]);
		fk_1(&c, i, 0x1234, 1); /* any other method is kept */
		fk_word(&c, push_header(PUSH_INC, i, GR_QUERY_ADDRESS_HIGH, 4));
		fk_word(&c, hi32(fk_data_va(64 * i)));
		fk_word(&c, lo32(fk_data_va(64 * i)));
		fk_word(&c, 0x600d + i);
		fk_word(&c, i ? 0 : GR_QUERY_GET_SHORT | 0xf010);
		fk_data_set(k, 64 * i + 4, 0xffff);
	}
	fk_go(&c);
	assert_int_equal(fk_data(k, 0), 0x600d);
	assert_int_equal(fk_data(k, 4), 0xffff);
	assert_int_equal(fk_data(k, 64), 0x600e);
	assert_int_equal(fk_data(k, 68), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
	const struct CMUnitTest tests[] = {
		T(release_writes_time),
		T(release_of_4_bytes),
		T(acquires),
		T(waiting_shows_in_channel_state),
		T(waiting_lets_others_run),
		T(waiting_without_switch_holds_its_pbdma),
		T(acquire_times_out),
		T(no_timeout_by_default),
		T(nonstall_interrupt),
		T(nonstall_is_masked_by_enable),
		T(small_methods),
		T(yield_gives_the_turn),
		T(binding_shows_in_ramfc),
		T(report_of_3d_and_compute),
	};

	return cmocka_run_group_tests_name("pfifo_host", tests, NULL, NULL);
}
