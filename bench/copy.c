// SPDX-License-Identifier: MIT
/*
 * How fast do the copy engines move data, against memcpy on the same machine?
 * VRAM to VRAM by copy engine 0, 64 MiB at a time, native; the floor copies
 * the same amount between two buffers of the same size, touched before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "gpuvm/base/bits.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/dev/dev.h"
#include "pv-driver/bus.h"
#include "pv-driver/drv.h"

#define LEN (64u << 20)
#define REPEAT_MAX 9

static double memcpy_rate(unsigned int repeat)
{
	double v[REPEAT_MAX];
	uint8_t *a = malloc(LEN), *b = malloc(LEN);

	if (!a || !b)
		exit(1);
	memset(a, 1, LEN);
	memset(b, 2, LEN);
	for (unsigned int i = 0; i < repeat; i++) {
		uint64_t t = clock_ns();

		memcpy(b, a, LEN);
		/* The copy must happen although nobody reads b. */
		__asm__ volatile("" : : "r"(b) : "memory");
		v[i] = LEN / (double)(clock_ns() - t);
	}
	free(a);
	free(b);
	return bench_median(v, repeat);
}

struct gpu {
	struct dev *dev;
	struct bus *bus;
	struct drv *drv;
	struct drv_vas *vas;
	struct drv_chan *chan;
	struct drv_bo *src, *dst;
	uint64_t src_va, dst_va;
};

static int gpu_open(struct gpu *g)
{
	char msg[200];

	if (dev_open("sim:vram=512M", NULL, &g->dev, msg, sizeof msg) ||
	    bus_native_open(g->dev, &g->bus) || drv_open(g->bus, NULL, &g->drv, msg, sizeof msg) ||
	    drv_vas_new(g->drv, &g->vas) ||
	    drv_chan_new(g->vas, DRV_ENGINE_GR | DRV_ENGINE_CE0, &g->chan) ||
	    drv_bo_new(g->drv, LEN, DRV_BO_VRAM, &g->src) ||
	    drv_bo_new(g->drv, LEN, DRV_BO_VRAM, &g->dst) ||
	    drv_vas_map(g->vas, g->src, 0, &g->src_va) || drv_vas_map(g->vas, g->dst, 0, &g->dst_va))
		return -1;
	return 0;
}

/* Sparse VRAM reads as one shared page of zeros, which would flatter the engine: fill the source. */
static int fill_source(struct gpu *g)
{
	static uint64_t piece[1 << 17];
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(piece); i++)
		piece[i] = i * 0x9e3779b97f4a7c15ull;
	for (uint64_t at = 0; !err && at < LEN; at += sizeof piece)
		err = drv_bo_wr(g->src, at, piece, sizeof piece);
	return err;
}

static void gpu_close(struct gpu *g)
{
	drv_chan_free(g->chan);
	drv_close(g->drv);
	bus_close(g->bus);
	dev_close(g->dev);
}

static int one_copy(struct gpu *g, bool m2mf)
{
	struct drv_fence f;
	int err = m2mf ? drv_copy_m2mf(g->chan, g->dst_va, g->src_va, LEN, &f) :
			 drv_copy_ce(g->chan, 0, g->dst_va, g->src_va, LEN, &f);

	return err ? err : drv_fence_wait(&f, DRV_WAIT_IRQ, 20000000000ull);
}

static double engine_rate(struct gpu *g, bool m2mf, unsigned int repeat)
{
	double v[REPEAT_MAX];

	if (one_copy(g, m2mf)) /* touches the memory */
		return 0;
	for (unsigned int i = 0; i < repeat; i++) {
		uint64_t t = clock_ns();

		if (one_copy(g, m2mf))
			return 0;
		v[i] = LEN / (double)(clock_ns() - t);
	}
	return bench_median(v, repeat);
}

int bench_copy(struct bench *b)
{
	unsigned int repeat = b->quick ? 3 : REPEAT_MAX;
	static const char *const name[2] = { "copy engine 0, VRAM to VRAM", "M2MF, VRAM to VRAM" };
	struct gpu g = { 0 };
	int err = gpu_open(&g);

	if (!err)
		err = fill_source(&g);
	for (int m2mf = 0; !err && m2mf < 2; m2mf++) {
		double floor = memcpy_rate(repeat), rate = engine_rate(&g, m2mf, repeat);

		if (rate == 0)
			err = -1;
		else
			bench_row(b, &(struct bench_result){ .name = name[m2mf],
							     .unit = "GB/s",
							     .value = rate,
							     .floor = floor,
							     .floor_name = "memcpy of 64 MiB",
							     .ratio = rate / floor,
							     .target = 0.7,
							     .target_kind = '>' });
	}
	if (err)
		fprintf(stderr, "gpuvm-bench: copy: the native driver failed\n");
	gpu_close(&g);
	return err ? 1 : 0;
}
