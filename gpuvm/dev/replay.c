// SPDX-License-Identifier: MIT
/*
 * Replaying: a device that answers from a recording.
 *
 * Always true:
 *  1. `next` is the record that the next call must match (or the end); all
 *     events before it have happened: interrupts are raised, bus memory is written.
 *  2. From the first call that differs on, nothing comes from the recording any
 *     more: reads answer all ones, the others -EPROTO, each is counted, and
 *     no interrupt is raised.
 *  3. Nothing is asked of the world: no clock, no thread.
 */
#include <inttypes.h>
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

struct replay {
	struct dev dev;	      /* first */
	struct dev_ops ops;   /* caps as recorded */
	struct reclog_r *log; /* owned */
	struct rec next;
	struct list mem; /* of struct busmem: what is mapped */
	int irq_fd;	 /* owned */
	uint64_t now;	 /* the clock as answered last */
	struct replay_status status;
};

/* After a divergence the clock still goes on, so that whoever waits with a limit stops waiting. */
#define LOST_CLOCK_STEP_NS 1000000u

static struct replay *replay_of(struct dev *d)
{
	return container_of(d, struct replay, dev);
}

static void diverge(struct replay *p, const char *line)
{
	if (p->status.divergences++)
		return;
	snprintf(p->status.first, sizeof(p->status.first),
		 "call %" PRIu64 " (byte %" PRIu64 "): %s", p->status.calls + 1, reclog_at(p->log),
		 line);
	log_error(p->dev.log, "replay: %s", p->status.first);
}

/* One event; false if the recording makes no sense here. */
static bool event(struct replay *p, const struct rec *r)
{
	struct busmem *b;

	if (r->kind == REC_IRQ) {
		/* Fails only if far too many edges are unread; it is readable then anyway. */
		if (write(p->irq_fd, &r->arg[0], sizeof(r->arg[0])) < 0)
			log_debug(p->dev.log, "replay: interrupt file: %s", strerror(errno));
		return true;
	}
	b = busmem_find(&p->mem, r->arg[0], r->arg[1]);
	if (!b)
		return false;
	if (r->data)
		memcpy(b->mem + (r->arg[0] - b->at), r->data, r->arg[1]);
	return true;
}

/* Lets the events up to the next call happen. */
static void step(struct replay *p)
{
	char msg[160];

	for (;;) {
		if (reclog_next(p->log, &p->next, msg, sizeof(msg)) < 0) {
			diverge(p, msg);
			return;
		}
		if (rec_is_call(&p->next) || p->next.kind == REC_END)
			return;
		if (!event(p, &p->next)) {
			diverge(p, "the recording writes bus memory that is not mapped");
			return;
		}
	}
}

/* Tells in line how got differs from what was recorded; false if it does not. */
static bool differs(const struct replay *p, const struct rec *got, char *line, size_t n)
{
	const struct rec *want = &p->next;
	char a[96], b[96];
	bool same = want->kind == got->kind;

	for (int i = 0; same && i < rec_nr_args(want->kind); i++)
		same = want->arg[i] == got->arg[i];
	if (!same) {
		snprintf(line, n, "expected %s, got %s", rec_describe(want, a, sizeof(a)),
			 rec_describe(got, b, sizeof(b)));
		return true;
	}
	if (want->kind != REC_VRAM_WR || !want->data)
		return false;
	for (uint64_t i = 0; i < want->arg[1]; i++) {
		uint8_t w = ((const uint8_t *)want->data)[i], g = ((const uint8_t *)got->data)[i];

		if (w == g)
			continue;
		snprintf(line, n,
			 "%s: expected byte 0x%02x at 0x%" PRIx64 " of the data, got 0x%02x",
			 rec_describe(got, a, sizeof(a)), w, i, g);
		return true;
	}
	return false;
}

/*
 * Answers a call: true with *ret (and data at buf, for vram_rd) as recorded,
 * or false if it has diverged.  The events that follow it have not happened:
 * the caller calls step() next.
 */
