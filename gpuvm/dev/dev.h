/* SPDX-License-Identifier: MIT */
/*
 * The device port: how the mediator, or a native driver, reaches one physical GPU.
 *
 * Two tables.  struct dev_io is hot (registers, VRAM, BARs) and is exactly
 * what the record and replay shims wrap; struct dev_ops is cold.  A call whose
 * capability is missing answers -EOPNOTSUPP and the caller takes another way;
 * no implementation may pretend.  Call the inline wrappers, never ->ops.
 *
 * Threads: one thread at a time calls into a dev (its owner).  The device may
 * have threads of its own; it tells of its progress only through interrupts
 * (irq_fd) and registers, as hardware does.  A store to a doorbell returns at
 * once.
 *
 * Implementations: dev/null.c (the worked example), dev/sim (software GF100),
 * dev/record.c and dev/replay.c (shims).
 */
#ifndef GPUVM_DEV_DEV_H
#define GPUVM_DEV_DEV_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpuvm/base/addr.h"

struct dev;
struct log;

enum dev_cap {
	DEV_CAP_IRQ_FD = 1 << 0,  /* irq_fd: without it the owner polls PMC_INTR on its tick */
	DEV_CAP_CLOCK = 1 << 1,	  /* advance: the device's clock is moved by hand */
	DEV_CAP_DMA_MAP = 1 << 2, /* dma_map: the device must be told where bus addresses live */
	DEV_CAP_VRAM_FD = 1 << 3, /* vram_fd: VRAM can be given to another process as memory */
	DEV_CAP_BUSY = 1 << 4,	  /* busy: the device knows what it worked for each channel */
};

/* What the device is.  Constant from open to close. */
struct dev_info {
	uint32_t boot0;
	uint64_t vram_len; /* bytes */
	uint64_t bar_len[6];
	uint32_t nr_chan;
	uint32_t nr_pbdma;
};

struct dev_io {
	/* BAR0 dword at reg (4-aligned, below GF100_MMIO_LEN). */
	uint32_t (*rd32)(struct dev *, uint32_t reg);
	void (*wr32)(struct dev *, uint32_t reg, uint32_t val);
	/*
	 * Bulk VRAM, any alignment.  -ERANGE, and nothing moved, if the range is
	 * not inside VRAM.  Ordered with the other calls of the same thread;
	 * not atomic against the GPU, but an aligned 8-byte word is stored whole:
	 * page-table entries are rewritten while the GPU may walk them.
	 */
	int (*vram_rd)(struct dev *, hvram_t at, void *buf, size_t len);
	int (*vram_wr)(struct dev *, hvram_t at, const void *buf, size_t len);
	/* Zeroes a range; an untouched range may stay without backing memory. */
	int (*vram_zero)(struct dev *, hvram_t at, uint64_t len);
	/* CPU access through an aperture, 1, 2, 4 or 8 bytes, naturally aligned; bar is 0, 1 or 3. */
	uint64_t (*bar_rd)(struct dev *, int bar, uint64_t off, int size);
	void (*bar_wr)(struct dev *, int bar, uint64_t off, int size, uint64_t val);
};

struct dev_ops {
	const char *name;
	uint32_t caps; /* enum dev_cap */
	void (*close)(struct dev *);
	/* The whole card back to its power-on state; VRAM contents are lost. */
	int (*reset)(struct dev *);
	/* The device's clock, ns, monotonic; PTIMER runs on it. */
	uint64_t (*now)(struct dev *);
	/* DEV_CAP_IRQ_FD: readable while the interrupt line is raised; the owner reads (drains) it, then serves. */
	int (*irq_fd)(struct dev *);
	/*
	 * Optional: a number that spares a busy owner reading irq_fd.  Odd while the line is being raised;
	 * even, and the one from before the last read: nothing was raised since.
	 */
	uint32_t (*irq_seq)(struct dev *);
	/*
	 * DEV_CAP_CLOCK: moves the clock on by ns.  Engines run to completion of
	 * what is due before it returns, so a test sees a settled device.
	 */
	int (*advance)(struct dev *, uint64_t ns);
	/*
	 * DEV_CAP_DMA_MAP: from now on bus addresses [at, at+len) are mem, which
	 * stays valid and of that length until dma_unmap.  Page-aligned.
	 * -EEXIST if the range overlaps a mapping.
	 */
	int (*dma_map)(struct dev *, dma_t at, void *mem, size_t len);
	/* On return the device no longer touches that memory, whatever it was doing. -ENOENT if not mapped so. */
	int (*dma_unmap)(struct dev *, dma_t at, size_t len);
	/*
	 * DEV_CAP_VRAM_FD: gives [at, at+len) (2 MiB aligned) a memory file of
	 * its own, with the bytes it had and nothing else; from now on device and
	 * holder of the fd see the same bytes.  The caller owns *fd.  Ranges given so are
	 * joined back (and zeroed) by vram_join.
	 */
	int (*vram_fd)(struct dev *, hvram_t at, uint64_t len, int *fd);
	int (*vram_join)(struct dev *, hvram_t at, uint64_t len);
	/*
	 * DEV_CAP_BUSY: the device's own time that went to channel chid (below
	 * info.nr_chan) so far, ns; never goes back while the device is open.  It
	 * grows while an engine or a PBDMA works for the channel and while one stands
	 * still for it (its semaphore, its error that waits for a handler); not while
	 * the channel waits for another one.  True up to the call, also for what runs.
	 *
	 * The software GPU counts processor time of its threads, so a host that
	 * runs them late takes nothing from anybody's share.  On a board device time
	 * is PTIMER's: an implementation puts a semaphore release with a timestamp
	 * behind each entry and takes the differences.
	 */
	int (*busy)(struct dev *, uint32_t chid, uint64_t *ns);
};

