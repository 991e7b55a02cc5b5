// SPDX-License-Identifier: MIT
/*
 * Virtual falcons: the memory ports of FECS, GPCCS and PMU, the PMU's start,
 * and the copy engines' registers.
 *
 * Always true: nothing that a guest uploads runs anywhere; it is kept so that
 * a driver that reads it back finds it.  Port addresses wrap at the memory's
 * size, so no store can leave it.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/recover.h"
#include "gpuvm/units.h"

/* Code and data memory of each; more than any GF100 falcon has. */
#define FALCON_WORDS 4096u
/* Port control: bits 2-15 address, 24 advance on store, 25 on load [nvkm/falcon/v1.c]. */
#define PORT_CODE_DATA 0x184u
#define PORT_ADDR_MASK 0x0000fffcu
#define PORT_STORE_INC (1u << 24)
#define PORT_LOAD_INC (1u << 25)
#define FALCON_START (1u << 1)
#define FALCON_RANGE 0x1000u

static struct falcon_mem *falcon_at(struct vgpu *v, uint32_t off)
{
	if (off < NV_FECS_SWITCH)
		return &v->units->falcon[VFALCON_PMU];
	return &v->units->falcon[off < NV_GPCCS_DMEM_CTRL ? VFALCON_FECS : VFALCON_GPCCS];
}

/* Index of the word that the port at off stands at; the port moves on if its mode says so. */
static uint32_t port_step(struct vgpu *v, uint32_t off, uint32_t inc)
{
	uint32_t ctrl = vgpu_reg_load(v, off - 4), at = ctrl & PORT_ADDR_MASK;
	bool code = (off & (FALCON_RANGE - 1)) == PORT_CODE_DATA;

	if (ctrl & inc)
		vgpu_reg_store(v, off - 4, (ctrl & ~PORT_ADDR_MASK) | ((at + 4) & PORT_ADDR_MASK));
	return at / 4 % FALCON_WORDS + (code ? 0 : FALCON_WORDS);
}

uint32_t unit_falcon_data_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	const struct falcon_mem *f = falcon_at(v, off);
	uint32_t at = port_step(v, off, PORT_LOAD_INC);

	(void)i;
	return f->word ? f->word[at] : 0;
}

void unit_falcon_data_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	struct falcon_mem *f = falcon_at(v, off);
	uint32_t at = port_step(v, off, PORT_STORE_INC);

	(void)i;
	if (!f->word)
		f->word = mem_calloc(2 * FALCON_WORDS, sizeof(*f->word));
	if (!f->word) {
		unit_broken(v, "no memory for its falcons");
		return;
	}
	f->word[at] = val;
}

void unit_falcon_forget(struct vgpu *v, enum vfalcon f)
{
	mem_free(v->units->falcon[f].word);
	v->units->falcon[f].word = NULL;
}

/* ---- PMU --------------------------------------------------------------------------------- */

/* Message rings of nouveau's microcode: size << 16 | base; drivers ask that they are not 0. */
#define PMU_SEND 0x008004e0u
#define PMU_RECV 0x00800560u

void unit_pmu_cpuctl_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)off;
	(void)i;
	if (!(val & FALCON_START))
		return;
	vgpu_reg_store(v, NV_PMU_SEND_RING, PMU_SEND);
	vgpu_reg_store(v, NV_PMU_RECV_RING, PMU_RECV);
}

void unit_pmu_reset(struct vgpu *v)
{
	mmio_reset_range(v, NV_PMU_CPUCTL & ~(FALCON_RANGE - 1),
			 (NV_PMU_CPUCTL & ~(FALCON_RANGE - 1)) + FALCON_RANGE);
	unit_falcon_forget(v, VFALCON_PMU);
}

/* ---- copy engines --------------------------------------------------------------------------- */

#define CE_STRIDE (NV_CE1_INTR - NV_CE0_INTR)
/* Error interrupt of the copy microcode [nvkm/engine/falcon.c]. */
#define CE_INTR_ERROR (1u << 6)
#define CE_CHAN_VALID (1u << 30)

bool unit_ce_level(struct vgpu *v, unsigned int ce)
{
	uint32_t route = vgpu_reg_load(v, NV_CE0_INTR_ROUTE + ce * CE_STRIDE);

	return vgpu_reg_load(v, NV_CE0_INTR + ce * CE_STRIDE) & route & ~(route >> 16);
}

void unit_ce_intr_clr_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	uint32_t at = off - NV_CE0_INTR_CLR + NV_CE0_INTR;

	(void)i;
	vgpu_reg_store(v, at, vgpu_reg_load(v, at) & ~val);
	unit_irq_update(v);
	if (!vgpu_reg_load(v, at))
		vgpu_chans_resume(v, at == NV_CE0_INTR ? ENGINE_CE0 : ENGINE_CE1);
}

void unit_ce_route_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, val);
	unit_irq_update(v);
}

/* The card's own copy microcode serves every guest; starting a virtual one shows nothing. */
void unit_ce_cpuctl_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)v;
	(void)off;
	(void)i;
	(void)val;
}

void vgpu_raise_ce(struct vgpu *v, unsigned int ce, const struct vgpu_ce_error *e)
{
	uint32_t at = ce * CE_STRIDE, route = NV_CE0_INTR_ROUTE + at;

	if (ce > 1)
		return;
	vgpu_reg_store(v, NV_CE0_CHAN + at, CE_CHAN_VALID | lo32(gvram_x(e->inst) >> 12));
	vgpu_reg_store(v, NV_CE0_ERROR + at, e->error);
	vgpu_reg_store(v, NV_CE0_ERROR_DATA + at, e->data);
	/* The microcode routes its interrupts to the host [nvkm/engine/ce/fuc/com.fuc]. */
	vgpu_reg_store(v, route, vgpu_reg_load(v, route) | CE_INTR_ERROR);
	vgpu_reg_store(v, NV_CE0_INTR + at, vgpu_reg_load(v, NV_CE0_INTR + at) | CE_INTR_ERROR);
	unit_irq_update(v);
}

void unit_ce_reset(struct vgpu *v, unsigned int ce)
{
	uint32_t first = (NV_CE0_INTR & ~(FALCON_RANGE - 1)) + ce * CE_STRIDE;

	mmio_reset_range(v, first, first + FALCON_RANGE);
	vgpu_chans_resume(v, ce ? ENGINE_CE1 : ENGINE_CE0);
}
