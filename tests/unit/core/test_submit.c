// SPDX-License-Identifier: MIT
/* Doorbells: held until the channel may run and the scheduler lets it, joined, and ended. */
#include "tests/t.h"

#include "gpuvm/base/mem.h"
#include "gpuvm/host.h"
#include "tests/unit/core/raw.h"

#define BASE 0x100000ull
#define SRC 0x200000ull
#define DST 0x210000ull

static struct vgpu_chan *chan(struct raw *c)
{
	return c->r->v[c->i]->chan[c->id];
}

static void map_data(struct raw *c)
{
	for (uint32_t at = 0; at < 0x4000; at += 0x1000) {
		raw_map(c, SRC + at, raw_pte(SRC + at));
		raw_map(c, DST + at, raw_pte(DST + at));
	}
	raw_flush(c);
}

static void test_copy_runs_and_is_charged(void **state)
{
	struct rig *r = *state;
	struct raw c;

	raw_start(&c, r, 0, 5, BASE);
	map_data(&c);
	for (uint32_t k = 0; k < 1024; k++)
		vram_wr32(r, 0, SRC + k * 4, k * 2654435761u);
	assert_true(raw_copy(&c, DST, SRC, 4096));
	for (uint32_t k = 0; k < 1024; k++)
		assert_int_equal(vram_rd32(r, 0, DST + k * 4), k * 2654435761u);
	raw_run(r, 3);
	assert_int_equal(r->v[0]->stats.doorbells, 1);
	assert_int_equal(r->v[0]->stats.submissions, 1);
	assert_int_equal(r->v[0]->stats.completions, 1);
	assert_int_equal(r->v[1]->stats.submissions, 0);
	assert_true(r->v[0]->stats.gpu_ns[GPUVM_ENG_GR] > 0);
	assert_int_equal(r->v[0]->ent->stats.ran_ns[GPUVM_ENG_GR],
			 r->v[0]->stats.gpu_ns[GPUVM_ENG_GR]);
	assert_true(list_empty(&r->g->busy));
}

/* GP_PUT reads back as stored, GP_GET is the card's and cannot be stored to. */
static void test_userd_registers(void **state)
{
	struct rig *r = *state;
	struct raw c;

	raw_start(&c, r, 0, 5, BASE);
	raw_fence(&c);
	raw_submit(&c);
	assert_true(raw_wait(&c));
	assert_int_equal(ld(r, 0, HV_BAR1, 5 * 4096 + USERD_GP_PUT, 4, NULL), 1);
	assert_int_equal(ld(r, 0, HV_BAR1, 5 * 4096 + USERD_GP_GET, 4, NULL), 1);
	st(r, 0, HV_BAR1, 5 * 4096 + USERD_GP_GET, 4, 77);
	assert_int_equal(ld(r, 0, HV_BAR1, 5 * 4096 + USERD_GP_GET, 4, NULL), 1);
	st(r, 0, HV_BAR1, 5 * 4096 + USERD_REF, 4, 0x1234);
	assert_int_equal(ld(r, 0, HV_BAR1, 5 * 4096 + USERD_REF, 4, NULL), 0x1234);
	assert_int_equal(host_userd_rd(r->g, chan(&c)->host, USERD_REF), 0x1234);
}

static void test_doorbell_is_held_until_listed(void **state)
{
	struct rig *r = *state;
	const uint32_t id = 5;
	struct raw c;

	raw_fifo_init(r, 0);
	raw_build(&c, r, 0, id, BASE);
	raw_bind(&c);
	raw_flush(&c);
	raw_fence(&c);
	raw_submit(&c);
	raw_run(r, 5);
	assert_false(raw_fenced(&c));
	assert_int_equal(r->v[0]->stats.submissions, 0);
	assert_int_equal(chan(&c)->put, 1);
	assert_int_equal(host_userd_rd(r->g, chan(&c)->host, USERD_GP_PUT), 0);
	raw_runlist(r, 0, BASE + 0x5000, &id, 1);
	assert_true(raw_wait(&c));
	assert_int_equal(r->v[0]->stats.submissions, 1);
}

