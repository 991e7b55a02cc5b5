// SPDX-License-Identifier: MIT
/*
 * The virtual PBDMAs of one guest, as far as its interrupt handler sees them.
 *
 * The card's PBDMA leaves a stopped channel and serves others, so it can stop
 * for a second channel before the guest has looked at the first.  Always true:
 * a virtual PBDMA shows one channel's interrupt until the guest has cleared
 * it; each other channel's waits in units->stop[], at most one per channel.
 */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/units.h"

static uint32_t load(const struct vgpu *v, enum reg_id id, uint32_t p)
{
	return vgpu_reg_load(v, reg_at(id, p));
}

uint32_t unit_pbdma_pending(struct vgpu *v)
{
	uint32_t set = 0;

	for (uint32_t p = 0; p < GF100_NR_PBDMA; p++)
		if (load(v, REGID_PBDMA_INTR, p) & load(v, REGID_PBDMA_INTR_EN, p))
			set |= 1u << p;
	return set;
}

static void show(struct vgpu *v, uint32_t id, const struct pbdma_stop *s)
{
	uint32_t p = s->pbdma;

	vgpu_reg_store(v, reg_at(REGID_PBDMA_CHID, p), id | PBDMA_CHID_ACTIVE);
	vgpu_reg_store(v, reg_at(REGID_PBDMA_METHOD, p), s->mthd);
	vgpu_reg_store(v, reg_at(REGID_PBDMA_DATA, p), s->data);
	vgpu_reg_store(v, reg_at(REGID_PBDMA_INTR, p), s->intr);
}

void vgpu_raise_pbdma(struct vgpu *v, uint32_t pbdma, gchan_t id, uint32_t intr, uint32_t mthd,
		      uint32_t data)
{
	struct pbdma_stop s = { true, (uint8_t)pbdma, intr, mthd, data };

	if (pbdma >= GF100_NR_PBDMA || gchan_x(id) >= GF100_NR_CHAN)
		return;
	if (load(v, REGID_PBDMA_INTR, pbdma)) {
		v->units->stop[gchan_x(id)] = s;
	} else {
		show(v, gchan_x(id), &s);
		unit_irq_update(v);
	}
}

/* A channel whose stop waits for PBDMA p; GF100_NR_CHAN if none does. */
static uint32_t waiting(const struct vgpu *v, uint32_t p)
{
	uint32_t c = 0;

	while (c < GF100_NR_CHAN && !(v->units->stop[c].waits && v->units->stop[c].pbdma == p))
		c++;
	return c;
}

void unit_pbdma_intr_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	uint32_t old = vgpu_reg_load(v, off), next = waiting(v, i);

	vgpu_reg_store(v, off, old & ~val);
	if (old && !(old & ~val)) {
		vgpu_reg_store(v, reg_at(REGID_PBDMA_CHID, i), 0);
		if (next < GF100_NR_CHAN) {
			/* The card's PBDMA stands on a later channel: nothing to resume here. */
			v->units->stop[next].waits = false;
			show(v, next, &v->units->stop[next]);
		} else if (!v->failed) {
			gpuvm_pbdma_resume(v, i, load(v, REGID_PBDMA_METHOD, i));
		}
	}
	unit_irq_update(v);
}

void unit_pbdma_intr_en_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, val);
	unit_irq_update(v);
}

void unit_pbdma_forget(struct vgpu *v)
{
	memset(v->units->stop, 0, sizeof(v->units->stop));
}
