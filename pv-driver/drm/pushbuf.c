// SPDX-License-Identifier: MIT
/*
 * GEM_PUSHBUF: a list of buffers, a list of pieces of them to run.
 *
 *  1. Everything is checked before the first piece is handed over.
 *  2. The pieces of one call follow one another in the ring, with one fence
 *     behind the last: a packet may begin in one piece and end in the next.
 *  3. Relocations are counted and otherwise ignored: since Tesla buffers have
 *     addresses that never change, and nouveau applies none.
 */
#include <errno.h>
#include <stdint.h>

#include <libdrm/nouveau_drm.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drv.h"

#define NO_PREFETCH (1ull << 23) /* in a piece's length [nouveau_drm.h of Linux 6.6] */
#define PIECE_MAX (NO_PREFETCH - 1)
#define GART_LEN (1ull << 40) /* what nouveau announces: the size of the address space */

struct job {
	struct nvdrm_client *client;
	struct nvdrm_chan *chan;			    /* counted */
	struct drm_nouveau_gem_pushbuf_bo *buf;	    /* owned */
	struct drm_nouveau_gem_pushbuf_push *push;  /* owned */
	struct nvdrm_bo **bo;			    /* owned; each counted */
	uint64_t *va;				    /* owned; of bo[i] */
	struct drv_piece *piece;		    /* owned */
	uint32_t nr_bos, nr_pieces, nr_push;
};

static int copy_array(uint64_t from, uint32_t n, size_t size, void **out)
{
	void *p = mem_calloc(n ? n : 1, size);

	*out = p;
	return p ? nvdrm_copy_in(p, from, n * size) : -ENOMEM;
}

static int job_read(struct job *j, const struct drm_nouveau_gem_pushbuf *req)
{
	int err;

	if (req->nr_push > NOUVEAU_GEM_MAX_PUSH || req->nr_buffers > NOUVEAU_GEM_MAX_BUFFERS ||
	    req->nr_relocs > NOUVEAU_GEM_MAX_RELOCS)
		return -EINVAL;
	err = copy_array(req->push, req->nr_push, sizeof(*j->push), (void **)&j->push);
	if (!err)
		err = copy_array(req->buffers, req->nr_buffers, sizeof(*j->buf), (void **)&j->buf);
	if (err)
		return err;
	j->nr_push = req->nr_push;
	for (uint32_t i = 0; i < req->nr_push; i++) {
		if (j->push[i].bo_index >= req->nr_buffers)
			return -EINVAL;
		if ((j->push[i].length & ~NO_PREFETCH) > PIECE_MAX)
			return -EINVAL;
	}
	j->bo = mem_calloc(req->nr_buffers + 1, sizeof(*j->bo));
	j->va = mem_calloc(req->nr_buffers + 1, sizeof(*j->va));
	j->piece = mem_calloc(req->nr_push + 1, sizeof(*j->piece));
	return j->bo && j->va && j->piece ? 0 : -ENOMEM;
}

/* drm.lock held. */
static int job_add_bo(struct job *j, uint32_t i)
{
	const struct drm_nouveau_gem_pushbuf_bo *b = &j->buf[i];
	struct nvdrm_vma *v = nvdrm_vma_find(j->client, b->handle);
	uint32_t want = b->write_domains ? b->write_domains : b->read_domains;
	int err;

	if (!v)
		return -ENOENT;
	for (uint32_t k = 0; k < i; k++)
		if (j->bo[k] == v->bo)
			return -EINVAL;
	if (!(b->valid_domains & v->bo->domain & want))
		return -EINVAL;
	err = nvdrm_use_prepare(v->bo, j->chan);
	if (err)
		return err;
	v->bo->refs++;
	j->bo[i] = v->bo;
	j->va[i] = v->va;
	j->nr_bos = i + 1;
	return 0;
}

static int job_validate(struct job *j, const struct drm_nouveau_gem_pushbuf *req)
{
	const struct drm_nouveau_gem_pushbuf_push *p;
	int err = 0;

	pthread_mutex_lock(&j->client->drm->lock);
	nvdrm_client_reap(j->client);
	for (uint32_t i = 0; !err && i < req->nr_buffers; i++)
		err = job_add_bo(j, i);
	pthread_mutex_unlock(&j->client->drm->lock);
	for (uint32_t i = 0; !err && i < req->nr_push; i++) {
		p = &j->push[i];
		/* A piece of no words would be an entry that only moves the ring on. */
		if (!(p->length & PIECE_MAX & ~3ull))
			continue;
		j->piece[j->nr_pieces++] = (struct drv_piece){
			.va = j->va[p->bo_index] + p->offset,
			.dwords = (uint32_t)(p->length & PIECE_MAX) / 4 |
				  (p->length & NO_PREFETCH ? DRV_PUSH_NO_PREFETCH : 0),
		};
	}
	return err;
}

