// SPDX-License-Identifier: MIT
/*
 * BAR0 as a guest sees it: splits an access into dwords, finds each dword's
 * row and does what the table says.
 *
 * Always true:
 *  1. Every access ends with a defined answer, whatever its size, alignment or
 *     place; what no row and no unit range covers is denied and counted.
 *  2. Nothing in this file writes to the card.
 *  3. Private storage holds only offsets below GF100_MMIO_LEN that a row or a
 *     unit range covers, so its size is bounded by regs.def.
 */
#include "gpuvm/mmio.h"

#include <errno.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/units.h"

#define PAGE_SHIFT 12
#define PAGE_LEN (1u << PAGE_SHIFT)
#define NR_PAGES (GF100_MMIO_LEN >> PAGE_SHIFT)

/*
 * A guest whose registers lie about what it stored cannot be served.  It is
 * failed on the next tick: here the caller may still be using its channels.
 */
void unit_broken(struct vgpu *v, const char *why)
{
	v->units->broken = why;
}

/* ---- private storage ------------------------------------------------------------------ */

uint32_t vgpu_reg_load(const struct vgpu *v, uint32_t off)
{
	const uint32_t *p = off < GF100_MMIO_LEN ? v->reg_page[off >> PAGE_SHIFT] : NULL;

	return p ? p[(off & (PAGE_LEN - 1)) / 4] : 0;
}

void vgpu_reg_store(struct vgpu *v, uint32_t off, uint32_t val)
{
	uint32_t **p;

	if (off >= GF100_MMIO_LEN)
		return;
	p = &v->reg_page[off >> PAGE_SHIFT];
	if (!*p && !val)
		return; /* an absent page reads 0 */
	if (!*p)
		*p = mem_calloc(PAGE_LEN / 4, 4);
	if (!*p) {
		unit_broken(v, "no memory for its registers");
		return;
	}
	(*p)[(off & (PAGE_LEN - 1)) / 4] = val;
}

void mmio_reset_range(struct vgpu *v, uint32_t first, uint32_t last)
{
	for (uint32_t p = first >> PAGE_SHIFT; p < last >> PAGE_SHIFT && p < NR_PAGES; p++) {
		mem_free(v->reg_page[p]);
		v->reg_page[p] = NULL;
	}
	for (int r = 0; r < NR_REGS; r++)
		for (uint32_t i = 0; mmio_rows[r].reset && i < reg_rows[r].count; i++) {
			uint32_t off = reg_at((enum reg_id)r, i);

			if (off >= first && off < last)
				vgpu_reg_store(v, off, mmio_rows[r].reset);
		}
}

void mmio_reset(struct vgpu *v)
{
	mmio_reset_range(v, 0, GF100_MMIO_LEN);
}

void mmio_free(struct vgpu *v)
{
	if (!v->reg_page)
		return;
	for (uint32_t p = 0; p < NR_PAGES; p++)
		mem_free(v->reg_page[p]);
	mem_free(v->reg_page);
	v->reg_page = NULL;
}

/* ---- one dword --------------------------------------------------------------------------- */

static int deny(struct vgpu *v, uint64_t off, const char *what)
{
	v->stats.denied++;
	vgpu_fault(v, "%s of BAR0 register 0x%06llx, which is not in the table", what,
		   (unsigned long long)off);
	return -EPERM;
}

/* The decision on the dword at off; *id is NR_REGS if it is one of a unit's unnamed ones. */
static enum mmio_treat decide(uint64_t off, enum reg_id *id, uint32_t *i)
{
	enum space_id s;

	*id = NR_REGS;
	if (off >= GF100_MMIO_LEN)
		return MMIO_DENY;
	*id = reg_find((uint32_t)off, i);
	if (*id != NR_REGS)
		return mmio_rows[*id].treat;
	s = space_find((uint32_t)off);
	return s == NR_SPACES ? MMIO_DENY : mmio_spaces[s];
}

static uint32_t row_rd(struct vgpu *v, enum reg_id id, uint32_t off, uint32_t i)
{
	const struct mmio_row *r = &mmio_rows[id];

	if (r->rd)
		return r->rd(v, off, i);
	if (r->treat == MMIO_HOST_RO)
		return dev_rd32(v->g->dev, off);
	if (reg_rows[id].access == REG_TRIG || reg_rows[id].access == REG_WO)
		return 0;
	return vgpu_reg_load(v, off);
}

static int dword_rd(struct vgpu *v, uint64_t off, uint32_t *val)
{
	enum reg_id id;
	uint32_t i;
	enum mmio_treat t = decide(off, &id, &i);

	if (t == MMIO_DENY || t == MMIO_UNDECIDED) {
		*val = MMIO_DENIED;
		return deny(v, off, "read");
	}
	*val = id == NR_REGS ? vgpu_reg_load(v, (uint32_t)off) : row_rd(v, id, (uint32_t)off, i);
	return 0;
}

static void row_wr(struct vgpu *v, enum reg_id id, uint32_t off, uint32_t i, uint32_t val,
		   uint32_t lanes)
{
	const struct mmio_row *r = &mmio_rows[id];
	enum reg_access a = reg_rows[id].access;

	/* Bytes that were not stored stay as they are where a register is storage; else they are 0. */
	if (lanes != ~0u && a == REG_RW && !r->port)
		val = (row_rd(v, id, off, i) & ~lanes) | (val & lanes);
	if (r->wr)
		r->wr(v, off, i, val);
	else if (a == REG_RW)
		vgpu_reg_store(v, off, (vgpu_reg_load(v, off) & ~r->mask) | (val & r->mask));
	else if (a == REG_W1C)
		vgpu_reg_store(v, off, vgpu_reg_load(v, off) & ~val);
}

