// SPDX-License-Identifier: MIT
/*
 * What does an idle virtual GPU cost the mediator?  Guests are attached to a
 * mediator in this process one after the other; the growth of its anonymous
 * memory plus what the guests' shared memory files really hold is divided by
 * their number.  The bound is absolute (1 MiB), so the floor column shows it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/process.h"

#define GUESTS 16
#define BOUND (1 << 20)

/* Anonymous memory of this process, bytes; 0 on failure. */
static uint64_t anonymous(void)
{
	unsigned long kib = 0;
	char line[200];
	FILE *f = fopen("/proc/self/smaps_rollup", "r");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "Anonymous: %lu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return (uint64_t)kib << 10;
}

static uint64_t held(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

static int attach(struct hv *hv, int i, uint64_t *shared, int *life)
{
	struct vgpu_cfg vcfg = { .mode = VGPU_FULL, .vram_len = 32ull << 20 };
	struct hv_process_cfg cfg = { .ram_len = 1ull << 30, .posted = true, .cfg = &vcfg };
	struct hv_process_fds fds;
	struct hv_guest *guest;
	char name[16];
	int err;

	snprintf(name, sizeof name, "idle%d", i);
	cfg.name = name;
	cfg.bar_len[0] = GF100_BAR0_LEN;
	cfg.bar_len[1] = GF100_BAR1_LEN;
	cfg.bar_len[3] = GF100_BAR3_LEN;
	err = hv_process_guest_new(hv, &cfg, &guest, &fds);
	if (err)
		return err;
	*shared += held(fds.ring) + held(fds.ram);
	*life = fds.life;
	close(fds.ring);
	close(fds.ram);
	close(fds.irq);
	close(fds.kick);
	return 0;
}

static int measure(struct gpuvm *g, struct hv *hv, double *per_guest)
{
	uint64_t shared = 0, before, next;
	int life[GUESTS], err = 0, n = 0;

	/* The first guest also pays for what all share. */
	err = attach(hv, GUESTS, &shared, &life[0]);
	if (err)
		return err;
	close(life[0]);
	shared = 0;
	before = anonymous();
	for (; n < GUESTS && !err; n++)
		err = attach(hv, n, &shared, &life[n]);
	gpuvm_step(g, dev_now(g->dev), &next);
	*per_guest = (double)(anonymous() - before + shared) / GUESTS;
	for (int i = 0; i < n; i++)
		close(life[i]);
	return err;
}

int bench_idle(struct bench *b)
{
	struct gpuvm_cfg cfg = { 0 };
	struct gpuvm *g = NULL;
	struct dev *dev;
	struct hv *hv;
	double bytes = 0;
	char msg[200];
	int err;

	err = dev_open("sim:vram=1G", NULL, &dev, msg, sizeof msg);
	if (!err)
		err = gpuvm_new(dev, &cfg, &g, msg, sizeof msg);
	if (!err)
		err = hv_process_open(&gpuvm_up, g, NULL, &hv);
	if (!err) {
		gpuvm_set_hv(g, hv);
		err = measure(g, hv, &bytes);
	}
	gpuvm_free(g);
	if (err) {
		fprintf(stderr, "gpuvm-bench: idle: %s\n", strerror(-err));
		return 1;
	}
	bench_row(b, &(struct bench_result){ .name = "idle virtual GPU",
					     .unit = "KiB",
					     .value = bytes / 1024,
					     .floor = BOUND / 1024,
					     .floor_name = "the bound itself",
					     .ratio = bytes / BOUND,
					     .target = 1,
					     .target_kind = '<' });
	return 0;
}
