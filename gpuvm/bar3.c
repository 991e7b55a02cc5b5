// SPDX-License-Identifier: MIT
/*
 * BAR3: the guest's instance memory (page tables, contexts) through its own
 * tables.  Always plain memory: nothing in here acts when it is stored to.
 */
#include "gpuvm/units.h"

int vgpu_bar3_rd(struct vgpu *v, uint32_t off, uint8_t size, uint64_t *val)
{
	int err;

	*val = mmio_ones(size);
	err = aperture_check(v, "BAR3", off, size, GF100_BAR3_LEN);
	if (err)
		return err;
	err = aperture_rd(v, 3, off, size, val);
	aperture_touched(v, 3, off, err);
	return err;
}

int vgpu_bar3_wr(struct vgpu *v, uint32_t off, uint8_t size, uint64_t val)
{
	int err = aperture_check(v, "BAR3", off, size, GF100_BAR3_LEN);

	if (err)
		return err;
	err = aperture_wr(v, 3, off, size, val);
	aperture_touched(v, 3, off, err);
	return err;
}
