// SPDX-License-Identifier: MIT
/*
 * The virtual PTIMER: the device's clock, with an alarm of the guest's own.
 *
 * Always true: time is the card's, for its engines stamp with that one whatever
 * they finish (QUERY_GET, semaphores), and a driver takes one from the other; so a
 * guest's stores to it are dropped.  An alarm latches once per
 * store to PTIMER_ALARM.  (Hardware repeats it each 4.3 s when the low half
 * comes round; drivers switch the alarm off in its interrupt, so a repeat
 * would only be spurious.)
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/units.h"

/* The counter's resolution: bits 0-4 of the low half read 0. */
#define TIME_LO_MASK 0xffffffe0u

static uint64_t time_now(const struct vgpu *v)
{
	return dev_now(v->g->dev);
}

bool unit_ptimer_level(struct vgpu *v)
{
	return vgpu_reg_load(v, NV_PTIMER_INTR) & vgpu_reg_load(v, NV_PTIMER_INTR_EN) & 1;
}

/* The next time, not before now, whose low half is PTIMER_ALARM. */
static void set_alarm(struct vgpu *v)
{
	uint64_t now = time_now(v);

	v->units->alarm_at = now + (uint32_t)(vgpu_reg_load(v, NV_PTIMER_ALARM) - lo32(now));
}

/* Latches an alarm that is due; drives nothing. */
static void look(struct vgpu *v)
{
	struct vgpu_unit_state *u = v->units;

	if (!u->alarm_set || (int64_t)(time_now(v) - u->alarm_at) < 0)
		return;
	u->alarm_set = false;
	vgpu_reg_store(v, NV_PTIMER_INTR, 1);
}

uint64_t unit_ptimer_next(const struct vgpu *v)
{
	const struct vgpu_unit_state *u = v->units;

	if (!u->alarm_set || !(vgpu_reg_load(v, NV_PTIMER_INTR_EN) & 1))
		return SCHED_NEVER;
	return u->alarm_at;
}

void unit_ptimer_tick(struct vgpu *v, uint64_t now)
{
	/* The usual case without a look at the clock. */
	if (unit_ptimer_next(v) == SCHED_NEVER || (int64_t)(now - unit_ptimer_next(v)) < 0)
		return;
	look(v);
	unit_irq_update(v);
}

uint32_t unit_ptimer_lo_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)off;
	(void)i;
	return lo32(time_now(v)) & TIME_LO_MASK;
}

uint32_t unit_ptimer_hi_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)off;
	(void)i;
	return hi32(time_now(v));
}

uint32_t unit_ptimer_intr_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)i;
	look(v);
	return vgpu_reg_load(v, off);
}

void unit_ptimer_intr_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	look(v);
	vgpu_reg_store(v, off, vgpu_reg_load(v, off) & ~val);
	unit_irq_update(v);
}

void unit_ptimer_intr_en_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	look(v);
	vgpu_reg_store(v, off, val & 1);
	unit_irq_update(v);
}

void unit_ptimer_alarm_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	look(v);
	vgpu_reg_store(v, off, val);
	v->units->alarm_set = true;
	set_alarm(v);
	look(v);
	unit_irq_update(v);
}
