/* SPDX-License-Identifier: MIT */
/*
 * A software GPU with the driver on it, and a little GPU-side arithmetic, for the driver's tests.
 */
#ifndef TESTS_UNIT_DRV_GPU_H
#define TESTS_UNIT_DRV_GPU_H

#include <string.h>

#include "gpuvm/dev/dev.h"
#include "gpuvm/fermi/methods.h"
#include "pv-driver/bus.h"
#include "pv-driver/drv.h"
#include "pv-driver/private.h"
#include "tests/t.h"

#define GPU_SPEC "sim:vram=256M"
#define SECOND 1000000000ull

struct gpu {
	struct dev *dev;
	struct bus *bus;
	struct drv *drv;
};

static inline void gpu_bus(struct gpu *g)
{
	char msg[256];

	assert_int_equal(dev_open(GPU_SPEC, NULL, &g->dev, msg, sizeof(msg)), 0);
	assert_int_equal(bus_native_open(g->dev, &g->bus), 0);
}

/*
 * cfg's timeout is raised: a loaded machine may be slow, a wait that is to end never takes so long.
 */
static inline void gpu_up(struct gpu *g, const struct drv_cfg *cfg)
{
	struct drv_cfg c = cfg ? *cfg : (struct drv_cfg){ 0 };
	char msg[256];

	if (!c.timeout_ns)
		c.timeout_ns = 60 * SECOND;
	gpu_bus(g);
	if (drv_open(g->bus, &c, &g->drv, msg, sizeof(msg)))
		fail_msg("drv_open: %s", msg);
}

static inline void gpu_down(struct gpu *g)
{
	drv_close(g->drv);
	bus_close(g->bus);
	dev_close(g->dev);
	memset(g, 0, sizeof(*g));
}

/* xorshift: the same data in each run. */
static inline uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static inline void fill(void *buf, size_t len, uint64_t seed)
{
	uint8_t *p = buf;

	seed = seed * 0x9e3779b97f4a7c15ull | 1;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(rnd(&seed) >> 24);
}

/* The directory's own walk, on bytes of VRAM: nothing of the driver's bookkeeping. */
static inline int walk_vram(struct gpu *g, uint64_t pdb, uint64_t va, uint64_t *pte,
			    uint32_t *shift)
{
	uint64_t pde, in = va & ((1ull << 27) - 1), n;

	assert_int_equal(dev_vram_rd(g->dev, hvram(pdb + (va >> 27) * 8), &pde, 8), 0);
	n = in >> 12;
	if (pde_small_target(pde) == PDE_VRAM && n < 32768u >> pde_size_shift(pde)) {
		*shift = 12;
		assert_int_equal(dev_vram_rd(g->dev, hvram(pde_small_addr(pde) + n * 8), pte, 8),
				 0);
		if (*pte & PTE_PRESENT)
			return 0;
	}
	n = in >> 17;
	if (pde_large_target(pde) == PDE_VRAM && n < 1024u >> pde_size_shift(pde)) {
		*shift = 17;
		assert_int_equal(dev_vram_rd(g->dev, hvram(pde_large_addr(pde) + n * 8), pte, 8),
				 0);
		if (*pte & PTE_PRESENT)
			return 0;
	}
	return -1;
}

#endif
