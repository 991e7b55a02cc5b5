// SPDX-License-Identifier: MIT
/*
 * How long from the doorbell to the completion interrupt of a push buffer
 * that holds nothing but its fence?  Native, and as a fully virtualized guest
 * (where the doorbell traps and the scheduler stands between).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/dev/dev.h"
#include "pv-driver/bus.h"
#include "pv-driver/drv.h"

#define ROUNDS 2000

static int probe(struct drv *drv, double *median_us)
{
	static double v[ROUNDS];
	struct drv_vas *vas;
	struct drv_chan *chan;

	if (drv_vas_new(drv, &vas) || drv_chan_new(vas, DRV_ENGINE_GR, &chan))
		return -1;
	for (int i = 0; i < ROUNDS; i++) {
		struct drv_push p;
		struct drv_fence f;
		uint64_t t;

		if (drv_push_begin(chan, 0, &p))
			return -1;
		t = clock_ns();
		if (drv_push_end(&p, &f) || drv_fence_wait(&f, DRV_WAIT_IRQ, 0))
			return -1;
		v[i] = (double)(clock_ns() - t) / 1000;
	}
	*median_us = bench_median(v, ROUNDS);
	drv_chan_free(chan);
	drv_vas_free(vas);
	return 0;
}

static int open_bus(struct dev **dev, struct bus **bus, char *msg, size_t n)
{
	const char *native = getenv("GPUVM_NATIVE");
	int err;

	*dev = NULL;
	if (!native)
		return bus_guest_open(bus, msg, n);
	err = dev_open(native, NULL, dev, msg, n);
	return err ? err : bus_native_open(*dev, bus);
}

int bench_doorbell_probe(void)
{
	struct dev *dev = NULL;
	struct bus *bus = NULL;
	struct drv *drv = NULL;
	char msg[300] = "";
	double us = 0;
	int err = open_bus(&dev, &bus, msg, sizeof msg);

	if (!err)
		err = drv_open(bus, NULL, &drv, msg, sizeof msg);
	if (!err)
		err = probe(drv, &us);
	drv_close(drv);
	bus_close(bus);
	dev_close(dev);
	if (err) {
		fprintf(stderr, "gpuvm-bench: doorbell: %s\n", msg[0] ? msg : "the driver failed");
		return 1;
	}
	printf("{\"median_us\": %.3f}\n", us);
	return 0;
}

static int probe_mode(struct bench *b, const char *mode, double *us)
{
	char self[4200];
	int code;
	json_t *r;

	snprintf(self, sizeof self, "%s/gpuvm-bench", b->bin);
	r = child_json(b,
		       (char *[]){ (char *)"gpuvm", (char *)"run", (char *)"--private",
				   (char *)"--mode", (char *)mode, (char *)"--", self,
				   (char *)"doorbell-probe", NULL },
		       &code);
	if (!r || code)
		return -1;
	*us = json_real_value(json_object_get(r, "median_us"));
	json_decref(r);
	return 0;
}

int bench_doorbell(struct bench *b)
{
	static const struct {
		const char *mode, *name;
	} row[] = {
		{ "native", "doorbell to interrupt, native" },
		{ "passthrough", "doorbell to interrupt, passthrough" },
		{ "full", "doorbell to interrupt, full" },
		{ "full,lazy", "doorbell to interrupt, full-lazy" },
		{ "full,track", "doorbell to interrupt, full-track" },
		{ "full,best", "doorbell to interrupt, full-best" },
	};
	double us[sizeof row / sizeof row[0]];

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		if (probe_mode(b, row[i].mode, &us[i])) {
			fprintf(stderr, "gpuvm-bench: doorbell: mode %s failed\n", row[i].mode);
			return 1;
		}
		bench_row(b, &(struct bench_result){ .name = row[i].name,
						     .unit = "us",
						     .value = us[i],
						     .floor = us[0],
						     .floor_name = "native",
						     .ratio = us[i] / us[0],
						     .target_kind = ' ' });
	}
	return 0;
}
