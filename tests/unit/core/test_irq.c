// SPDX-License-Identifier: MIT
/* What the card reports reaches the guest it is about, in its own numbers, and nobody else. */
#include "tests/t.h"

#include "gpuvm/host.h"
#include "tests/unit/core/raw.h"

#define BASE 0x100000ull
#define NOP_METHOD 0x80600008u
#define SW_SUBC 7
#define SW_CLASS 0x906e

static void test_nonstall_goes_to_who_worked(void **state)
{
	struct rig *r = *state;
	struct raw a, b;
	unsigned int before, other;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	raw_run(r, 2);
	/* The runlists' interrupts, acknowledged so that the line is down. */
	for (int i = 0; i < 2; i++)
		wr(r, i, NV_PFIFO_RUNLIST_INTR, ~0u);
	before = hv_null_irqs(r->hg[0]);
	other = hv_null_irqs(r->hg[1]);
	raw_fence(&a);
	raw_submit(&a);
	assert_true(raw_wait(&a));
	raw_run(r, 2);
	assert_true(hv_null_irqs(r->hg[0]) > before);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_ENG_INTR_E, ENGINE_GR)), 1);
	assert_true(rd(r, 0, NV_PMC_INTR) & PMC_INTR_PFIFO);
	assert_int_equal(rd(r, 1, reg_at(REGID_PFIFO_ENG_INTR_E, ENGINE_GR)), 0);
	assert_int_equal(hv_null_irqs(r->hg[1]), other);
	/* Acknowledged by the mediator already; the guest's acknowledge is its own. */
	assert_int_equal(dev_rd32(r->g->dev, NV_PMC_INTR), 0);
	wr(r, 0, reg_at(REGID_PFIFO_ENG_INTR_E, ENGINE_GR), 1);
	assert_false(rd(r, 0, NV_PMC_INTR) & PMC_INTR_PFIFO);
	/* Idle again: another guest's interrupt is none of its business. */
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	raw_run(r, 2);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_ENG_INTR_E, ENGINE_GR)), 0);
	assert_int_equal(rd(r, 1, reg_at(REGID_PFIFO_ENG_INTR_E, ENGINE_GR)), 1);
}

static void sw_method(struct raw *c)
{
	raw_mthd(c, SW_SUBC, HOST_SET_OBJECT, ENGINE_SW << 16 | SW_CLASS);
	raw_mthd(c, SW_SUBC, 0x400, 0xcafe);
}

/* Which PBDMA a guest sees stopped; GF100_NR_PBDMA if none. */
static uint32_t stopped(struct rig *r, int i)
{
	uint32_t set = rd(r, i, NV_PFIFO_PBDMA_INTR);

	for (uint32_t p = 0; p < GF100_NR_PBDMA; p++)
		if (set & 1u << p)
			return p;
	return GF100_NR_PBDMA;
}

static void test_software_method_is_the_guests(void **state)
{
	struct rig *r = *state;
	struct raw a;
	uint32_t p;

	raw_start(&a, r, 0, 5, BASE);
	sw_method(&a);
	raw_fence(&a);
	raw_submit(&a);
	raw_run(r, 3);
	assert_false(raw_fenced(&a));
	p = stopped(r, 0);
	assert_true(p < GF100_NR_PBDMA);
	assert_int_equal(stopped(r, 1), GF100_NR_PBDMA);
	while (rd(r, 0, reg_at(REGID_PBDMA_INTR, p))) {
		assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_INTR, p)), PBDMA_INTR_SW_METHOD);
		assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_CHID, p)) & 0x7f, 5);
		wr(r, 0, reg_at(REGID_PBDMA_METHOD, p), NOP_METHOD);
		wr(r, 0, reg_at(REGID_PBDMA_INTR, p), PBDMA_INTR_SW_METHOD);
		raw_run(r, 2);
	}
	assert_true(raw_wait(&a));
	assert_int_equal(r->v[0]->stats.guest_faults, 0);
	assert_null(r->g->host->stall[p].chan);
	assert_int_equal(dev_rd32(r->g->dev, reg_at(REGID_PBDMA_INTR_EN, p)), HOST_PBDMA_INTR_EN);
}

