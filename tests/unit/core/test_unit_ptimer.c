// SPDX-License-Identifier: MIT
/* A guest's time: the card's, whatever it stores; and an alarm of its own, which wakes it once. */
#include "tests/t.h"

#include "tests/unit/core/rig.h"

static uint64_t now(struct rig *r, int i)
{
	return (uint64_t)rd(r, i, NV_PTIMER_TIME_HI) << 32 | rd(r, i, NV_PTIMER_TIME_LO);
}

static void set(struct rig *r, int i, uint64_t t)
{
	wr(r, i, NV_PTIMER_TIME_HI, hi32(t));
	wr(r, i, NV_PTIMER_TIME_LO, lo32(t));
}

static void advance(struct rig *r, uint64_t ns)
{
	assert_int_equal(dev_advance(r->g->dev, ns), 0);
}

/* What the mediator's step does about virtual units. */
static void tick(struct rig *r)
{
	for (int i = 0; i < 2; i++)
		vgpu_alarm_tick(r->v[i], dev_now(r->g->dev));
}

static void time_moves(void **state)
{
	struct rig *r = *state;
	uint64_t t = now(r, 0);

	advance(r, 64000);
	assert_int_equal(now(r, 0) - t, 64000);
	assert_int_equal(rd(r, 0, NV_PTIMER_TIME_LO) & 0x1f, 0);
}

static uint64_t cards(struct rig *r)
{
	return (uint64_t)dev_rd32(r->g->dev, NV_PTIMER_TIME_HI) << 32 |
	       dev_rd32(r->g->dev, NV_PTIMER_TIME_LO);
}

/* The one that engines stamp with, before and after a guest has tried to set it. */
static void time_is_the_cards(void **state)
{
	struct rig *r = *state;

	advance(r, 5ull << 32);
	assert_int_equal(now(r, 0), cards(r));
	set(r, 0, 0x28b00000ffull);
	assert_int_equal(now(r, 0), cards(r));
	assert_int_equal(now(r, 1), cards(r));
	advance(r, (1ull << 33) + 64);
	assert_int_equal(now(r, 0), cards(r));
}

/* After a driver that had the whole card has set its time. */
static void time_is_set_at_start(void **state)
{
	struct gpuvm *g;
	struct dev *d;
	char msg[200] = "";

	(void)state;
	assert_int_equal(dev_open("sim:vram=256M,clock=manual", NULL, &d, msg, sizeof(msg)), 0);
	assert_int_equal(dev_advance(d, 7ull << 32), 0);
	dev_wr32(d, NV_PTIMER_TIME_HI, 0xdead);
	assert_int_equal(gpuvm_new(d, &(struct gpuvm_cfg){ 0 }, &g, msg, sizeof(msg)), 0);
	assert_int_equal(dev_rd32(d, NV_PTIMER_TIME_HI), hi32(dev_now(d)));
	assert_int_equal(dev_rd32(d, NV_PTIMER_TIME_LO), lo32(dev_now(d)) & ~0x1fu);
	gpuvm_free(g);
}

static void alarm_fires_once_when_due(void **state)
{
	struct rig *r = *state;
	uint64_t at;

	wr(r, 0, NV_PMC_INTR_EN, 1);
	wr(r, 0, NV_PTIMER_INTR_EN, 1);
	assert_int_equal(vgpu_next_alarm(r->v[0]), SCHED_NEVER);
	wr(r, 0, NV_PTIMER_ALARM, lo32(dev_now(r->g->dev)) + 1000);
	at = vgpu_next_alarm(r->v[0]);
	assert_int_equal(at, dev_now(r->g->dev) + 1000);
	advance(r, 999);
	tick(r);
	assert_int_equal(hv_null_irqs(r->hg[0]), 0);
	assert_int_equal(rd(r, 0, NV_PTIMER_INTR), 0);
	advance(r, 1);
	tick(r);
	assert_int_equal(hv_null_irqs(r->hg[0]), 1);
	assert_int_equal(rd(r, 0, NV_PTIMER_INTR), 1);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), PMC_INTR_PTIMER);
	assert_int_equal(vgpu_next_alarm(r->v[0]), SCHED_NEVER);
	wr(r, 0, NV_PTIMER_INTR, 1);
	assert_int_equal(rd(r, 0, NV_PTIMER_INTR), 0);
	advance(r, 1ull << 33);
	tick(r);
	assert_int_equal(hv_null_irqs(r->hg[0]), 1);
	assert_int_equal(hv_null_irqs(r->hg[1]), 0);
}

/* A guest that polls sees the alarm without anybody's tick. */
static void alarm_shows_when_read(void **state)
{
	struct rig *r = *state;

	wr(r, 0, NV_PTIMER_ALARM, lo32(dev_now(r->g->dev)) + 64);
	assert_int_equal(vgpu_next_alarm(r->v[0]), SCHED_NEVER); /* not enabled: nobody to wake */
	advance(r, 64);
	assert_int_equal(rd(r, 0, NV_PTIMER_INTR), 1);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), 0);
}

/* Enabled late: the latched alarm interrupts then. */
static void enabling_a_due_alarm_interrupts(void **state)
{
	struct rig *r = *state;

	wr(r, 0, NV_PMC_INTR_EN, 1);
	wr(r, 0, NV_PTIMER_ALARM, lo32(dev_now(r->g->dev)) + 64);
	advance(r, 100);
	wr(r, 0, NV_PTIMER_INTR_EN, 1);
	assert_int_equal(hv_null_irqs(r->hg[0]), 1);
}

/* A time whose low half has passed comes round after 4.3 s. */
static void alarm_in_the_past_waits_for_the_wrap(void **state)
{
	struct rig *r = *state;

	wr(r, 0, NV_PTIMER_INTR_EN, 1);
	wr(r, 0, NV_PTIMER_ALARM, lo32(dev_now(r->g->dev)) - 1000);
	assert_int_equal(vgpu_next_alarm(r->v[0]), dev_now(r->g->dev) + (1ull << 32) - 1000);
}

/* A guest that thinks it set the time moves no alarm by it. */
static void setting_time_moves_no_alarm(void **state)
{
	struct rig *r = *state;
	uint64_t at = dev_now(r->g->dev) + 10000;

	wr(r, 0, NV_PTIMER_INTR_EN, 1);
	wr(r, 0, NV_PTIMER_ALARM, lo32(at));
	set(r, 0, 9000);
	assert_int_equal(vgpu_next_alarm(r->v[0]), at);
}

static void a_guests_alarm_never_touches_the_card(void **state)
{
	struct rig *r = *state;
	uint32_t alarm = dev_rd32(r->g->dev, NV_PTIMER_ALARM), hi = dev_rd32(r->g->dev, NV_PTIMER_TIME_HI);

	set(r, 0, 0x1234ull << 32);
	wr(r, 0, NV_PTIMER_ALARM, 77);
	wr(r, 0, NV_PTIMER_INTR_EN, 1);
	assert_int_equal(dev_rd32(r->g->dev, NV_PTIMER_ALARM), alarm);
	assert_int_equal(dev_rd32(r->g->dev, NV_PTIMER_TIME_HI), hi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(time_moves),
		RIG_TEST(time_is_the_cards),
		cmocka_unit_test(time_is_set_at_start),
		RIG_TEST(alarm_fires_once_when_due),
		RIG_TEST(alarm_shows_when_read),
		RIG_TEST(enabling_a_due_alarm_interrupts),
		RIG_TEST(alarm_in_the_past_waits_for_the_wrap),
		RIG_TEST(setting_time_moves_no_alarm),
		RIG_TEST(a_guests_alarm_never_touches_the_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
