// SPDX-License-Identifier: MIT
/*
 * Who polls memory for the end of work that died: told by what it submits, and
 * told of once.  And the time limit of a driver that no mediator watches.
 */
#include "tests/unit/drv/card.h"

struct lost {
	int calls;
	char why[128];
};

static void note(void *arg, struct drv_chan *chan, const char *why)
{
	struct lost *l = arg;

	assert_non_null(chan);
	snprintf(l->why, sizeof(l->why), "%s", why);
	__atomic_add_fetch(&l->calls, 1, __ATOMIC_RELEASE);
}

#define H(op, mthd, n) push_header(PUSH_##op, 3, mthd, n)

static void what_reports(void **state)
{
	static const uint32_t release = 0x1000f010, sync = 1;
	const struct {
		uint32_t n, words[8];
		bool reports;
	} t[] = {
		{ 5, { H(INC, GR_QUERY_ADDRESS_HIGH, 4), 0, 0, 7, release }, true },
		{ 5, { H(INC, GR_QUERY_ADDRESS_HIGH, 4), 0, 0, 7, sync }, false },
		{ 4, { H(INC, GR_QUERY_ADDRESS_HIGH, 4), 0, 0, 7 }, false }, /* cut short */
		{ 5, { H(NINC, GR_QUERY_ADDRESS_HIGH, 4), 0, 0, 7, release }, false },
		{ 2, { H(NINC, GR_QUERY_GET, 1), release }, true },
		{ 3, { H(ONEINC, GR_QUERY_SEQUENCE, 2), 7, release }, true },
		{ 4, { H(ONEINC, GR_QUERY_ADDRESS_LOW, 3), 0, 7, release }, false },
		{ 1, { H(IMMD, GR_QUERY_GET, 0x10) }, true },
		{ 1, { H(IMMD, GR_QUERY_GET, 1) }, false },
		{ 5, { H(INC, HOST_SEM_ADDR_HI, 4), 0, 0, 1, SEM_RELEASE }, true },
		{ 5, { H(INC, HOST_SEM_ADDR_HI, 4), 0, 0, 1, SEM_ACQUIRE_EQ }, false },
		/* Behind other packets, and as data of one. */
		{ 6, { 0, H(INC, 0x200, 2), 1, 2, H(INC, GR_QUERY_GET, 1), release }, true },
		{ 4, { H(INC, 0x200, 3), H(INC, GR_QUERY_GET, 1), release, 0 }, false },
		{ 0, { 0 }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (nvdrm_reports(t[i].words, t[i].n) != t[i].reports)
			fail_msg("row %zu", i);
}

/* Its second submission is what kills it; what the first did says whether it polls. */
static void die(struct card *k)
{
	struct job_args a = { .chan = k->chan };
	struct wait w = wait_begin(60 * SECOND);

	assert_int_equal(submit(k, &a), 0);
	assert_int_equal(prep(k, k->cmd.handle, NOUVEAU_GEM_CPU_PREP_WRITE), 0);
	a.first = k->n;
	put(k, push_header(PUSH_INC, 0, HOST_SET_OBJECT, 1));
	put(k, 0xa097);
	submit(k, &a);
	while (!drv_chan_status(nvdrm_chan_find(k->c, k->chan)->chan, NULL, 0))
		assert_int_equal(wait_more(&w), 0);
	assert_int_equal(prep(k, k->cmd.handle, NOUVEAU_GEM_CPU_PREP_WRITE), 0);
}

static void polling_program_is_told(void **state)
{
	struct lost l = { 0 };
	struct card k;

	(void)state;
	card_up_cfg(&k, (struct drv_cfg){ .lost = note, .lost_arg = &l });
	put_sem(&k, k.cmd.offset + 0xf000, 1, SEM_RELEASE | SEM_RELEASE_4B);
	die(&k);
	assert_int_equal(__atomic_load_n(&l.calls, __ATOMIC_ACQUIRE), 1);
	assert_non_null(strstr(l.why, "method"));
	assert_int_equal(free_chan(k.c, k.chan), 0);
	assert_int_equal(l.calls, 1);
	card_down(&k);
}

/* Who learns of it by the errno of its next call is left alone; so is who stops of its own accord. */
static void others_are_not(void **state)
{
	struct lost l = { 0 };
	struct card k;
	uint32_t id;

	(void)state;
	card_up_cfg(&k, (struct drv_cfg){ .lost = note, .lost_arg = &l });
	k.drm->idle_ns = 1000000;
	put_sem(&k, k.cmd.offset + 0xf000, 0, SEM_ACQUIRE_EQ);
	die(&k);
	assert_int_equal(submit(&k, &(struct job_args){ .chan = k.chan }), -ENODEV);
	assert_int_equal(l.calls, 0);

	assert_int_equal(chan_alloc(k.c, &id), 0);
	k.n = 0;
	put_sem(&k, k.cmd.offset + 0xf000, 1, SEM_RELEASE | SEM_RELEASE_4B);
	put_sem(&k, k.cmd.offset + 0xf010, 1, SEM_ACQUIRE_EQ);
	assert_int_equal(submit(&k, &(struct job_args){ .chan = id }), 0);
	assert_int_equal(free_chan(k.c, id), 0);
	assert_int_equal(l.calls, 0);
	card_down(&k);
}

static void limit(void **state)
{
	struct lost l = { 0 };
	struct drm_nouveau_gem_info gate;
	uint32_t id;
	struct card k;

	(void)state;
	card_up_cfg(&k, (struct drv_cfg){ .lost = note, .lost_arg = &l });
	k.drm->idle_ns = 1000000;
	/* Idle for ever is no offence. */
	put(&k, 0);
	assert_int_equal(submit(&k, &(struct job_args){ .chan = k.chan, .sync = true }), 0);
	nvdrm_limit(k.drm, 1, SECOND);
	nvdrm_limit(k.drm, 9 * SECOND, SECOND);
	assert_int_equal(drv_chan_status(nvdrm_chan_find(k.c, k.chan)->chan, NULL, 0), 0);

	assert_int_equal(gem_new(k.c, 4096, GART, &gate), 0);
	put_sem(&k, k.cmd.offset + 0xf000, 1, SEM_RELEASE | SEM_RELEASE_4B);
	put_sem(&k, gate.offset, 1, SEM_ACQUIRE_EQ);
	assert_int_equal(chan_alloc(k.c, &id), 0);
	assert_int_equal(submit(&k, &(struct job_args){ .chan = k.chan, .write = &gate }), 0);
	nvdrm_limit(k.drm, 10 * SECOND, SECOND);
	assert_int_equal(submit(&k, &(struct job_args){ .chan = id, .write = &gate }), 0);
	nvdrm_limit(k.drm, 10 * SECOND + SECOND / 2, SECOND);
	assert_int_equal(l.calls, 0);
	/* The one that has stood longest goes, the other gets its time anew. */
	nvdrm_limit(k.drm, 12 * SECOND, SECOND);
	assert_int_equal(drv_chan_status(nvdrm_chan_find(k.c, k.chan)->chan, NULL, 0), -EIO);
	assert_int_equal(drv_chan_status(nvdrm_chan_find(k.c, id)->chan, NULL, 0), 0);
	assert_int_equal(l.calls, 1);
	assert_non_null(strstr(l.why, "took 2000 ms, the limit is 1000"));
	nvdrm_limit(k.drm, 13 * SECOND, SECOND);
	assert_int_equal(l.calls, 1);
	nvdrm_limit(k.drm, 15 * SECOND, SECOND);
	assert_int_equal(l.calls, 2);
	card_down(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_reports),
		cmocka_unit_test(polling_program_is_told),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