static void test_doorbell_is_held_until_runnable(void **state)
{
	struct rig *r = *state;
	struct raw c;

	raw_start(&c, r, 0, 5, BASE);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, 5), 0x001f0000);
	raw_fence(&c);
	raw_submit(&c);
	raw_run(r, 5);
	assert_false(raw_fenced(&c));
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, 5), 0x001f0001);
	assert_true(raw_wait(&c));
}

/* While guest 0 holds the engine, three doorbells of guest 1 are one submission. */
static void test_doorbells_join_while_held(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	raw_hang(&a, 0);
	raw_submit(&a);
	raw_run(r, 2);
	assert_int_equal(chan(&a)->nr_running, 1);
	for (int k = 0; k < 3; k++) {
		raw_fence(&b);
		raw_submit(&b);
	}
	raw_run(r, 2);
	assert_non_null(chan(&b)->queued);
	assert_int_equal(chan(&b)->nr_running, 0);
	assert_int_equal(host_userd_rd(r->g, chan(&b)->host, USERD_GP_PUT), 0);
	/* The semaphore gets its value, as another channel's release would give it. */
	vram_wr32(r, 0, BASE + RAW_FENCE + 16, 0x600d600d);
	assert_true(raw_wait(&b));
	raw_run(r, 3);
	assert_int_equal(r->v[1]->stats.doorbells, 3);
	assert_int_equal(r->v[1]->stats.submissions, 1);
	assert_int_equal(r->v[1]->stats.completions, 1);
	assert_true(r->v[1]->ent->stats.held_ns > 0);
	assert_int_equal(r->v[0]->stats.completions, 1);
}

static void test_ring_wraps(void **state)
{
	struct rig *r = *state;
	struct raw c;

	raw_start(&c, r, 0, 5, BASE);
	for (int k = 0; k < 600; k++) {
		raw_fence(&c);
		raw_submit(&c);
		assert_true(raw_wait(&c));
	}
	raw_run(r, 3);
	assert_int_equal(r->v[0]->stats.completions, 600);
	assert_int_equal(r->v[0]->stats.guest_faults, 0);
}

static void test_put_beyond_ring_is_refused(void **state)
{
	static const uint32_t bad[] = { 512, 513, 1024, 0x7fffffff, 0x80000000, 0xffffffff };
	struct rig *r = *state;
	struct raw c;

	raw_start(&c, r, 0, 5, BASE);
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		raw_doorbell(&c, bad[k]);
		raw_run(r, 1);
		assert_int_equal(r->v[0]->stats.guest_faults, k + 1);
		assert_int_equal(r->v[0]->stats.submissions, 0);
		assert_int_equal(host_userd_rd(r->g, chan(&c)->host, USERD_GP_PUT), 0);
	}
	raw_fence(&c);
	raw_submit(&c);
	assert_true(raw_wait(&c));
}

/* Work of a channel that leaves the list ends, and the engine is free for others. */
static void test_leaving_the_list_frees_the_engine(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 7, BASE);
	raw_hang(&a, 0);
	raw_submit(&a);
	raw_run(r, 2);
	raw_fence(&b);
	raw_submit(&b);
	raw_run(r, 2);
	assert_false(raw_fenced(&b));
	raw_runlist(r, 0, BASE + 0x5000, NULL, 0);
	assert_true(raw_wait(&b));
	assert_int_equal(chan(&a)->nr_running, 0);
	assert_int_equal(r->v[0]->ent->nr_running, 0);
}

/* What it had not finished goes on when it comes back, and is charged again. */
static void test_coming_back_goes_on(void **state)
{
	struct rig *r = *state;
	const uint32_t id = 5;
	struct raw a;

	raw_start(&a, r, 0, id, BASE);
	raw_hang(&a, 0);
	raw_fence(&a);
	raw_submit(&a);
	raw_run(r, 2);
	raw_runlist(r, 0, BASE + 0x5000, NULL, 0);
	raw_run(r, 2);
	assert_int_equal(chan(&a)->nr_running, 0);
	raw_runlist(r, 0, BASE + 0x5000, &id, 1);
	raw_run(r, 2);
	assert_int_equal(chan(&a)->nr_running, 1);
	vram_wr32(r, 0, BASE + RAW_FENCE + 16, 0x600d600d);
	assert_true(raw_wait(&a));
	raw_run(r, 3);
	assert_int_equal(r->v[0]->stats.submissions, 2);
	assert_true(list_empty(&r->g->busy));
}

