// SPDX-License-Identifier: MIT
/*
 * The null device: no GPU, and the worked example of a device port.
 *
 * Always true: registers are plain storage, VRAM is a small array, nothing
 * ever happens by itself.  It has no capability, so each optional call
 * answers -EOPNOTSUPP and whoever uses it must take the other way.
 */
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/dev/impl.h"
#include "gpuvm/fermi/regs.h"

/* Enough for a few instance blocks and page tables. */
#define NULL_VRAM_LEN (1u << 20)

struct null_dev {
	struct dev dev; /* first */
	uint32_t *regs; /* owned, GF100_MMIO_LEN bytes */
	uint8_t *vram;	/* owned, NULL_VRAM_LEN bytes */
};

static struct null_dev *null_of(struct dev *d)
{
	return container_of(d, struct null_dev, dev);
}

static uint32_t null_rd32(struct dev *d, uint32_t reg)
{
	return reg < GF100_MMIO_LEN ? null_of(d)->regs[reg / 4] : 0;
}

static void null_wr32(struct dev *d, uint32_t reg, uint32_t val)
{
	if (reg < GF100_MMIO_LEN)
		null_of(d)->regs[reg / 4] = val;
}

static int null_vram_rd(struct dev *d, hvram_t at, void *buf, size_t len)
{
	if (!range_ok(hvram_x(at), len, NULL_VRAM_LEN))
		return -ERANGE;
	memcpy(buf, null_of(d)->vram + hvram_x(at), len);
	return 0;
}

static int null_vram_wr(struct dev *d, hvram_t at, const void *buf, size_t len)
{
	if (!range_ok(hvram_x(at), len, NULL_VRAM_LEN))
		return -ERANGE;
	memcpy(null_of(d)->vram + hvram_x(at), buf, len);
	return 0;
}

static int null_vram_zero(struct dev *d, hvram_t at, uint64_t len)
{
	if (!range_ok(hvram_x(at), len, NULL_VRAM_LEN))
		return -ERANGE;
	memset(null_of(d)->vram + hvram_x(at), 0, len);
	return 0;
}

/*
 * What an aperture shows at off: registers through BAR0, VRAM itself through the others; NULL
 * beyond.
 */
static uint8_t *null_bar(struct null_dev *n, int bar, uint64_t off, int size)
{
	if (size < 1 || size > 8 || !is_aligned(off, (uint64_t)size))
		return NULL;
	if (bar == 0)
		return range_ok(off, (uint64_t)size, GF100_MMIO_LEN) ? (uint8_t *)n->regs + off
								     : NULL;
	return range_ok(off, (uint64_t)size, NULL_VRAM_LEN) ? n->vram + off : NULL;
}

static uint64_t null_bar_rd(struct dev *d, int bar, uint64_t off, int size)
{
	uint8_t *p = null_bar(null_of(d), bar, off, size);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, (size_t)size);
	return v;
}

static void null_bar_wr(struct dev *d, int bar, uint64_t off, int size, uint64_t val)
{
	uint8_t *p = null_bar(null_of(d), bar, off, size);

	if (p)
		memcpy(p, &val, (size_t)size);
}

static int null_reset(struct dev *d)
{
	struct null_dev *n = null_of(d);

	memset(n->vram, 0, NULL_VRAM_LEN);
	memset(n->regs, 0, GF100_MMIO_LEN);
	n->regs[NV_PMC_BOOT_0 / 4] = GF100_BOOT_0;
	return 0;
}

static uint64_t null_now(struct dev *d)
{
	(void)d;
	return clock_ns();
}

static void null_close(struct dev *d)
{
	struct null_dev *n = null_of(d);

	mem_free(n->vram);
	mem_free(n->regs);
	mem_free(n);
}

static const struct dev_io null_io = {
	.rd32 = null_rd32,
	.wr32 = null_wr32,
	.vram_rd = null_vram_rd,
	.vram_wr = null_vram_wr,
	.vram_zero = null_vram_zero,
	.bar_rd = null_bar_rd,
	.bar_wr = null_bar_wr,
};

static const struct dev_ops null_ops = {
	.name = "null",
	.close = null_close,
	.reset = null_reset,
	.now = null_now,
};

int null_open(const char *arg, const struct log *log, struct dev **out, char *msg, size_t n)
{
	struct null_dev *d;

	if (*arg) {
		snprintf(msg, n, "null: takes no options");
		return -EINVAL;
	}
	d = mem_new(struct null_dev);
	if (!d)
		goto err;
	d->dev.ops = &null_ops;
	d->dev.io = &null_io;
	d->dev.log = log;
	d->dev.info = (struct dev_info){
		.boot0 = GF100_BOOT_0,
		.vram_len = NULL_VRAM_LEN,
		.bar_len = { GF100_BAR0_LEN, GF100_BAR1_LEN, 0, GF100_BAR3_LEN },
		.nr_chan = GF100_NR_CHAN,
		.nr_pbdma = GF100_NR_PBDMA,
	};
	d->regs = mem_calloc(1, GF100_MMIO_LEN);
	d->vram = mem_calloc(1, NULL_VRAM_LEN);
	if (!d->regs || !d->vram)
		goto err;
	d->regs[NV_PMC_BOOT_0 / 4] = GF100_BOOT_0;
	*out = &d->dev;
	return 0;
err:
	snprintf(msg, n, "null: out of memory");
	if (d)
		null_close(&d->dev);
	return -ENOMEM;
}
