// SPDX-License-Identifier: MIT
/*
 * Guest memory as a BAR or PRAMIN shows it.
 *
 * Always true: VRAM is reached only through the guest's part, system memory
 * only through its hypervisor port, each piece checked on its own; an access
 * that crosses a page or a chunk is split there.  A store into VRAM is told to
 * the shadows before the access ends.
 */
#include <errno.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/units.h"

int aperture_check(struct vgpu *v, const char *bar, uint32_t off, uint8_t size, uint64_t len)
{
	if (!mmio_size_ok(size) || !range_ok(off, size, len)) {
		vgpu_fault(v, "access of %u bytes at %s+0x%x", size, bar, off);
		return -EINVAL;
	}
	if (!pcicfg_decodes(v)) {
		v->stats.denied++;
		vgpu_fault(v, "access at %s+0x%x while memory decode is off", bar, off);
		return -EPERM;
	}
	return 0;
}

uint64_t aperture_denied(uint32_t off, uint8_t size)
{
	uint64_t twice = (uint64_t)MMIO_DENIED << 32 | MMIO_DENIED;
	unsigned int turn = (off & 3) * 8;

	return (turn ? twice >> turn | twice << (64 - turn) : twice) & mmio_ones(size);
}

int aperture_vram_rd(struct vgpu *v, uint64_t at, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		hvram_t h;
		uint64_t n;
		int err = part_vram_run(v->part, gvram(at), len, &h, &n);

		if (!err)
			err = dev_vram_rd(v->g->dev, h, p, n);
		if (err)
			return err;
		at += n;
		p += n;
		len -= n;
	}
	return 0;
}

int aperture_vram_wr(struct vgpu *v, uint64_t at, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len) {
		hvram_t h;
		uint64_t n;
		int err = part_vram_run(v->part, gvram(at), len, &h, &n);

		if (!err)
			err = dev_vram_wr(v->g->dev, h, p, n);
		if (err)
			return err;
		shadow_written(v->shadow, gvram(at), n);
		at += n;
		p += n;
		len -= n;
	}
	return 0;
}

/* Where the next piece of at most len bytes at off lies; its length in *n. */
static int piece(struct vgpu *v, int bar, uint64_t off, size_t len, bool write,
		 struct shadow_loc *loc, size_t *n)
{
	int err = shadow_bar_xlate(v->shadow, bar, off, write, loc);

	if (err)
		return -EINVAL;
	if (!loc->run)
		return -EINVAL;
	*n = loc->run < len ? (size_t)loc->run : len;
	return 0;
}

/* Its tables may name any bus address; the port knows what is its RAM. */
static int ram_result(struct vgpu *v, int bar, const struct shadow_loc *loc, int err)
{
	if (err)
		vgpu_fault(v, "BAR%d leads to bus address 0x%llx, which is not its RAM", bar,
			   (unsigned long long)loc->addr);
	return err;
}

int aperture_rd(struct vgpu *v, int bar, uint32_t off, uint8_t size, uint64_t *val)
{
	uint64_t out = aperture_denied(off, size);
	size_t n;

	for (size_t done = 0; done < size; done += n) {
		struct shadow_loc loc;
		uint8_t *p = (uint8_t *)&out + done;
		uint8_t buf[8];
		int err = piece(v, bar, (uint64_t)off + done, size - done, false, &loc, &n);

		if (!err && loc.target == PTE_VRAM)
			err = aperture_vram_rd(v, loc.addr, buf, n);
		else if (!err)
			err = ram_result(v, bar, &loc, hv_read(v->guest, gpa(loc.addr), buf, n));
		if (err) {
			*val = out;
			return -EINVAL;
		}
		memcpy(p, buf, n);
	}
	*val = out;
	return 0;
}

int aperture_wr(struct vgpu *v, int bar, uint32_t off, uint8_t size, uint64_t val)
{
	size_t n;

	for (size_t done = 0; done < size; done += n) {
		struct shadow_loc loc;
		const uint8_t *p = (const uint8_t *)&val + done;
		int err = piece(v, bar, (uint64_t)off + done, size - done, true, &loc, &n);

		if (!err && loc.target == PTE_VRAM)
			err = aperture_vram_wr(v, loc.addr, p, n);
		else if (!err)
			err = ram_result(v, bar, &loc, hv_write(v->guest, gpa(loc.addr), p, n));
		if (err)
			return -EINVAL;
	}
	return 0;
}
