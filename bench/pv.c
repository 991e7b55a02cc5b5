// SPDX-License-Identifier: MIT
/*
 * What do paravirtual page-table calls cost, and what does batching gain?
 *
 * Gain: nanoseconds per entry in calls of N entries, against what the call's
 * two parts allow: a trap that is answered, once for N, and the mediator's work
 * on an entry, measured with no trap at all.  Mapping: 1 GiB of VRAM as pages
 * of 4 KiB through the driver, and a submission that uses the space, against the
 * same driver on the bare device.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/null.h"
#include "pv-driver/private.h"
#include "pv-driver/pv_call.h"

#define ENTRIES 4096u /* a small table of an eighth */
#define SAMPLES 31
#define PER_SAMPLE 20000u /* entries timed together */
#define MAP_LEN (1ull << 30)
#define MAP_ROUNDS 5

static const uint32_t sizes[] = { 1, 2, 8, 32, 128, 510, 512 };
#define NR_SIZES (sizeof sizes / sizeof sizes[0])

/* Page i of the guest's first MiB; odd rounds one page on, so that every entry changes. */
static uint64_t entry(uint32_t i, uint32_t round)
{
	return pte_pack(PTE_VRAM, (uint64_t)((i + round) % 256) << 12, PTE_PRESENT);
}

/* ---- the guest's half ---------------------------------------------------------------- */

static int open_drv(struct dev **dev, struct bus **bus, struct drv **d)
{
	const char *native = getenv("GPUVM_NATIVE");
	char msg[300] = "";
	int err;

	*dev = NULL;
	err = native ? dev_open(native, NULL, dev, msg, sizeof msg) : 0;
	if (!err)
		err = native ? bus_native_open(*dev, bus) : bus_guest_open(bus, msg, sizeof msg);
	if (!err)
		err = drv_open(*bus, NULL, d, msg, sizeof msg);
	if (err)
		fprintf(stderr, "gpuvm-bench: pv: %s\n", msg);
	return err;
}

/* One call that maps n entries from index.  list: what the entries are, made beforehand. */
static int map_n(struct drv *d, uint32_t table, uint32_t index, uint32_t n, const uint64_t *list)
{
	struct pv_op op = { .code = n > 1 ? PV_OP_MAP_LIST : PV_OP_MAP, .id = table, .index = index,
			    .count = n, .a = list[0] };
	int err;

	err = pv_add(d, &op, n > 1 ? list : NULL);
	return err ? err : pv_commit(d);
}

/* Nanoseconds per entry in calls of n. */
static double ns_per_entry(struct drv *d, uint32_t table, uint32_t n)
{
	uint32_t calls = PER_SAMPLE / n / (n == 1 ? 10 : 1), round = 0;
	static uint64_t list[2][ENTRIES];
	double v[SAMPLES];

	for (uint32_t i = 0; i < 2 * ENTRIES; i++)
		list[i / ENTRIES][i % ENTRIES] = entry(i % ENTRIES, i / ENTRIES);
	for (int s = 0; s < SAMPLES; s++) {
		uint64_t t = clock_ns();

		for (uint32_t c = 0; c < calls; c++, round++)
			if (map_n(d, table, c * n % (ENTRIES - n + 1), n, list[round % 2]))
				return 0;
		v[s] = (double)(clock_ns() - t) / calls / n;
	}
	return bench_median(v, SAMPLES);
}

/* A trap that is answered: a load of the call page. */
static double ns_per_trap(struct drv *d)
{
	double v[SAMPLES];
	uint32_t w;

	for (int s = 0; s < SAMPLES; s++) {
		uint64_t t = clock_ns();

		for (int i = 0; i < 200; i++)
			d->bus->ops->bar_rd(d->bus, 5, PV_REG_MAGIC, &w, sizeof w);
		v[s] = (double)(clock_ns() - t) / 200;
	}
	return bench_median(v, SAMPLES);
}

int bench_pv_probe(void)
{
	struct pv_op op = { .code = PV_OP_ALLOC, .index = PV_KIND_SMALL, .count = 3 };
	uint32_t table;
	double trap, least = 0;
	struct dev *dev;
	struct bus *bus;
	struct drv *d;

	if (open_drv(&dev, &bus, &d) || !d->pv || pv_ask(d, &op, &table))
		return 1;
	printf("{\"ns\": [");
	/*
	 * A load's waiter sleeps when both processes are put on one processor, which on a busy machine
	 * happens for a while: the floor is what a trap costs when they are not.
	 */
	for (size_t i = 0; i < NR_SIZES; i++) {
		trap = ns_per_trap(d);
		least = !i || trap < least ? trap : least;
		printf("%s%.3f", i ? ", " : "", ns_per_entry(d, table, sizes[i]));
	}
	printf("], \"trap\": %.2f}\n", least);
	op = (struct pv_op){ .code = PV_OP_FREE, .id = table };
	pv_ask(d, &op, &table);
	drv_close(d);
	bus_close(bus);
	dev_close(dev);
	return 0;
}

