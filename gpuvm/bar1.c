// SPDX-License-Identifier: MIT
/*
 * BAR1: the guest's USERD pages, where a store is a doorbell, and for the rest
 * its VRAM and system memory through its own tables.
 *
 * Always true: USERD pages of bound channels never reach memory through here,
 * they are the channel room's; the page of an unbound channel is plain memory
 * (a driver clears it before it binds).
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/units.h"

/* Whether off is in the USERD page of a bound channel: which, and where in it. */
static bool userd_at(const struct vgpu *v, uint64_t off, gchan_t *id, uint32_t *at)
{
	uint32_t base = vgpu_reg_load(v, NV_PFIFO_USERD_BASE);
	uint64_t in = off - USERD_BASE_ADDR(base);

	if (!(base & USERD_BASE_VALID) || off < USERD_BASE_ADDR(base) ||
	    in >= (uint64_t)GF100_NR_CHAN * USERD_LEN || !v->chan[in / USERD_LEN])
		return false;
	*id = gchan((uint32_t)(in / USERD_LEN));
	*at = (uint32_t)(in % USERD_LEN);
	return true;
}

void vgpu_userd_moved(struct vgpu *v)
{
	uint32_t base = vgpu_reg_load(v, NV_PFIFO_USERD_BASE);
	uint64_t pages[GF100_NR_CHAN / 64] = { 0 };

	for (uint32_t c = 0; base & USERD_BASE_VALID && c < GF100_NR_CHAN; c++)
		if (v->chan[c])
			pages[c / 64] |= 1ull << (c % 64);
	if (v->shadow && shadow_bar_acts(v->shadow, USERD_BASE_ADDR(base), pages))
		vgpu_fault(v, "USERD at BAR1+0x%llx cannot be made to trap",
			   (unsigned long long)USERD_BASE_ADDR(base));
}

void unit_pfifo_userd_base_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, val);
	vgpu_userd_moved(v);
}

/* One piece of an access: n bytes inside one dword, or inside what is not USERD. */
static int piece_rd(struct vgpu *v, uint32_t off, uint8_t n, uint64_t *val)
{
	gchan_t id;
	uint32_t at;

	if (!userd_at(v, off, &id, &at))
		return aperture_rd(v, 1, off, n, val);
	*val = (vgpu_userd_rd(v, id, at & ~3u) >> (at & 3) * 8) & mmio_ones(n);
	return 0;
}

static int piece_wr(struct vgpu *v, uint32_t off, uint8_t n, uint64_t val)
{
	gchan_t id;
	uint32_t at, shift, w = (uint32_t)val;

	if (!userd_at(v, off, &id, &at))
		return aperture_wr(v, 1, off, n, val);
	shift = (at & 3) * 8;
	if (n < 4)
		w = (vgpu_userd_rd(v, id, at & ~3u) & ~((uint32_t)mmio_ones(n) << shift)) |
		    (uint32_t)val << shift;
	vgpu_userd_wr(v, id, at & ~3u, w);
	return 0;
}

/* Whether any byte of the access is USERD: then it goes dword by dword. */
static bool touches_userd(const struct vgpu *v, uint32_t off, uint8_t size)
{
	gchan_t id;
	uint32_t at;

	return userd_at(v, off, &id, &at) || userd_at(v, (uint64_t)off + size - 1, &id, &at);
}

static uint8_t next_piece(uint32_t off, uint8_t size, uint8_t done)
{
	uint8_t n = 4 - ((off + done) & 3), left = size - done;

	return n < left ? n : left;
}

int vgpu_bar1_rd(struct vgpu *v, uint32_t off, uint8_t size, uint64_t *val)
{
	int err;

	*val = mmio_ones(size);
	err = aperture_check(v, "BAR1", off, size, GF100_BAR1_LEN);
	if (err)
		return err;
	if (!touches_userd(v, off, size)) {
		err = aperture_rd(v, 1, off, size, val);
		aperture_touched(v, 1, off, err);
		return err;
	}
	*val = 0;
	for (uint8_t done = 0, n; done < size; done += n) {
		uint64_t w;
		int e;

		n = next_piece(off, size, done);
		e = piece_rd(v, off + done, n, &w);
		err = err ? err : e;
		*val |= w << done * 8;
	}
	return err;
}

int vgpu_bar1_wr(struct vgpu *v, uint32_t off, uint8_t size, uint64_t val)
{
	int err = aperture_check(v, "BAR1", off, size, GF100_BAR1_LEN);

	if (err)
		return err;
	if (!touches_userd(v, off, size)) {
		err = aperture_wr(v, 1, off, size, val);
		aperture_touched(v, 1, off, err);
		return err;
	}
	for (uint8_t done = 0, n; done < size; done += n) {
		int e;

		n = next_piece(off, size, done);
		e = piece_wr(v, off + done, n, val >> done * 8 & mmio_ones(n));
		err = err ? err : e;
	}
	return err;
}