/* A guest that leaves its error alone loses the channel, not the PBDMA. */
static void test_error_left_alone(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	sw_method(&a);
	raw_submit(&a);
	raw_run(r, 3);
	raw_fence(&b);
	raw_submit(&b);
	assert_false(raw_dead(&a));
	for (int k = 0; k < 120; k++)
		raw_step(r, 1000000);
	assert_true(raw_dead(&a));
	assert_true(raw_fenced(&b));
	for (uint32_t p = 0; p < GF100_NR_PBDMA; p++)
		assert_null(r->g->host->stall[p].chan);
}

/* Another guest cannot let a PBDMA go on, nor can a stale acknowledge. */
static void test_resume_is_the_owners(void **state)
{
	struct rig *r = *state;
	struct raw a;
	uint32_t p;

	raw_start(&a, r, 0, 5, BASE);
	sw_method(&a);
	raw_submit(&a);
	raw_run(r, 3);
	p = stopped(r, 0);
	gpuvm_pbdma_resume(r->v[1], p, NOP_METHOD);
	assert_ptr_equal(r->g->host->stall[p].chan, r->v[0]->chan[5]);
	gpuvm_pbdma_resume(r->v[0], GF100_NR_PBDMA, NOP_METHOD);
	gpuvm_pbdma_resume(r->v[0], ~0u, NOP_METHOD);
	assert_ptr_equal(r->g->host->stall[p].chan, r->v[0]->chan[5]);
	gpuvm_pbdma_resume(r->v[0], p, NOP_METHOD);
	assert_null(r->g->host->stall[p].chan);
	gpuvm_pbdma_resume(r->v[0], p, NOP_METHOD);
}

/* Off the PBDMA by a kick instead of an acknowledge: the PBDMA serves others at once. */
static void test_kick_of_a_stopped_channel(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	sw_method(&a);
	raw_submit(&a);
	raw_run(r, 3);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, 5), 0x001f0000);
	wr(r, 0, NV_PFIFO_KICK, 5);
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	for (uint32_t p = 0; p < GF100_NR_PBDMA; p++)
		assert_null(r->g->host->stall[p].chan);
}

static void pbdma_error(struct rig *r, uint32_t word, uint32_t want)
{
	struct raw a;
	uint32_t p;

	raw_start(&a, r, 0, 5, BASE);
	raw_word(&a, word);
	raw_word(&a, 0);
	raw_submit(&a);
	raw_run(r, 3);
	p = stopped(r, 0);
	assert_true(p < GF100_NR_PBDMA);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_INTR, p)), want);
	assert_true(r->v[0]->stats.guest_faults >= 1);
	assert_int_equal(r->v[1]->stats.guest_faults, 0);
	raw_unbind(&a);
}

static void test_bad_header(void **state)
{
	pbdma_error(*state, 6u << 29 | 1u << 16 | 0x100 >> 2, PBDMA_INTR_HEADER);
}

static void test_illegal_host_method(void **state)
{
	pbdma_error(*state, push_header(PUSH_INC, 0, 0x60, 1), PBDMA_INTR_METHOD);
}