/* lanes: the bytes of val that the guest stored, as a mask; the others are 0. */
static int dword_wr(struct vgpu *v, uint64_t off, uint32_t val, uint32_t lanes)
{
	enum reg_id id;
	uint32_t i;
	enum mmio_treat t = decide(off, &id, &i);

	if (t == MMIO_DENY || t == MMIO_UNDECIDED)
		return deny(v, off, "write");
	if (id != NR_REGS)
		row_wr(v, id, (uint32_t)off, i, val, lanes);
	else
		vgpu_reg_store(v, (uint32_t)off, (vgpu_reg_load(v, (uint32_t)off) & ~lanes) | val);
	return 0;
}

/* ---- one access ------------------------------------------------------------------------- */

bool mmio_size_ok(uint8_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

uint64_t mmio_ones(uint8_t size)
{
	return size < 8 ? (1ull << size * 8) - 1 : ~0ull;
}

/* PRAMIN takes nine tenths of a driver's bring-up stores: they go past the table. */
static bool in_pramin(uint32_t off, uint8_t size)
{
	return off >= NV_PRAMIN && range_ok(off - NV_PRAMIN, size, PRAMIN_LEN);
}

/* The bytes of one access that fall into one dword. */
struct lane {
	uint64_t off;		  /* of the dword */
	unsigned int shift, bits; /* where in the dword */
	unsigned int at;	  /* bit of the access's value where they go */
};

static bool next_lane(uint32_t off, uint8_t size, unsigned int *done, struct lane *l)
{
	uint64_t at = (uint64_t)off + *done;
	unsigned int n = 4 - (at & 3), left = size - *done;

	if (!left)
		return false;
	n = n < left ? n : left;
	*l = (struct lane){ at & ~3ull, (at & 3) * 8, n * 8, *done * 8 };
	*done += n;
	return true;
}

int vgpu_mmio_rd(struct vgpu *v, uint32_t off, uint8_t size, uint64_t *val)
{
	unsigned int done = 0;
	struct lane l;
	int err;

	*val = mmio_ones(size);
	err = aperture_check(v, "BAR0", off, size, GF100_BAR0_LEN);
	if (err)
		return err;
	if (in_pramin(off, size))
		return pramin_rd(v, off - NV_PRAMIN, size, val);
	*val = 0;
	while (next_lane(off, size, &done, &l)) {
		uint32_t w;
		int e = dword_rd(v, l.off, &w);

		err = err ? err : e;
		*val |= bits_get(w, l.shift + l.bits - 1, l.shift) << l.at;
	}
	return err;
}

int vgpu_mmio_wr(struct vgpu *v, uint32_t off, uint8_t size, uint64_t val)
{
	unsigned int done = 0;
	struct lane l;
	int err = aperture_check(v, "BAR0", off, size, GF100_BAR0_LEN);

	if (err)
		return err;
	if (in_pramin(off, size))
		return pramin_wr(v, off - NV_PRAMIN, size, val);
	while (next_lane(off, size, &done, &l)) {
		uint32_t w = (uint32_t)bits_get(val, l.at + l.bits - 1, l.at) << l.shift;
		uint32_t lanes = (uint32_t)bits_put(~0ull, l.shift + l.bits - 1, l.shift);
		int e = dword_wr(v, l.off, w, lanes);

		err = err ? err : e;
	}
	return err;
}

/* ---- birth and death of everything the guest sees -------------------------------------------- */

int vgpu_units_new(struct vgpu *v)
{
	int err;

	v->reg_page = mem_calloc(NR_PAGES, sizeof(*v->reg_page));
	v->units = mem_new(struct vgpu_unit_state);
	if (!v->reg_page || !v->units)
		return -ENOMEM;
	err = pcicfg_new(v);
	if (err)
		return err;
	unit_identity_init(v);
	mmio_reset(v);
	return v->units->broken ? -ENOMEM : 0;
}

void vgpu_units_reset(struct vgpu *v)
{
	struct vgpu_unit_state *u = v->units;

	pcicfg_reset(v);
	for (int f = 0; f < NR_VFALCONS; f++)
		unit_falcon_forget(v, (enum vfalcon)f);
	*u = (struct vgpu_unit_state){ 0 };
	unit_identity_init(v);
	mmio_reset(v);
	if (!v->shadow)
		return; /* a passthrough guest's units only keep its configuration space */
	/* What other rooms derived from registers that are now 0. */
	shadow_bar_bind(v->shadow, 1, 0);
	shadow_bar_bind(v->shadow, 3, 0);
	shadow_set_large_64k(v->shadow, false);
	vgpu_userd_moved(v);
	pcicfg_moved(v);
}

void vgpu_units_free(struct vgpu *v)
{
	for (int f = 0; v->units && f < NR_VFALCONS; f++)
		unit_falcon_forget(v, (enum vfalcon)f);
	mmio_free(v);
	pcicfg_free(v);
	mem_free(v->units);
	v->units = NULL;
}

uint64_t vgpu_next_alarm(struct vgpu *v)
{
	uint64_t a = unit_ptimer_next(v), b = unit_pfifo_next(v);

	if (v->failed)
		return SCHED_NEVER;
	if (v->units->broken)
		return 0;
	return a < b ? a : b;
}

void vgpu_alarm_tick(struct vgpu *v, uint64_t now)
{
	if (v->units->broken)
		vgpu_fail(v, v->units->broken);
	unit_ptimer_tick(v, now);
	unit_pfifo_tick(v, now);
}
