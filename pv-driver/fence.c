// SPDX-License-Identifier: MIT
/*
 * Fences: a 32-bit sequence number per channel that the GPU writes into the
 * fence page, 16 bytes apart [nouveau's nvc0_fence.c, nv84_fence.c].
 *
 *  1. Numbers of one channel only grow (they wrap; the difference is signed).
 *  2. A fence that passed counts as done even if the channel died afterwards.
 *  3. An interrupt waiter looks at the fence after it asked for interrupts and
 *     with irq.lock held, so the wake-up cannot fall between look and sleep.
 */
#include <errno.h>
#include <time.h>

#include "gpuvm/base/clock.h"
#include "pv-driver/private.h"

uint32_t fence_read(const struct drv_chan *ch)
{
	struct drv *d = ch->drv;
	uint64_t off = (uint64_t)ch->chid * FENCE_STRIDE;
	uint32_t v;

	if (ch->fence_word)
		return __atomic_load_n(ch->fence_word, __ATOMIC_ACQUIRE);
	if (d->fence->bar1)
		d->bus->ops->bar_rd(d->bus, 1, map_va(d->fence->bar1) + off, &v, sizeof(v));
	else
		v = __atomic_load_n((uint32_t *)((char *)d->fence->sys.cpu + off),
				    __ATOMIC_ACQUIRE);
	return v;
}

/* The id's last owner left its number there. */
void fence_reset(struct drv_chan *ch)
{
	struct drv *d = ch->drv;
	uint64_t off = (uint64_t)ch->chid * FENCE_STRIDE;
	uint32_t zero = 0;

	if (d->fence->bar1)
		d->bus->ops->bar_wr(d->bus, 1, map_va(d->fence->bar1) + off, &zero, sizeof(zero));
	else
		__atomic_store_n((uint32_t *)((char *)d->fence->sys.cpu + off), zero,
				 __ATOMIC_RELEASE);
}

struct drv_fence drv_chan_fence(struct drv_chan *ch)
{
	return (struct drv_fence){ ch, ch->seq };
}

uint64_t drv_fence_addr(const struct drv_chan *ch)
{
	return ch->drv->fence->addr + (uint64_t)ch->chid * FENCE_STRIDE;
}

bool drv_fence_done(const struct drv_fence *f)
{
	return (int32_t)(fence_read(f->chan) - f->seq) >= 0;
}

/* 0 passed, -EIO dead, -EAGAIN neither. */
static int look(const struct drv_fence *f)
{
	bool dead = chan_dead(f->chan);

	if (drv_fence_done(f))
		return 0;
	return dead ? -EIO : -EAGAIN;
}

static int wait_poll(const struct drv_fence *f, uint64_t ns)
{
	struct wait w = wait_begin(ns);
	int err;

	while ((err = look(f)) == -EAGAIN) {
		if (wait_more(&w))
			return -ETIMEDOUT;
	}
	return err;
}

static int wait_irq(const struct drv_fence *f, uint64_t ns)
{
	struct drv *d = f->chan->drv;
	uint64_t until = clock_ns() + ns;
	struct timespec t = { (time_t)(until / 1000000000ull), (long)(until % 1000000000ull) };
	int err, timeout = 0;

	pthread_mutex_lock(&d->lock);
	irq_want_nonstall(d, 1);
	pthread_mutex_unlock(&d->lock);
	pthread_mutex_lock(&d->irq.lock);
	while ((err = look(f)) == -EAGAIN && !timeout)
		timeout = pthread_cond_timedwait(&d->irq.cond, &d->irq.lock, &t);
	pthread_mutex_unlock(&d->irq.lock);
	pthread_mutex_lock(&d->lock);
	irq_want_nonstall(d, -1);
	pthread_mutex_unlock(&d->lock);
	return err == -EAGAIN ? -ETIMEDOUT : err;
}

int drv_fence_wait(const struct drv_fence *f, enum drv_wait how, uint64_t ns)
{
	int err = look(f);

	if (err != -EAGAIN)
		return err;
	if (!ns)
		ns = f->chan->drv->cfg.timeout_ns;
	return how == DRV_WAIT_IRQ ? wait_irq(f, ns) : wait_poll(f, ns);
}
