// SPDX-License-Identifier: MIT
/*
 * Straps, fuses and partition counts: what the card says about itself.
 *
 * Always true: the registers that tell the memory size agree with each other
 * and with sim.cfg: nr_fbp equal partitions, none fused off, one LTC each.
 * Nothing here is written after reset; the rows of regs.def see to that.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/private.h"

#define POST_DONE (1u << 1)
#define STRAP_CRYSTAL_27MHZ 0x00400000u
#define LTC_SLICES 2u

#define MAX_GPCS 4u
#define TPCS_PER_GPC 4u

/*
 * The speed bin burnt into each chip; only a voltage table of the VBIOS, which
 * ours has not, gives it a meaning [nvkm/subdev/volt/gf100.c].
 */
#define FUSE_SPEEDO 0x1cc
#define SPEEDO 0x400

static void strap_memory(struct sim *s)
{
	uint32_t n = s->cfg.nr_fbp, mib = (uint32_t)(s->cfg.vram_len / n >> 20);

	const struct sim_preset presets[] = {
		{ NV_FBP_COUNT, n },
		{ NV_PRIVRING_FBP_COUNT, n },
		{ NV_PFB_LTC_COUNT, n },
		{ NV_FBP_MIB_COMMON, mib },
		{ NV_LTC_PARAMS, LTC_SLICES << 28 },
	};

	sim_preset(s, presets, ARRAY_SIZE(presets));
	for (uint32_t i = 0; i < n; i++)
		sim_reg_store(s, reg_at(REGID_FBP_MIB, i), mib);
}

/*
 * As few graphics clusters as hold all TPCs, evenly filled: 14 are 4, 4, 3, 3 as in a Quadro
 * 6000, 2 are one cluster as in a GF108, 1 is a GF119's.
 */
static void strap_clusters(struct sim *s)
{
	uint32_t nr = s->cfg.nr_tpc, gpcs = (nr + TPCS_PER_GPC - 1) / TPCS_PER_GPC;

	sim_reg_store(s, NV_FECS_UNITS, s->cfg.nr_fbp << 16 | gpcs);
	for (uint32_t g = 0; g < gpcs; g++)
		sim_reg_store(s, reg_at(REGID_GPC_TPCS, g), nr / gpcs + (g < nr % gpcs));
}

void strap_reset(struct sim *s)
{
	const struct sim_preset presets[] = {
		{ NV_STRAPS, STRAP_CRYSTAL_27MHZ },
		{ NV_DISABLE_FUSES, s->cfg.disable_fuses },
		{ NV_POST_STATUS, POST_DONE },
		{ NV_FUSE_DATA + FUSE_SPEEDO, SPEEDO },
		{ NV_MAX_GPCS, MAX_GPCS },
		{ NV_MAX_TPCS_PER_GPC, TPCS_PER_GPC },
	};

	sim_preset(s, presets, ARRAY_SIZE(presets));
	strap_clusters(s);
	strap_memory(s);
}