/*
 * A program that polls memory would do so for ever once its channel is dead.  Pieces in VRAM are
 * not looked at: nobody builds methods there.
 */
static void job_look(struct job *j)
{
	const struct drm_nouveau_gem_pushbuf_push *p = j->push;

	for (uint32_t i = 0; !j->chan->reports && i < j->nr_push; i++) {
		struct nvdrm_bo *bo = j->bo[p[i].bo_index];
		const char *cpu = drv_bo_cpu(bo->bo);
		uint64_t len = p[i].length & PIECE_MAX;

		if (!cpu || !range_ok(p[i].offset, len, bo->len) || p[i].offset & 3 ||
		    !nvdrm_reports((const uint32_t *)(cpu + p[i].offset), (uint32_t)len / 4))
			continue;
		j->chan->reports = true;
		drv_chan_polled(j->chan->chan, true);
	}
}

/* A full ring is waited for as long as the channel lives: the GPU may be busy for minutes. */
static int job_submit(struct job *j, struct drv_fence *fence)
{
	struct drv_chan *ch = j->chan->chan;
	int err;

	pthread_mutex_lock(&j->chan->submit);
	job_look(j);
	do
		err = drv_push_list(ch, j->piece, j->nr_pieces, true, fence);
	while (err == -ETIMEDOUT && !__atomic_load_n(&j->chan->closing, __ATOMIC_ACQUIRE));
	pthread_mutex_unlock(&j->chan->submit);
	return err == -EIO || err == -ETIMEDOUT ? -ENODEV : err;
}

static void job_note(struct job *j, uint32_t seq)
{
	pthread_mutex_lock(&j->client->drm->lock);
	for (uint32_t i = 0; i < j->nr_bos; i++)
		nvdrm_use_note(j->bo[i], j->chan, seq, j->buf[i].write_domains != 0);
	pthread_mutex_unlock(&j->client->drm->lock);
}

static void job_free(struct job *j)
{
	pthread_mutex_lock(&j->client->drm->lock);
	for (uint32_t i = 0; i < j->nr_bos; i++)
		nvdrm_bo_put(j->bo[i]);
	if (j->chan)
		nvdrm_chan_put(j->chan);
	pthread_mutex_unlock(&j->client->drm->lock);
	mem_free(j->buf);
	mem_free(j->push);
	mem_free(j->bo);
	mem_free(j->va);
	mem_free(j->piece);
}

static int job_run(struct job *j, const struct drm_nouveau_gem_pushbuf *req, bool sync)
{
	struct drv_fence fence;
	int err = job_read(j, req);

	if (!err)
		err = job_validate(j, req);
	if (!err)
		err = job_submit(j, &fence);
	if (err)
		return err;
	job_note(j, fence.seq);
	return sync ? nvdrm_chan_wait(j->chan, fence.seq, UINT64_MAX) : 0;
}

int nvdrm_gem_pushbuf(struct nvdrm_client *c, void *arg)
{
	struct drm_nouveau_gem_pushbuf *req = arg;
	bool sync = req->vram_available & NOUVEAU_GEM_PUSHBUF_SYNC;
	struct job j = { .client = c };
	int err = 0;

	pthread_mutex_lock(&c->drm->lock);
	j.chan = nvdrm_chan_find(c, req->channel);
	if (j.chan)
		j.chan->refs++;
	pthread_mutex_unlock(&c->drm->lock);
	if (!j.chan)
		return -ENOENT;
	if (drv_chan_status(j.chan->chan, NULL, 0))
		err = -ENODEV;
	else if (req->nr_push)
		err = job_run(&j, req, sync);
	job_free(&j);
	req->vram_available = c->drm->vram_len;
	req->gart_available = GART_LEN;
	req->suffix0 = req->suffix1 = 0;
	/*
	 * Threads that still submit while the process exits are about to vanish; with a kernel's driver
	 * they would not see their channel go.
	 */
	return __atomic_load_n(&c->drm->ending, __ATOMIC_ACQUIRE) ? 0 : err;
}