static void test_pgraph_error(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	raw_mthd(&a, RAW_SUBC, HOST_SET_OBJECT, CLASS_M2MF_GF100);
	raw_mthd(&a, RAW_SUBC, 0x1ffc, 0x1234);
	raw_fence(&a);
	raw_submit(&a);
	for (int k = 0; k < 10000 && !rd(r, 0, NV_PGRAPH_INTR); k++)
		raw_run(r, 1);
	assert_true(rd(r, 0, NV_PGRAPH_INTR) & PGRAPH_INTR_ILLEGAL_METHOD);
	assert_int_equal(rd(r, 0, NV_PGRAPH_TRAP_DATA), 0x1234);
	assert_int_equal(rd(r, 0, NV_PGRAPH_TRAP_ADDR) & 0x3ffc, 0x1ffc);
	assert_int_equal(rd(r, 0, NV_FECS_CHAN) & 0x0fffffff, BASE >> 12);
	assert_int_equal(rd(r, 1, NV_PGRAPH_INTR), 0);
	assert_int_equal(dev_rd32(r->g->dev, NV_PGRAPH_INTR), 0);
	/* Others go on; what follows the error waits for its guest's handler. */
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	raw_run(r, 100);
	assert_false(raw_fenced(&a));
	assert_false(raw_dead(&a));
	wr(r, 0, NV_PGRAPH_INTR, PGRAPH_INTR_ILLEGAL_METHOD);
	assert_true(raw_wait(&a));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* A handler that stops the channel before it acknowledges: what follows never runs. */
static void test_pgraph_error_stopped(void **state)
{
	struct rig *r = *state;
	struct raw a;

	raw_start(&a, r, 0, 5, BASE);
	raw_mthd(&a, RAW_SUBC, HOST_SET_OBJECT, CLASS_M2MF_GF100);
	raw_mthd(&a, RAW_SUBC, 0x1ffc, 0x1234);
	raw_fence(&a);
	raw_submit(&a);
	for (int k = 0; k < 10000 && !rd(r, 0, NV_PGRAPH_INTR); k++)
		raw_run(r, 1);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, 5), 0);
	wr(r, 0, NV_PGRAPH_INTR, PGRAPH_INTR_ILLEGAL_METHOD);
	raw_run(r, 100);
	assert_false(raw_fenced(&a));
	/* And runs after all when it may. */
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, 5), CHAN_STATE_RUNNABLE);
	assert_true(raw_wait(&a));
}

/* A channel of copy engine 0, whose first method is one there is not, and what follows it. */
static void copy_engine_err(struct raw *a, struct rig *r)
{
	raw_fifo_init(r, 0);
	raw_build(a, r, 0, 5, BASE);
	vram_wr64(r, 0, BASE + INST_CTX_CE0, RAW_VA | INST_CTX_VALID);
	raw_bind(a);
	raw_flush(a);
	raw_runlist(r, 0, BASE + 0x5000, &a->id, 1);
	raw_mthd(a, 4, HOST_SET_OBJECT, ENGINE_CE0 << 16 | CLASS_COPY0_GF100);
	raw_mthd(a, 4, 0x1ffc, 0x1234);
	raw_fence(a);
	raw_submit(a);
	for (int k = 0; k < 10000 && !rd(r, 0, NV_CE0_INTR); k++)
		raw_run(r, 1);
	assert_true(rd(r, 0, NV_CE0_INTR) & CE_INTR_ERROR);
}

