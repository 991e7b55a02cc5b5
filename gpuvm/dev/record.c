// SPDX-License-Identifier: MIT
/*
 * Recording: a device around a device that writes down each call with its
 * answer, each interrupt, and what the device wrote to bus memory.
 *
 * Always true:
 *  1. `lock` is held around each call of the inner device and around each
 *     record, so an interrupt stands in the file between the two calls between
 *     which it was passed on.
 *  2. The owner's interrupt file is ours, not the inner device's: an edge is
 *     passed on only after it, and all memory the device wrote before it, is
 *     in the file.
 *  3. VRAM is never given away as memory (no DEV_CAP_VRAM_FD): what somebody
 *     does there without a call could not be recorded.
 *  4. A full disk ends the recording, not the run.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/busmem.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/dev/impl.h"
#include "gpuvm/dev/reclog.h"
#include "gpuvm/dev/recording.h"

struct record {
	struct dev dev;	    /* first */
	struct dev_ops ops; /* caps follow the inner device's */
	struct dev *inner;  /* owned */
	pthread_mutex_t lock;
	struct reclog_w *log; /* owned; NULL while opening */
	int err;	      /* first error of the file */
	struct list mem;      /* of struct busmem: what is mapped */
	int inner_irq;	      /* borrowed from inner; -1 if it has none */
	int irq_fd, stop_fd;  /* owned; -1 if inner has no interrupt file */
	pthread_t thread;     /* passes interrupts on while no call is under way */
	bool has_thread;
};

static struct record *record_of(struct dev *d)
{
	return container_of(d, struct record, dev);
}

static void put(struct record *r, const struct rec *rec)
{
	int err;

	if (r->err || !r->log)
		return;
	err = reclog_put(r->log, rec);
	if (err < 0) {
		r->err = err;
		log_error(r->dev.log, "record: %s; recording stopped", strerror(-err));
	}
}

static void put_change(void *ctx, dma_t at, const void *data, size_t len)
{
	put(ctx, &(struct rec){ .kind = REC_MEM, .arg = { dma_x(at), len }, .data = data });
}

static void put_changes(struct record *r)
{
	struct busmem *b;

	list_for_each(b, &r->mem, node)
		busmem_changes(b, put_change, r);
}

/* Passes a raised interrupt on.  Lock held. */
static void pass_irq(struct record *r)
{
	uint64_t count;

	if (r->inner_irq < 0 || read(r->inner_irq, &count, sizeof(count)) != sizeof(count))
		return;
	put_changes(r);
	put(r, &(struct rec){ .kind = REC_IRQ, .arg = { count } });
	/* Fails only if the owner left 2^64 edges unread; it is readable then anyway. */
	if (write(r->irq_fd, &count, sizeof(count)) < 0)
		log_debug(r->dev.log, "record: interrupt file: %s", strerror(errno));
}