/* Embedded as first member by each implementation. */
struct dev {
	const struct dev_ops *ops;
	const struct dev_io *io;
	struct dev_info info;
	const struct log *log; /* borrowed; may be NULL */
};

/*
 * Opens a device by its text form, e.g. "sim", "sim:vram=1G",
 * "sim:vram=256M,clock=manual", "record:out.log,sim:vram=512M",
 * "replay:in.log", "null".  *out is set only on success; the caller owns it.
 * On error one line that names what is wrong goes to msg (n bytes).
 */
int dev_open(const char *spec, const struct log *log, struct dev **out, char *msg, size_t n);

/* Accepts NULL. */
static inline void dev_close(struct dev *d)
{
	if (d)
		d->ops->close(d);
}
static inline bool dev_has(const struct dev *d, enum dev_cap cap)
{
	return d->ops->caps & cap;
}
static inline uint32_t dev_rd32(struct dev *d, uint32_t reg)
{
	return d->io->rd32(d, reg);
}
static inline void dev_wr32(struct dev *d, uint32_t reg, uint32_t val)
{
	d->io->wr32(d, reg, val);
}
static inline int dev_vram_rd(struct dev *d, hvram_t at, void *buf, size_t len)
{
	return d->io->vram_rd(d, at, buf, len);
}
static inline int dev_vram_wr(struct dev *d, hvram_t at, const void *buf, size_t len)
{
	return d->io->vram_wr(d, at, buf, len);
}
static inline int dev_vram_zero(struct dev *d, hvram_t at, uint64_t len)
{
	return d->io->vram_zero(d, at, len);
}
static inline uint64_t dev_bar_rd(struct dev *d, int bar, uint64_t off, int size)
{
	return d->io->bar_rd(d, bar, off, size);
}
static inline void dev_bar_wr(struct dev *d, int bar, uint64_t off, int size, uint64_t val)
{
	d->io->bar_wr(d, bar, off, size, val);
}
static inline int dev_reset(struct dev *d)
{
	return d->ops->reset(d);
}
static inline uint64_t dev_now(struct dev *d)
{
	return d->ops->now(d);
}
static inline int dev_irq_fd(struct dev *d)
{
	return dev_has(d, DEV_CAP_IRQ_FD) ? d->ops->irq_fd(d) : -EOPNOTSUPP;
}
/* As dev_ops says; odd, which is "look", of a device that does not tell. */
static inline uint32_t dev_irq_seq(struct dev *d)
{
	return d->ops->irq_seq ? d->ops->irq_seq(d) : 1;
}
static inline int dev_advance(struct dev *d, uint64_t ns)
{
	return dev_has(d, DEV_CAP_CLOCK) ? d->ops->advance(d, ns) : -EOPNOTSUPP;
}
static inline int dev_dma_map(struct dev *d, dma_t at, void *mem, size_t len)
{
	return dev_has(d, DEV_CAP_DMA_MAP) ? d->ops->dma_map(d, at, mem, len) : -EOPNOTSUPP;
}
static inline int dev_dma_unmap(struct dev *d, dma_t at, size_t len)
{
	return dev_has(d, DEV_CAP_DMA_MAP) ? d->ops->dma_unmap(d, at, len) : -EOPNOTSUPP;
}
static inline int dev_vram_fd(struct dev *d, hvram_t at, uint64_t len, int *fd)
{
	return dev_has(d, DEV_CAP_VRAM_FD) ? d->ops->vram_fd(d, at, len, fd) : -EOPNOTSUPP;
}
static inline int dev_vram_join(struct dev *d, hvram_t at, uint64_t len)
{
	return dev_has(d, DEV_CAP_VRAM_FD) ? d->ops->vram_join(d, at, len) : -EOPNOTSUPP;
}
static inline int dev_busy(struct dev *d, uint32_t chid, uint64_t *ns)
{
	return dev_has(d, DEV_CAP_BUSY) ? d->ops->busy(d, chid, ns) : -EOPNOTSUPP;
}

#endif