/* The GPU uses the address space: what is put off until then is done. */
static int use(struct drv_chan *chan)
{
	struct drv_fence f;
	struct drv_push p;

	return drv_push_begin(chan, 0, &p) || drv_push_end(&p, &f) || drv_fence_wait(&f, DRV_WAIT_POLL, 0);
}

int bench_pv_map_probe(void)
{
	struct drv_chan *chan;
	double map[MAP_ROUNDS], unmap[MAP_ROUNDS];
	struct drv_vas *v;
	struct drv_bo *bo;
	struct dev *dev;
	struct bus *bus;
	struct drv *d;
	uint64_t va, t;

	if (open_drv(&dev, &bus, &d) || drv_vas_new(d, &v) || drv_chan_new(v, DRV_ENGINE_GR, &chan) ||
	    drv_bo_new(d, MAP_LEN, DRV_BO_VRAM | DRV_BO_SMALL, &bo))
		return 1;
	for (int r = 0; r < MAP_ROUNDS; r++) {
		t = clock_ns();
		if (drv_vas_map(v, bo, 0, &va) || use(chan))
			return 1;
		map[r] = (double)(clock_ns() - t) / 1e6;
		t = clock_ns();
		if (drv_vas_unmap(v, va))
			return 1;
		unmap[r] = (double)(clock_ns() - t) / 1e6;
		/* Nothing of it is left in a shadow that was not looked at. */
		if (use(chan))
			return 1;
	}
	printf("{\"map_ms\": %.4f, \"unmap_ms\": %.4f}\n", bench_median(map, MAP_ROUNDS),
	       bench_median(unmap, MAP_ROUNDS));
	drv_bo_free(bo);
	drv_chan_free(chan);
	drv_vas_free(v);
	drv_close(d);
	bus_close(bus);
	dev_close(dev);
	return 0;
}

/* ---- the mediator's work, no trap --------------------------------------------------------- */

static void reg(struct hv_guest *hg, uint32_t off, uint32_t val)
{
	uint64_t v = val;

	hv_null_access(hg, HV_BAR_PV, off, 4, true, &v);
}

/* Calls with n entries in the ring at 0; the first operation of a fresh ring made table 1. */
static double work_rounds(struct hv_guest *hg, uint32_t n)
{
	uint8_t *ram = hv_null_ram(hg);
	struct pv_call *h = (struct pv_call *)ram;
	struct pv_op op = { .code = PV_OP_ALLOC, .index = PV_KIND_SMALL, .count = 3 };
	double v[SAMPLES];

	*h = (struct pv_call){ .nr = 1, .len = PV_OPS_OFF + 32, .res = 60000 };
	memcpy(ram + PV_OPS_OFF, &op, sizeof op);
	reg(hg, PV_REG_CALL, 1);
	if (h->error)
		return 0;
	h->len += n * 8;
	op = (struct pv_op){ .code = PV_OP_MAP_LIST, .id = 1, .count = n };
	memcpy(ram + PV_OPS_OFF, &op, sizeof op);
	for (uint32_t s = 0; s < SAMPLES; s++) {
		uint64_t spent = 0, t;

		for (uint32_t r = 0; r < 20; r++) {
			for (uint32_t i = 0; i < n; i++)
				((uint64_t *)(ram + PV_OPS_OFF + 32))[i] = entry(i, s * 20 + r);
			t = clock_ns();
			reg(hg, PV_REG_CALL, 2 + r);
			spent += clock_ns() - t;
			if (h->error)
				return 0;
		}
		v[s] = (double)spent / 20 / n;
	}
	return bench_median(v, SAMPLES);
}

