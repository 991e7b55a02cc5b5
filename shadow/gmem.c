// SPDX-License-Identifier: MIT
/*
 * Guest memory by target: its VRAM through the part's chunk map, its RAM
 * through the hypervisor port.  A range is checked whole before a byte moves.
 */
#include "shadow/window.h"

static int vram_move(struct shadow_guest *sg, uint64_t addr, void *rd, const void *wr, size_t len)
{
	size_t done = 0;

	if (!range_ok(addr, len, part_vram_len(sg->cfg.part)))
		return -EFAULT;
	while (done < len) {
		uint64_t run;
		hvram_t at;
		int err = part_vram_run(sg->cfg.part, gvram(addr + done), len - done, &at, &run);

		if (err)
			return err == -ERANGE ? -EFAULT : err;
		if (rd)
			err = dev_vram_rd(sg->s->dev, at, (char *)rd + done, run);
		else
			err = dev_vram_wr(sg->s->dev, at, (const char *)wr + done, run);
		if (err)
			return err;
		done += run;
	}
	return 0;
}

int shadow_gmem_rd(struct shadow_guest *sg, uint32_t target, uint64_t addr, void *buf, size_t len)
{
	sg->stats.bytes += len;
	switch (target) {
	case PTE_VRAM: return vram_move(sg, addr, buf, NULL, len);
	case PTE_SYS:
	case PTE_SYS_NC: return hv_read(sg->cfg.guest, gpa(addr), buf, len);
	default: return -EFAULT;
	}
}

int shadow_gmem_wr(struct shadow_guest *sg, uint32_t target, uint64_t addr, const void *buf,
		   size_t len)
{
	sg->stats.bytes += len;
	switch (target) {
	case PTE_VRAM:
		track_written(sg, addr, len);
		return vram_move(sg, addr, NULL, buf, len);
	case PTE_SYS:
	case PTE_SYS_NC: return hv_write(sg->cfg.guest, gpa(addr), buf, len);
	default: return -EFAULT;
	}
}
