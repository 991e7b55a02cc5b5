// SPDX-License-Identifier: MIT
/*
 * The guest of `gpuvm-bench sched`: copies of one length in a loop, one
 * after the other, through the driver, for a while.  Prints how many.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/sched.h"
#include "gpuvm/base/clock.h"
#include "pv-driver/bus.h"
#include "pv-driver/drv.h"

static int copy_loop(struct drv *drv, uint64_t bytes, double seconds, uint64_t *copies)
{
	uint64_t va[2], end = clock_ns() + (uint64_t)(seconds * 1e9);
	struct drv_bo *bo[2];
	struct drv_vas *vas;
	struct drv_chan *chan;
	int err = drv_vas_new(drv, &vas);

	for (int i = 0; i < 2 && !err; i++) {
		err = drv_bo_new(drv, bytes, DRV_BO_VRAM, &bo[i]);
		if (!err)
			err = drv_vas_map(vas, bo[i], 0, &va[i]);
	}
	if (!err)
		err = drv_chan_new(vas, DRV_ENGINE_GR, &chan);
	while (!err && clock_ns() < end) {
		struct drv_fence f;

		err = drv_copy_m2mf(chan, va[1], va[0], bytes, &f);
		/* An unfair policy may let it wait for long. */
		if (!err)
			err = drv_fence_wait(&f, DRV_WAIT_IRQ, 30000000000ull);
		*copies += !err;
	}
	return err; /* drv_close() frees the rest */
}

int bench_sched_probe(int argc, char **argv)
{
	const struct drv_cfg cfg = { .timeout_ns = 30000000000ull };
	struct bus *bus = NULL;
	struct drv *drv = NULL;
	uint64_t copies = 0;
	char msg[300] = "";
	int err;

	if (argc != 2)
		return 2;
	err = bus_guest_open(&bus, msg, sizeof msg);
	if (!err)
		err = drv_open(bus, &cfg, &drv, msg, sizeof msg);
	if (!err)
		err = copy_loop(drv, strtoull(argv[0], NULL, 10), strtod(argv[1], NULL), &copies);
	drv_close(drv);
	bus_close(bus);
	if (err) {
		fprintf(stderr, "gpuvm-bench: sched-probe: %s\n", msg[0] ? msg : "the driver failed");
		return 1;
	}
	printf("{\"copies\": %llu}\n", (unsigned long long)copies);
	return 0;
}