static double ns_of_work(void)
{
	const struct vgpu_cfg vc = { .mode = VGPU_NAIVE_PV, .vram_len = 64 << 20, .pv_ops = UINT32_MAX };
	const struct gpuvm_cfg gc = { 0 };
	struct hv_guest *hg;
	struct gpuvm *g;
	struct dev *dev;
	struct hv *hv;
	char msg[200];
	double ns = 0;

	if (dev_open("sim:vram=256M", NULL, &dev, msg, sizeof msg) ||
	    gpuvm_new(dev, &gc, &g, msg, sizeof msg))
		return 0;
	if (!hv_null_open(&gpuvm_up, g, NULL, &hv)) {
		gpuvm_set_hv(g, hv);
		if (!hv_null_guest_new(hv, "bench", 1 << 20, &vc, &hg)) {
			reg(hg, PV_REG_DRV_VERSION, PV_VERSION);
			reg(hg, PV_REG_DRV_FEATURES, PV_FEAT_LIST | PV_FEAT_MULTICALL);
			reg(hg, PV_REG_RING_LEN, PV_RING_MAX);
			reg(hg, PV_REG_ENABLE, 1);
			ns = work_rounds(hg, ENTRIES);
		}
	}
	gpuvm_free(g);
	return ns;
}

/* ---- the suite ------------------------------------------------------------------------------ */

static json_t *probe(struct bench *b, const char *mode, const char *gpu, const char *what, int *code)
{
	char self[4200];

	snprintf(self, sizeof self, "%s/gpuvm-bench", b->bin);
	return child_json(b,
			  (char *[]){ (char *)"gpuvm", (char *)"run", (char *)"--private", (char *)"--gpu",
				      (char *)gpu, (char *)"--vram", (char *)"1200M", (char *)"--mode",
				      (char *)mode, (char *)"--", self, (char *)what, NULL },
			  code);
}

static int gain(struct bench *b)
{
	double work = ns_of_work(), trap, ns[NR_SIZES];
	int code = 0;
	json_t *r = probe(b, "naive-pv,multicall", "sim:vram=2G", "pv-probe", &code);

	if (!r || code || work == 0) {
		json_decref(r);
		return -1;
	}
	trap = json_real_value(json_object_get(r, "trap"));
	for (size_t i = 0; i < NR_SIZES; i++)
		ns[i] = json_real_value(json_array_get(json_object_get(r, "ns"), i));
	json_decref(r);
	for (size_t i = 0; i < NR_SIZES; i++) {
		double floor = trap / sizes[i] + work;
		double derived = (trap + work) / floor, got = ns[i] > 0 ? ns[0] / ns[i] : 0;
		bool judged = sizes[i] == 128 || sizes[i] == 510;
		char name[64];

		snprintf(name, sizeof name, "PV entry, %u in a call", sizes[i]);
		bench_row(b, &(struct bench_result){ .name = name, .unit = "ns", .value = ns[i],
						     .floor = floor, .floor_name = "trap / N + work, no trap",
						     .ratio = ns[i] / floor, .target_kind = ' ',
						     .options = "naive-pv,multicall" });
		snprintf(name, sizeof name, "PV batching gain, N = %u", sizes[i]);
		if (i)
			bench_row(b, &(struct bench_result){ .name = name, .unit = "x", .value = got,
							     .floor = derived,
							     .floor_name = "gain derived from trap and work",
							     .ratio = got / derived, .target = 0.8,
							     .target_kind = judged ? '>' : ' ',
							     .options = "naive-pv,multicall" });
	}
	return 0;
}

static int mapping(struct bench *b)
{
	static const struct {
		const char *mode, *name;
		double target;
	} runs[] = {
		{ "native", "", 0 },
		{ "naive-pv,multicall", "1 GiB in 4 KiB pages, multicall", 3 },
		{ "naive-pv", "1 GiB in 4 KiB pages, naive PV", 0 },
		{ "full", "1 GiB in 4 KiB pages, full", 0 },
		{ "full,best", "1 GiB in 4 KiB pages, full,best", 5 },
	};
	double native = 0;

	for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		int code = 0;
		json_t *r = probe(b, runs[i].mode, "sim:vram=2G", "pv-map-probe", &code);
		double ms = r ? json_real_value(json_object_get(r, "map_ms")) : 0;

		json_decref(r);
		if (code || ms <= 0)
			return -1;
		if (!i) {
			native = ms;
			continue;
		}
		bench_row(b, &(struct bench_result){ .name = runs[i].name, .unit = "ms", .value = ms,
						     .floor = native, .floor_name = "the driver, native",
						     .ratio = ms / native, .target = runs[i].target,
						     .target_kind = runs[i].target > 0 ? '<' : ' ',
						     .options = runs[i].mode });
	}
	return 0;
}

int bench_pv(struct bench *b)
{
	if (!gain(b) && !mapping(b))
		return 0;
	fprintf(stderr, "gpuvm-bench: pv: the guest failed\n");
	return 1;
}