/* The microcode stands until its driver has acknowledged; here only that channel does. */
static void test_copy_engine_error(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	copy_engine_err(&a, r);
	assert_int_equal(rd(r, 0, NV_CE0_ERROR) & 0xffff, CE_ERROR_ILLEGAL_METHOD);
	assert_int_equal(rd(r, 0, NV_CE0_ERROR_DATA), 0x1234);
	assert_int_equal(rd(r, 0, NV_CE0_CHAN), 1u << 30 | BASE >> 12);
	assert_int_equal(rd(r, 0, NV_PMC_INTR) & PMC_INTR_CE0, PMC_INTR_CE0);
	assert_int_equal(rd(r, 1, NV_CE0_INTR), 0);
	assert_int_equal(dev_rd32(r->g->dev, NV_CE0_INTR), 0);
	raw_start(&b, r, 1, 5, BASE);
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	raw_run(r, 100);
	assert_false(raw_fenced(&a));
	assert_false(raw_dead(&a));
	/* Another engine's handler is not this one's. */
	wr(r, 0, NV_PGRAPH_INTR, ~0u);
	wr(r, 0, NV_CE1_INTR_CLR, CE_INTR_ERROR);
	raw_run(r, 100);
	assert_false(raw_fenced(&a));
	wr(r, 0, NV_CE0_INTR_CLR, CE_INTR_ERROR);
	assert_true(raw_wait(&a));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* Stopped before it is acknowledged, it never goes on; an engine's reset acknowledges, too. */
static void test_copy_engine_error_stopped(void **state)
{
	struct rig *r = *state;
	struct raw a;

	copy_engine_err(&a, r);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, 5), 0);
	wr(r, 0, NV_PMC_ENABLE, ~PMC_ENABLE_CE0);
	wr(r, 0, NV_PMC_ENABLE, ~0u);
	raw_run(r, 100);
	assert_false(raw_fenced(&a));
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, 5), CHAN_STATE_RUNNABLE);
	assert_true(raw_wait(&a));
}

/* One call to gpuvm_irq() serves a bounded number of events however many there are, and re-arms. */
static void test_storm_is_bounded_and_rearmed(void **state)
{
	struct rig *r = *state;
	struct raw a;
	uint64_t irqs;

	raw_start(&a, r, 0, 5, BASE);
	raw_mthd(&a, RAW_SUBC, HOST_SET_OBJECT, CLASS_M2MF_GF100);
	for (int k = 0; k < 200; k++)
		raw_mthd(&a, RAW_SUBC, 0x1ffc, (uint32_t)k);
	raw_fence(&a);
	raw_submit(&a);
	irqs = r->g->stats.irqs;
	for (int k = 0; k < 100000 && !raw_fenced(&a); k++) {
		raw_run(r, 1);
		wr(r, 0, NV_PGRAPH_INTR, PGRAPH_INTR_ILLEGAL_METHOD);
	}
	assert_true(raw_fenced(&a));
	assert_true(r->g->stats.irqs > irqs + 1);
	assert_int_equal(dev_rd32(r->g->dev, NV_PMC_INTR_EN), 1);
	assert_int_equal(r->v[0]->stats.guest_faults, 200);
}

/* A unit that interrupts without being used is masked, not served for ever. */
static void test_unknown_unit_is_masked(void **state)
{
	struct rig *r = *state;
	struct raw a;

	dev_wr32(r->g->dev, NV_PTIMER_INTR_EN, 1);
	dev_wr32(r->g->dev, NV_PTIMER_ALARM, (uint32_t)dev_now(r->g->dev) + 4096);
	raw_run(r, 5);
	assert_int_equal(dev_rd32(r->g->dev, NV_PMC_INTR), 0);
	dev_rd32(r->g->dev, 0x700000 - 4); /* no such register: PBUS complains */
	raw_run(r, 3);
	assert_int_equal(dev_rd32(r->g->dev, NV_PMC_INTR) & PMC_INTR_PBUS, 0);
	raw_start(&a, r, 0, 5, BASE);
	raw_fence(&a);
	raw_submit(&a);
	assert_true(raw_wait(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_nonstall_goes_to_who_worked),
		RIG_TEST(test_software_method_is_the_guests),
		RIG_TEST(test_error_left_alone),
		RIG_TEST(test_resume_is_the_owners),
		RIG_TEST(test_kick_of_a_stopped_channel),
		RIG_TEST(test_bad_header),
		RIG_TEST(test_illegal_host_method),
		RIG_TEST(test_pgraph_error),
		RIG_TEST(test_pgraph_error_stopped),
		RIG_TEST(test_copy_engine_error),
		RIG_TEST(test_copy_engine_error_stopped),
		RIG_TEST(test_storm_is_bounded_and_rearmed),
		RIG_TEST(test_unknown_unit_is_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
