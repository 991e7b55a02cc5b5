// SPDX-License-Identifier: MIT
/*
 * PROM: the 512 KiB window on the VBIOS flash.  Always true: it shows the image
 * only while the ROM shadow switch in PPCI is off; past the image, erased flash.
 */
#include "gpuvm/dev/sim/private.h"

#include <string.h>

#define PROM_LEN 0x80000u
#define ROM_SHADOW (NV_PPCI_CONFIG + 0x50)

static uint32_t prom_rd(struct sim *s, uint32_t off)
{
	uint32_t v = 0xffffffff, at = off - NV_PROM;

	if (sim_reg_load(s, ROM_SHADOW) & 1)
		return 0;
	if (at < sizeof(s->prom))
		memcpy(&v, s->prom + at, 4);
	return v;
}

const struct sim_unit prom_units[] = {
	{ "PROM", NV_PROM, NV_PROM + PROM_LEN - 4, prom_rd, NULL },
	{ 0 },
};