static bool answer(struct replay *p, const struct rec *got, uint64_t *ret, void *buf)
{
	char line[240];

	if (p->status.divergences) {
		p->status.divergences++;
		return false;
	}
	if (differs(p, got, line, sizeof(line))) {
		diverge(p, line);
		return false;
	}
	*ret = p->next.ret;
	if (buf && p->next.data)
		memcpy(buf, p->next.data, p->next.arg[1]);
	p->status.calls++;
	return true;
}

static uint64_t answer_value(struct dev *d, const struct rec *got, uint64_t lost)
{
	struct replay *p = replay_of(d);
	uint64_t ret;

	if (!answer(p, got, &ret, NULL))
		return lost;
	step(p);
	return ret;
}

static int answer_int(struct dev *d, const struct rec *got, void *buf)
{
	struct replay *p = replay_of(d);
	uint64_t ret;

	if (!answer(p, got, &ret, buf))
		return -EPROTO;
	step(p);
	return (int)(int64_t)ret;
}

static uint32_t replay_rd32(struct dev *d, uint32_t reg)
{
	return (uint32_t)answer_value(d, &(struct rec){ .kind = REC_RD32, .arg = { reg } },
				      UINT32_MAX);
}

static void replay_wr32(struct dev *d, uint32_t reg, uint32_t val)
{
	answer_value(d, &(struct rec){ .kind = REC_WR32, .arg = { reg, val } }, 0);
}

static int replay_vram_rd(struct dev *d, hvram_t at, void *buf, size_t len)
{
	return answer_int(d, &(struct rec){ .kind = REC_VRAM_RD, .arg = { hvram_x(at), len } },
			  buf);
}

static int replay_vram_wr(struct dev *d, hvram_t at, const void *buf, size_t len)
{
	return answer_int(d, &(struct rec){ .kind = REC_VRAM_WR, .arg = { hvram_x(at), len },
					    .data = buf }, NULL);
}

static int replay_vram_zero(struct dev *d, hvram_t at, uint64_t len)
{
	return answer_int(d, &(struct rec){ .kind = REC_VRAM_ZERO, .arg = { hvram_x(at), len } },
			  NULL);
}

static uint64_t replay_bar_rd(struct dev *d, int bar, uint64_t off, int size)
{
	uint64_t ones = size > 0 && size < 8 ? (1ull << (8 * size)) - 1 : UINT64_MAX;

	return answer_value(d,
			    &(struct rec){ .kind = REC_BAR_RD,
					   .arg = { (unsigned int)bar, off, (unsigned int)size } },
			    ones);
}

static void replay_bar_wr(struct dev *d, int bar, uint64_t off, int size, uint64_t val)
{
	answer_value(d, &(struct rec){ .kind = REC_BAR_WR,
				       .arg = { (unsigned int)bar, off, (unsigned int)size, val } },
		     0);
}

static int replay_reset(struct dev *d)
{
	return answer_int(d, &(struct rec){ .kind = REC_RESET }, NULL);
}

static uint64_t replay_now(struct dev *d)
{
	struct replay *p = replay_of(d);

	p->now = answer_value(d, &(struct rec){ .kind = REC_NOW }, p->now + LOST_CLOCK_STEP_NS);
	return p->now;
}

static int replay_irq_fd(struct dev *d)
{
	return replay_of(d)->irq_fd;
}

static int replay_advance(struct dev *d, uint64_t ns)
{
	return answer_int(d, &(struct rec){ .kind = REC_ADVANCE, .arg = { ns } }, NULL);
}

static int replay_busy(struct dev *d, uint32_t chid, uint64_t *ns)
{
	*ns = answer_value(d, &(struct rec){ .kind = REC_BUSY, .arg = { chid } }, 0);
	return 0;
}