/* Two channels, two engines: neither waits for the other. */
static void test_engines_are_charged_apart(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_fifo_init(r, 1);
	raw_build(&b, r, 1, 6, BASE);
	vram_wr64(r, 1, BASE + INST_CTX_GR, 0);
	vram_wr64(r, 1, BASE + INST_CTX_CE1, RAW_VA | INST_CTX_VALID);
	raw_bind(&b);
	raw_flush(&b);
	raw_runlist(r, 1, BASE + 0x5000, &b.id, 1);
	raw_hang(&a, SEM_SWITCH);
	raw_submit(&a);
	raw_run(r, 2);
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	raw_run(r, 3);
	assert_int_equal(r->v[1]->stats.completions, 1);
	assert_int_equal(r->v[1]->stats.gpu_ns[GPUVM_ENG_GR], 0);
	assert_int_equal(r->v[0]->stats.completions, 0);
}

/* Under the null policy nothing is held: several submissions of one channel run, and end in order. */
static void test_null_policy_pipelines(void **state)
{
	struct rig *r = *state;
	struct raw a;

	assert_int_equal(sched_set_policy(r->g->sched, sched_policy_find("null"), 0), 0);
	raw_start(&a, r, 0, 5, BASE);
	raw_hang(&a, 0);
	raw_submit(&a);
	for (int k = 0; k < 200; k++) {
		raw_fence(&a);
		raw_submit(&a);
		if (a.first > 450)
			a.first = 16; /* the waiting words stay as they are */
	}
	raw_run(r, 2);
	assert_int_equal(chan(&a)->nr_running, LIMIT_CHAN_RUNNING);
	assert_null(chan(&a)->queued);
	vram_wr32(r, 0, BASE + RAW_FENCE + 16, 0x600d600d);
	assert_true(raw_wait(&a));
	raw_run(r, 4);
	assert_int_equal(chan(&a)->nr_running, 0);
	assert_int_equal(r->v[0]->stats.completions, r->v[0]->stats.submissions);
	assert_int_equal(chan(&a)->put_host, chan(&a)->put);
}

