// SPDX-License-Identifier: MIT
/*
 * The two copy engines: small processors (falcons) that are reset, told who
 * they are and started [nvkm/engine/falcon.c, engine/ce/gf100.c].
 *
 * As with FECS no microcode is uploaded.  CE1's registers stand 0x1000 behind CE0's.
 */
#include <errno.h>

#include "gpuvm/base/log.h"
#include "pv-driver/private.h"

int ce_start(struct drv *d, unsigned int n)
{
	uint32_t bit = n ? PMC_ENABLE_CE1 : PMC_ENABLE_CE0;
	uint32_t at = n * (NV_CE1_CPUCTL - NV_CE0_CPUCTL), version;

	mask32(d, NV_PMC_ENABLE, bit, 0);
	mask32(d, NV_PMC_ENABLE, 0, bit);
	rd32(d, NV_PMC_ENABLE);
	version = rd32(d, NV_CE0_FALCON_VERSION + at) & 0xf;
	if (version != 3) {
		log_error(d->cfg.log, "copy engine %u is a falcon of version %u, not 3", n,
			  version);
		return -EPROTO;
	}
	wr32(d, NV_CE0_INTR_CLR + at, ~0u);
	wr32(d, NV_CE0_DMACTL + at, 1);
	wr32(d, NV_CE0_ENTRY + at, 0);
	wr32(d, NV_CE0_CPUCTL + at, 2);
	wr32(d, NV_CE0_CTX_ENABLE + at, 3);
	wr32(d, NV_CE0_INDEX + at, n);
	d->info.engines |= n ? DRV_ENGINE_CE1 : DRV_ENGINE_CE0;
	return 0;
}