static int replay_dma_map(struct dev *d, dma_t at, void *mem, size_t len)
{
	struct replay *p = replay_of(d);
	struct busmem *b = NULL;
	uint64_t ret;

	if (!answer(p, &(struct rec){ .kind = REC_DMA_MAP, .arg = { dma_x(at), len } }, &ret, NULL))
		return -EPROTO;
	if (ret == 0) {
		int err = busmem_new(at, mem, len, false, &b);

		if (err < 0) {
			diverge(p, "out of memory");
			return err;
		}
		list_add_tail(&p->mem, &b->node);
	}
	step(p);
	return (int)(int64_t)ret;
}

static int replay_dma_unmap(struct dev *d, dma_t at, size_t len)
{
	struct replay *p = replay_of(d);
	struct busmem *b = busmem_find(&p->mem, dma_x(at), len);
	uint64_t ret = 0;
	bool ok = answer(p, &(struct rec){ .kind = REC_DMA_UNMAP, .arg = { dma_x(at), len } }, &ret,
			 NULL);

	if (ok)
		step(p); /* before the mapping goes: what the device wrote last follows the call */
	/* Gone in any case: the caller will reuse that memory whatever we answer. */
	if (!ok || ret == 0)
		busmem_free(b);
	return ok ? (int)(int64_t)ret : -EPROTO;
}

static void replay_close(struct dev *d)
{
	struct replay *p = replay_of(d);
	struct busmem *b, *tmp;

	list_for_each_safe(b, tmp, &p->mem, node)
		busmem_free(b);
	if (p->irq_fd >= 0)
		close(p->irq_fd);
	reclog_close(p->log);
	mem_free(p);
}

int replay_status(const struct dev *d, struct replay_status *out)
{
	if (d->ops->close != replay_close)
		return -EINVAL;
	*out = container_of(d, const struct replay, dev)->status;
	return 0;
}

static const struct dev_io replay_io = {
	.rd32 = replay_rd32,
	.wr32 = replay_wr32,
	.vram_rd = replay_vram_rd,
	.vram_wr = replay_vram_wr,
	.vram_zero = replay_vram_zero,
	.bar_rd = replay_bar_rd,
	.bar_wr = replay_bar_wr,
};

static const struct dev_ops replay_ops = {
	.name = "replay",
	.close = replay_close,
	.reset = replay_reset,
	.now = replay_now,
	.irq_fd = replay_irq_fd,
	.advance = replay_advance,
	.dma_map = replay_dma_map,
	.dma_unmap = replay_dma_unmap,
	.busy = replay_busy,
};

/* What this program can replay; a recording never has more (record.c). */
#define REPLAY_CAPS (DEV_CAP_IRQ_FD | DEV_CAP_CLOCK | DEV_CAP_DMA_MAP | DEV_CAP_BUSY)

int replay_open(const char *arg, const struct log *log, struct dev **out, char *msg, size_t n)
{
	struct replay *p = NULL;
	struct reclog_r *r = NULL;
	char why[400];
	int err;

	if (!*arg) {
		snprintf(msg, n, "replay: wants FILE");
		return -EINVAL;
	}
	err = reclog_open(arg, &r, why, sizeof(why));
	if (err < 0) {
		snprintf(msg, n, "replay: %s", why);
		return err;
	}
	p = mem_new(struct replay);
	if (!p) {
		reclog_close(r);
		snprintf(msg, n, "replay: out of memory");
		return -ENOMEM;
	}
	p->log = r;
	list_init(&p->mem);
	p->ops = replay_ops;
	p->ops.caps = reclog_caps(r);
	p->dev = (struct dev){
		.ops = &p->ops, .io = &replay_io, .info = *reclog_info(r), .log = log,
	};
	p->status.recorded = reclog_calls(r);
	p->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->irq_fd < 0 || (p->ops.caps & ~(uint32_t)REPLAY_CAPS)) {
		err = p->irq_fd < 0 ? -errno : -EPROTO;
		snprintf(msg, n, "replay: %s",
			 p->irq_fd < 0 ? strerror(errno) :
					 "recording of a device with unknown abilities");
		replay_close(&p->dev);
		return err;
	}
	step(p);
	*out = &p->dev;
	return 0;
}
