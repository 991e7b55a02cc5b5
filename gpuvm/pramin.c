// SPDX-License-Identifier: MIT
/*
 * PRAMIN: 1 MiB of the guest's VRAM in BAR0, at PBUS_PRAMIN_BASE.  Always true:
 * base plus offset is computed in 64 bits and checked against the part; beyond
 * it reads say so and stores go nowhere, both counted.
 */
#include <errno.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/units.h"

static uint64_t vram_at(const struct vgpu *v, uint32_t at)
{
	return ((uint64_t)(vgpu_reg_load(v, NV_PBUS_PRAMIN_BASE) & 0xffffff) << 16) + at;
}

static int outside(struct vgpu *v, uint64_t at, const char *what)
{
	vgpu_fault(v, "PRAMIN %s at VRAM 0x%llx, beyond its part", what, (unsigned long long)at);
	return -EINVAL;
}

int pramin_rd(struct vgpu *v, uint32_t at, uint8_t size, uint64_t *val)
{
	uint64_t a = vram_at(v, at), w = 0;

	*val = aperture_denied(at, size);
	if (!range_ok(a, size, part_vram_len(v->part)))
		return outside(v, a, "load");
	if (aperture_vram_rd(v, a, &w, size))
		return outside(v, a, "load");
	*val = w;
	return 0;
}

int pramin_wr(struct vgpu *v, uint32_t at, uint8_t size, uint64_t val)
{
	uint64_t a = vram_at(v, at);

	if (!range_ok(a, size, part_vram_len(v->part)) || aperture_vram_wr(v, a, &val, size))
		return outside(v, a, "store");
	return 0;
}

/* One dword, for accesses that lie across the window's edge. */
uint32_t unit_pramin_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	uint64_t w;

	(void)off;
	pramin_rd(v, i * 4, 4, &w);
	return lo32(w);
}

void unit_pramin_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)off;
	pramin_wr(v, i * 4, 4, val);
}