static void *irq_thread(void *arg)
{
	struct record *r = arg;

	for (;;) {
		struct pollfd p[2] = { { .fd = r->inner_irq, .events = POLLIN },
				       { .fd = r->stop_fd, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		pthread_mutex_lock(&r->lock);
		pass_irq(r);
		pthread_mutex_unlock(&r->lock);
	}
}

static struct record *begin(struct dev *d)
{
	struct record *r = record_of(d);

	pthread_mutex_lock(&r->lock);
	return r;
}

/* Writes the call down; an interrupt that came while it ran follows it. */
static void end(struct record *r, const struct rec *rec)
{
	put(r, rec);
	pass_irq(r);
	pthread_mutex_unlock(&r->lock);
}

static uint32_t record_rd32(struct dev *d, uint32_t reg)
{
	struct record *r = begin(d);
	uint32_t v = dev_rd32(r->inner, reg);

	end(r, &(struct rec){ .kind = REC_RD32, .arg = { reg }, .ret = v });
	return v;
}

static void record_wr32(struct dev *d, uint32_t reg, uint32_t val)
{
	struct record *r = begin(d);

	dev_wr32(r->inner, reg, val);
	end(r, &(struct rec){ .kind = REC_WR32, .arg = { reg, val } });
}

/* An int answer as a record keeps it. */
static uint64_t ret_of(int v)
{
	return (uint64_t)(int64_t)v;
}

static int record_vram_rd(struct dev *d, hvram_t at, void *buf, size_t len)
{
	struct record *r = begin(d);
	int v = dev_vram_rd(r->inner, at, buf, len);

	end(r, &(struct rec){ .kind = REC_VRAM_RD, .arg = { hvram_x(at), len }, .ret = ret_of(v),
			      .data = buf });
	return v;
}

static int record_vram_wr(struct dev *d, hvram_t at, const void *buf, size_t len)
{
	struct record *r = begin(d);
	int v = dev_vram_wr(r->inner, at, buf, len);

	end(r, &(struct rec){ .kind = REC_VRAM_WR, .arg = { hvram_x(at), len }, .ret = ret_of(v),
			      .data = buf });
	return v;
}

static int record_vram_zero(struct dev *d, hvram_t at, uint64_t len)
{
	struct record *r = begin(d);
	int v = dev_vram_zero(r->inner, at, len);

	end(r, &(struct rec){ .kind = REC_VRAM_ZERO, .arg = { hvram_x(at), len },
			      .ret = ret_of(v) });
	return v;
}

static uint64_t record_bar_rd(struct dev *d, int bar, uint64_t off, int size)
{
	struct record *r = begin(d);
	uint64_t v = dev_bar_rd(r->inner, bar, off, size);

	end(r, &(struct rec){ .kind = REC_BAR_RD,
			      .arg = { (unsigned int)bar, off, (unsigned int)size },
			      .ret = v });
	return v;
}

static void record_bar_wr(struct dev *d, int bar, uint64_t off, int size, uint64_t val)
{
	struct record *r = begin(d);

	dev_bar_wr(r->inner, bar, off, size, val);
	end(r, &(struct rec){ .kind = REC_BAR_WR,
			      .arg = { (unsigned int)bar, off, (unsigned int)size, val } });
}

static int record_reset(struct dev *d)
{
	struct record *r = begin(d);
	int v = dev_reset(r->inner);

	end(r, &(struct rec){ .kind = REC_RESET, .ret = ret_of(v) });
	return v;
}

static uint64_t record_now(struct dev *d)
{
	struct record *r = begin(d);
	uint64_t v = dev_now(r->inner);

	end(r, &(struct rec){ .kind = REC_NOW, .ret = v });
	return v;
}

/* Constant from open to close, like the device's info: not a call to be recorded. */
static int record_irq_fd(struct dev *d)
{
	return record_of(d)->irq_fd;
}

static int record_advance(struct dev *d, uint64_t ns)
{
	struct record *r = begin(d);
	int v = dev_advance(r->inner, ns);

	put(r, &(struct rec){ .kind = REC_ADVANCE, .arg = { ns }, .ret = ret_of(v) });
	put_changes(r);
	pass_irq(r);
	pthread_mutex_unlock(&r->lock);
	return v;
}

/* Nothing between an answer and an error: who asks only knows that the time is known. */
static int record_busy(struct dev *d, uint32_t chid, uint64_t *ns)
{
	struct record *r = begin(d);
	int v = dev_busy(r->inner, chid, ns);

	if (v)
		*ns = 0;
	end(r, &(struct rec){ .kind = REC_BUSY, .arg = { chid }, .ret = *ns });
	return 0;
}

static int record_dma_map(struct dev *d, dma_t at, void *mem, size_t len)
{
	struct record *r = begin(d);
	struct busmem *b = NULL;
	int v = busmem_new(at, mem, len, true, &b);

	if (v == 0)
		v = dev_dma_map(r->inner, at, mem, len);
	if (v == 0)
		list_add_tail(&r->mem, &b->node);
	else
		busmem_free(b);
	end(r, &(struct rec){ .kind = REC_DMA_MAP, .arg = { dma_x(at), len }, .ret = ret_of(v) });
	return v;
}

static int record_dma_unmap(struct dev *d, dma_t at, size_t len)
{
	struct record *r = begin(d);
	int v = dev_dma_unmap(r->inner, at, len);
	struct busmem *b = v == 0 ? busmem_find(&r->mem, dma_x(at), len) : NULL;

	put(r, &(struct rec){ .kind = REC_DMA_UNMAP, .arg = { dma_x(at), len }, .ret = ret_of(v) });
	/* The last the device wrote there; replay still has the mapping when it comes to this. */
	if (b)
		busmem_changes(b, put_change, r);
	busmem_free(b);
	pass_irq(r);
	pthread_mutex_unlock(&r->lock);
	return v;
}

static void record_close(struct dev *d)
{
	struct record *r = record_of(d);
	uint64_t one = 1;
	struct busmem *b, *tmp;
	int err;

	if (r->has_thread) {
		/* A fresh eventfd has room for 1. */
		while (write(r->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(r->thread, NULL);
	}
	if (r->log)
		pass_irq(r);
	err = reclog_finish(r->log);
	if (err < 0 && !r->err)
		log_error(r->dev.log, "record: %s; the recording is not complete", strerror(-err));
	dev_close(r->inner);
	if (r->irq_fd >= 0)
		close(r->irq_fd);
	if (r->stop_fd >= 0)
		close(r->stop_fd);
	list_for_each_safe(b, tmp, &r->mem, node)
		busmem_free(b);
	pthread_mutex_destroy(&r->lock);
	mem_free(r);
}

int record_status(const struct dev *d)
{
	struct record *r = container_of(d, struct record, dev);
	int err;

	if (d->ops->close != record_close)
		return -EINVAL;
	pthread_mutex_lock(&r->lock);
	err = r->err;
	pthread_mutex_unlock(&r->lock);
	return err;
}

static const struct dev_io record_io = {
	.rd32 = record_rd32,
	.wr32 = record_wr32,
	.vram_rd = record_vram_rd,
	.vram_wr = record_vram_wr,
	.vram_zero = record_vram_zero,
	.bar_rd = record_bar_rd,
	.bar_wr = record_bar_wr,
};

static const struct dev_ops record_ops = {
	.name = "record",
	.close = record_close,
	.reset = record_reset,
	.now = record_now,
	.irq_fd = record_irq_fd,
	.advance = record_advance,
	.dma_map = record_dma_map,
	.dma_unmap = record_dma_unmap,
	.busy = record_busy,
};

/* Files and thread for the interrupt, if the inner device has one. */
static int open_irq(struct record *r)
{
	sigset_t all, was;
	int fl, err;

	if (!dev_has(r->inner, DEV_CAP_IRQ_FD))
		return 0;
	r->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (r->irq_fd < 0 || r->stop_fd < 0)
		return -errno;
	r->inner_irq = dev_irq_fd(r->inner);
	if (r->inner_irq < 0)
		return r->inner_irq;
	/* Thread and caller both look whether it is raised; neither may wait for it. */
	fl = fcntl(r->inner_irq, F_GETFL);
	if (fl < 0 || fcntl(r->inner_irq, F_SETFL, fl | O_NONBLOCK) < 0)
		return -errno;
	/* Signals are the program's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &was);
	err = pthread_create(&r->thread, NULL, irq_thread, r);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	r->has_thread = err == 0;
	return -err;
}

static int record_new(struct dev *inner, const struct log *log, struct record **out)
{
	struct record *r = mem_new(struct record);

	if (!r) {
		dev_close(inner);
		return -ENOMEM;
	}
	pthread_mutex_init(&r->lock, NULL);
	list_init(&r->mem);
	r->inner = inner;
	r->inner_irq = r->irq_fd = r->stop_fd = -1;
	r->ops = record_ops;
	r->ops.caps = inner->ops->caps & ~(uint32_t)DEV_CAP_VRAM_FD;
	r->dev = (struct dev){ .ops = &r->ops, .io = &record_io, .info = inner->info, .log = log };
	*out = r;
	return 0;
}

int record_open(const char *arg, const struct log *log, struct dev **out, char *msg, size_t n)
{
	size_t len = strcspn(arg, ",");
	char file[4096], clean[160];
	struct record *r = NULL;
	struct dev *inner = NULL;
	int err;

	if (!len || !arg[len] || len >= sizeof(file)) {
		snprintf(msg, n, "record: wants FILE,GPU, not '%s'",
			 log_clean(clean, sizeof(clean), arg));
		return -EINVAL;
	}
	memcpy(file, arg, len);
	file[len] = '\0';
	/* The device first: a mistake in its name must not empty an older recording. */
	err = dev_open(arg + len + 1, log, &inner, msg, n);
	if (err < 0)
		return err;
	err = record_new(inner, log, &r);
	if (err == 0) {
		/* The file last: nothing that can fail is left once it is there. */
		pthread_mutex_lock(&r->lock);
		err = open_irq(r);
		if (err == 0)
			err = reclog_create(file, &inner->info, r->ops.caps, inner->ops->name,
					    &r->log);
		pthread_mutex_unlock(&r->lock);
	}
	if (err < 0) {
		snprintf(msg, n, "record: '%s': %s", log_clean(clean, sizeof(clean), file),
			 strerror(-err));
		if (r)
			record_close(&r->dev);
		return err;
	}
	*out = &r->dev;
	return 0;
}