/* A slice ends between the entries of one doorbell: another guest's work goes in between, all of it ends right. */
static void test_slice_ends_within_a_doorbell(void **state)
{
	struct rig *r = *state;
	struct sched_choice wfq;
	struct raw a, b;
	char msg[100];

	assert_int_equal(sched_choice_open("wfq:slice=10us,grace=0", &wfq, msg, sizeof(msg)), 0);
	assert_int_equal(sched_use(r->g->sched, &wfq, 0), 0);
	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	/* Eight entries, one doorbell. */
	for (int k = 0; k < 8; k++) {
		uint64_t e = gp_entry_pack(RAW_VA + RAW_PUSH + a.first * 4, 10);

		raw_fence(&a);
		assert_int_equal(a.words, 10);
		vram_wr64(r, 0, BASE + RAW_RING + a.put * 8, e);
		a.first += a.words;
		a.words = 0;
		a.put++;
	}
	raw_doorbell(&a, a.put);
	/* The first tells how long they are, so one has gone. */
	assert_int_equal(host_userd_rd(r->g, chan(&a)->host, USERD_GP_PUT), 1);
	assert_int_equal(chan(&a)->put, 8);
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	assert_false(raw_fenced(&a));
	assert_true(raw_wait(&a));
	raw_run(r, 4);
	assert_int_equal(r->v[0]->stats.doorbells, 1);
	assert_true(r->v[0]->stats.submissions > 1);
	assert_int_equal(r->v[0]->stats.completions, r->v[0]->stats.submissions);
	assert_int_equal(chan(&a)->put_host, 8);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* Eight entries of channel c, each a fence, with one doorbell. */
static void eight_entries(struct raw *c)
{
	struct rig *r = c->r;

	for (int k = 0; k < 8; k++) {
		raw_fence(c);
		vram_wr64(r, c->i, BASE + RAW_RING + c->put * 8,
			  gp_entry_pack(RAW_VA + RAW_PUSH + c->first * 4, c->words));
		c->first += c->words;
		c->words = 0;
		c->put++;
	}
	raw_doorbell(c, c->put);
}

/* A policy without slices goes entry by entry while somebody else waits; what is left waits from then on. */
static void test_piece_by_piece_while_others_wait(void **state)
{
	static const char *const names[] = { "fifo", "credit", "band" };
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct raw a, b, c;

		assert_int_equal(sched_set_policy(r->g->sched, sched_policy_find(names[i]), dev_now(r->g->dev)), 0);
		raw_start(&a, r, 0, 5, BASE);
		raw_start(&b, r, 1, 5, BASE);
		raw_start(&c, r, 1, 6, BASE + RAW_LEN);
		raw_runlist(r, 1, BASE + 0x5000, (uint32_t[]){ 5, 6 }, 2);
		/* The engine is taken, so that both wait. */
		raw_fence(&c);
		raw_submit(&c);
		eight_entries(&a);
		eight_entries(&b);
		assert_true(raw_wait(&c));
		for (int k = 0; k < 20 && !chan(&a)->put_host && !chan(&b)->put_host; k++)
			raw_run(r, 1);
		/* One entry has gone, and the rest of that ring waits although the entry runs. */
		assert_int_equal(chan(&a)->put_host + chan(&b)->put_host, 1);
		assert_true(chan(&a)->queued && chan(&b)->queued);
		assert_true(raw_wait(&a) && raw_wait(&b));
		raw_run(r, 4);
		assert_int_equal(chan(&a)->put_host, 8);
		assert_int_equal(chan(&b)->put_host, 8);
		assert_int_equal(r->v[0]->ent->nr_queued + r->v[1]->ent->nr_queued, 0);
		/* Alone, the whole ring goes at once. */
		eight_entries(&a);
		assert_int_equal(chan(&a)->put_host, 16);
		assert_true(raw_wait(&a));
		raw_run(r, 4);
		raw_unbind(&a);
		raw_unbind(&b);
		raw_unbind(&c);
	}
}

/* Runs are sized so that fences between kernels go with them, and kernels do not. */
static void test_runs_of_unlike_entries(void **state)
{
	static const struct {
		const char *what, *spec;
		struct chan_pace pace;
		uint32_t goes;
	} t[] = {
		{ "nothing known yet", "wfq:slice=1ms", { 0, 0, 0 }, 1 },
		{ "all alike and short", "wfq:slice=1ms", { 100000, 3200000, 32 }, 10 },
		{ "one kernel and three fences", "wfq:slice=1ms", { 1000000, 9000000, 32 }, 3 },
		{ "kernels beyond the slice, three fences each", "wfq:slice=1ms", { 5000000, 41000000, 32 }, 3 },
		{ "kernels beyond the slice only", "wfq:slice=1ms", { 5000000, 160000000, 32 }, 1 },
		{ "a rare long one", "wfq:slice=1ms", { 5000000, 6000000, 64 }, LIMIT_MIXED_ENTRIES },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct sched_choice choice;
		char msg[100];
		struct raw a, b;

		assert_int_equal(sched_choice_open(t[i].spec, &choice, msg, sizeof(msg)), 0);
		assert_int_equal(sched_use(r->g->sched, &choice, dev_now(r->g->dev)), 0);
		raw_start(&a, r, 0, 5, BASE);
		raw_start(&b, r, 1, 5, BASE);
		/* b has the engine and more to come, so that a run of a's is not stretched for want of others. */
		raw_hang(&b, 0);
		raw_submit(&b);
		eight_entries(&b);
		eight_entries(&a);
		eight_entries(&a);
		chan(&a)->pace = t[i].pace;
		vram_wr32(r, 1, BASE + RAW_FENCE + 16, 0x600d600d);
		for (int k = 0; k < 400 && !chan(&a)->put_host; k++)
			raw_run(r, 1);
		if (chan(&a)->put_host != t[i].goes)
			fail_msg("%s: %u go", t[i].what, chan(&a)->put_host);
		assert_true(raw_wait(&a) && raw_wait(&b));
		raw_run(r, 4);
		raw_unbind(&a);
		raw_unbind(&b);
	}
}

/* A doorbell beyond the ring that joins one that waits must not reach the card either. */
static void test_bad_doorbell_joins(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	raw_hang(&a, 0);
	raw_submit(&a);
	raw_run(r, 2);
	raw_fence(&b);
	raw_submit(&b);
	raw_run(r, 2);
	assert_non_null(chan(&b)->queued);
	raw_doorbell(&b, 0x7fffffff);
	vram_wr32(r, 0, BASE + RAW_FENCE + 16, 0x600d600d);
	raw_run(r, 10);
	assert_int_equal(r->v[1]->stats.guest_faults, 1);
	assert_int_equal(host_userd_rd(r->g, chan(&b)->host, USERD_GP_PUT), 0);
	assert_null(chan(&b)->queued);
	/* The right one works. */
	raw_doorbell(&b, b.put);
	assert_true(raw_wait(&b));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* An endless submission under each policy: stopped in time, the neighbour's work ends, nothing is left. */
static void test_endless_under_each_policy(void **state)
{
	struct rig *r = *state;
	const struct sched_policy *p;

	r->v[0]->cfg.timeout_ms = 5;
	for (unsigned int i = 0; (p = sched_policy_at(i)); i++) {
		struct raw a, b;

		assert_int_equal(sched_set_policy(r->g->sched, p, dev_now(r->g->dev)), 0);
		raw_start(&a, r, 0, 5, BASE);
		raw_start(&b, r, 1, 5, BASE);
		raw_hang(&a, SEM_SWITCH);
		raw_submit(&a);
		raw_run(r, 2);
		raw_fence(&b);
		raw_submit(&b);
		for (int k = 0; k < 15 && !raw_dead(&a); k++)
			raw_step(r, 1000000);
		if (!raw_dead(&a) || !raw_wait(&b))
			fail_msg("%s: %s", p->name, raw_dead(&a) ? "the neighbour waits" : "not stopped");
		raw_run(r, 4);
		assert_int_equal(r->v[0]->stats.watchdog, i + 1);
		assert_int_equal(r->v[1]->stats.watchdog, 0);
		assert_int_equal(r->v[0]->ent->nr_running + r->v[1]->ent->nr_running, 0);
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
		raw_unbind(&a);
		raw_unbind(&b);
	}
}

/* The memory for a submission is missing at the doorbell: it is tried again, not lost. */
static int fail_left;
static int fail_next(void)
{
	return fail_left > 0 && fail_left-- ? 1 : 0;
}

static void test_no_memory_is_tried_again(void **state)
{
	struct rig *r = *state;
	struct raw a;

	raw_start(&a, r, 0, 5, BASE);
	raw_fence(&a);
	fail_left = 1;
	mem_fault_hook = fail_next;
	raw_submit(&a);
	mem_fault_hook = NULL;
	assert_int_equal(r->v[0]->stats.submissions, 0);
	for (int n = 0; n < 100 && !raw_fenced(&a); n++)
		raw_step(r, LIMIT_POLL_MAX_NS);
	assert_true(raw_fenced(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_copy_runs_and_is_charged),
		RIG_TEST(test_userd_registers),
		RIG_TEST(test_doorbell_is_held_until_listed),
		RIG_TEST(test_doorbell_is_held_until_runnable),
		RIG_TEST(test_doorbells_join_while_held),
		RIG_TEST(test_ring_wraps),
		RIG_TEST(test_put_beyond_ring_is_refused),
		RIG_TEST(test_leaving_the_list_frees_the_engine),
		RIG_TEST(test_coming_back_goes_on),
		RIG_TEST(test_engines_are_charged_apart),
		RIG_TEST(test_null_policy_pipelines),
		RIG_TEST(test_slice_ends_within_a_doorbell),
		RIG_TEST(test_piece_by_piece_while_others_wait),
		RIG_TEST(test_runs_of_unlike_entries),
		RIG_TEST(test_bad_doorbell_joins),
		RIG_TEST(test_endless_under_each_policy),
		RIG_TEST(test_no_memory_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
