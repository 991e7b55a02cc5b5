// SPDX-License-Identifier: MIT
/*
 * Moving a file through the GPU: system memory -> VRAM A -> VRAM B -> system
 * memory, in chunks, two of them in flight: while the GPU works on one, the
 * next is read and the previous compared.
 *
 *  1. A chunk is compared byte by byte with what was read from the file; the
 *     hashes are of what went in and of what came out, each taken from memory.
 *  2. The target is scribbled on first, page by page, so that a copy that did
 *     not happen cannot pass for one that did.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/copy/copy.h"

#define NR_SLOTS 2
#define CHUNK_BEST (4ull << 20)
#define CHUNK_LEAST (64ull << 10)
#define STEP 4096u

struct slot {
	struct drv_bo *src, *dst, *a, *b;
	uint64_t src_va, dst_va, a_va, b_va;
	struct drv_fence fence;
	uint64_t len; /* 0: nothing in flight */
};
struct pump {
	struct drv *drv; /* borrowed */
	struct drv_vas *vas;
	struct drv_chan *chan[NR_COPY_ENGINES];
	struct slot slot[NR_SLOTS];
	uint64_t chunk;
	uint32_t repeat;
	enum drv_wait how;
};

const char *const copy_engine_name[NR_COPY_ENGINES] = { "m2mf", "ce0", "ce1" };

/* ---- hash ---------------------------------------------------------------------- */

static uint64_t rotl(uint64_t v, unsigned int n)
{
	return v << n | v >> (64 - n);
}

static uint64_t mix(uint64_t h)
{
	h = (h ^ h >> 31) * 0x9fb21c651e98df25ull;
	h = (h ^ h >> 28) * 0xd6e8feb86659fd93ull;
	return h ^ h >> 32;
}

/* Four lanes so that the multiplier stays busy.  Finds accidents, not attackers. */
static uint64_t hash(uint64_t seed, const void *buf, uint64_t len)
{
	uint64_t lane[4] = { seed, seed + 1, seed + 2, seed + 3 }, w;
	const uint8_t *p = buf;

	seed ^= len;
	for (; len >= 32; len -= 32, p += 32) {
		for (int i = 0; i < 4; i++) {
			memcpy(&w, p + i * 8, 8);
			lane[i] = rotl(lane[i] ^ w, 29) * 0x9e3779b97f4a7c15ull;
		}
	}
	for (; len; len--, p++)
		seed = rotl(seed ^ *p, 11) * 0xff51afd7ed558ccdull;
	for (int i = 0; i < 4; i++)
		seed = mix(seed ^ lane[i]);
	return seed;
}

/* ---- buffers ------------------------------------------------------------------- */

static int buffer_new(struct pump *p, uint32_t flags, struct drv_bo **bo, uint64_t *va)
{
	int err = drv_bo_new(p->drv, p->chunk, flags, bo);

	return err ? err : drv_vas_map(p->vas, *bo, 0, va);
}

static void slot_fini(struct slot *s)
{
	drv_bo_free(s->src);
	drv_bo_free(s->dst);
	drv_bo_free(s->a);
	drv_bo_free(s->b);
	memset(s, 0, sizeof(*s));
}

static int slots_new(struct pump *p)
{
	int err = 0;

	for (int i = 0; !err && i < NR_SLOTS; i++) {
		struct slot *s = &p->slot[i];

		err = buffer_new(p, DRV_BO_SYS, &s->src, &s->src_va);
		if (!err)
			err = buffer_new(p, DRV_BO_SYS, &s->dst, &s->dst_va);
		if (!err)
			err = buffer_new(p, DRV_BO_VRAM, &s->a, &s->a_va);
		if (!err)
			err = buffer_new(p, DRV_BO_VRAM, &s->b, &s->b_va);
	}
	for (int i = 0; err && i < NR_SLOTS; i++)
		slot_fini(&p->slot[i]);
	return err;
}

/* The largest chunk that is useful for these files and fits. */
static int slots_fit(struct pump *p, const struct copy_opts *o)
{
	uint64_t longest = CHUNK_LEAST;
	int err;

	for (unsigned int i = 0; i < o->nr_files; i++)
		longest = o->file[i].len > longest ? o->file[i].len : longest;
	p->chunk = longest < CHUNK_BEST ? longest : CHUNK_BEST;
	while ((err = slots_new(p)) == -ENOSPC || err == -ENOMEM) {
		if (p->chunk / 2 < CHUNK_LEAST)
			return err;
		p->chunk /= 2;
	}
	return err;
}

static int chan_for(struct pump *p, enum copy_engine e)
{
	static const uint32_t bit[] = { DRV_ENGINE_GR, DRV_ENGINE_CE0, DRV_ENGINE_CE1 };

	return drv_chan_new(p->vas, bit[e], &p->chan[e]);
}

int pump_new(struct drv *d, const struct copy_opts *o, struct pump **out, char *msg, size_t n)
{
	struct pump *p = mem_new(struct pump);
	int err;

	if (!p) {
		snprintf(msg, n, "out of memory");
		return -ENOMEM;
	}
	p->drv = d;
	p->repeat = o->repeat;
	p->how = o->irq ? DRV_WAIT_IRQ : DRV_WAIT_POLL;
	p->chunk = o->chunk;
	err = drv_vas_new(d, &p->vas);
	if (!err)
		err = p->chunk ? slots_new(p) : slots_fit(p, o);
	if (err)
		snprintf(msg, n, "no room for chunks of %llu bytes: %s",
			 (unsigned long long)p->chunk, strerror(-err));
	for (int e = 0; !err && e < NR_COPY_ENGINES; e++) {
		err = o->engine[e] ? chan_for(p, e) : 0;
		if (err)
			snprintf(msg, n, "no channel for %s: %s", copy_engine_name[e],
				 strerror(-err));
	}
	if (err) {
		pump_free(p);
		return err;
	}
	*out = p;
	return 0;
}

void pump_free(struct pump *p)
{
	if (!p)
		return;
	for (int e = 0; e < NR_COPY_ENGINES; e++)
		drv_chan_free(p->chan[e]);
	for (int i = 0; i < NR_SLOTS; i++)
		slot_fini(&p->slot[i]);
	drv_vas_free(p->vas);
	mem_free(p);
}

/* ---- one chunk ------------------------------------------------------------------ */

static int read_all(struct copy_file *f, uint64_t at, void *buf, uint64_t len, char *msg, size_t n)
{
	char *p = buf;
	ssize_t got;

	for (; len; p += got, at += (uint64_t)got, len -= (uint64_t)got) {
		got = pread(f->fd, p, len, (off_t)at);
		if (got < 0 && errno == EINTR)
			got = 0;
		else if (got <= 0) {
			snprintf(msg, n, "%s: %s", f->name,
				 got ? strerror(errno) : "became shorter while it was read");
			return got ? -errno : -EIO;
		}
	}
	return 0;
}

static void scribble(struct slot *s)
{
	const uint8_t *from = drv_bo_cpu(s->src);
	uint8_t *to = drv_bo_cpu(s->dst);

	for (uint64_t at = 0; at < s->len; at += STEP)
		to[at] = (uint8_t)~from[at];
	to[s->len - 1] = (uint8_t)~from[s->len - 1];
}

static int copy_by(struct drv_chan *ch, enum copy_engine e, uint64_t dst, uint64_t src,
		   uint64_t len, struct drv_fence *fence)
{
	if (e == COPY_M2MF)
		return drv_copy_m2mf(ch, dst, src, len, fence);
	return drv_copy_ce(ch, e == COPY_CE1, dst, src, len, fence);
}

static int slot_send(struct pump *p, struct slot *s, enum copy_engine e)
{
	struct drv_chan *ch = p->chan[e];
	int err;

	scribble(s);
	err = copy_by(ch, e, s->a_va, s->src_va, s->len, NULL);
	if (!err)
		err = copy_by(ch, e, s->b_va, s->a_va, s->len, NULL);
	if (!err)
		err = copy_by(ch, e, s->dst_va, s->b_va, s->len, &s->fence);
	return err;
}

/* Waits for the slot's chunk and judges it. */
static int slot_take(struct pump *p, struct slot *s, struct copy_result *r)
{
	int err;

	if (!s->len)
		return 0;
	err = drv_fence_wait(&s->fence, p->how, 0);
	if (err)
		return err;
	r->hash_out = hash(r->hash_out, drv_bo_cpu(s->dst), s->len);
	if (memcmp(drv_bo_cpu(s->src), drv_bo_cpu(s->dst), s->len) != 0)
		r->verified = false;
	r->bytes += s->len;
	s->len = 0;
	return 0;
}

static void explain(struct pump *p, enum copy_engine e, int err, char *msg, size_t n)
{
	char why[128];

	if (drv_chan_status(p->chan[e], why, sizeof(why)))
		snprintf(msg, n, "%s: the channel died: %s", copy_engine_name[e], why);
	else
		snprintf(msg, n, "%s: %s", copy_engine_name[e], strerror(-err));
}

int pump_file(struct pump *p, struct copy_file *f, enum copy_engine e, struct copy_result *r,
	      void (*progress)(const struct copy_result *, void *), void *arg, char *msg, size_t n)
{
	uint64_t start = clock_ns(), at, i = 0, chunks = (f->len + p->chunk - 1) / p->chunk;
	struct slot *s;
	int err = 0;

	*r = (struct copy_result){ .file = f, .engine = e, .verified = true };
	for (; !err && i < chunks * p->repeat + NR_SLOTS; i++) {
		s = &p->slot[i % NR_SLOTS];
		err = slot_take(p, s, r);
		if (!err && i < chunks * p->repeat) {
			at = i % chunks * p->chunk;
			s->len = f->len - at < p->chunk ? f->len - at : p->chunk;
			err = read_all(f, at, drv_bo_cpu(s->src), s->len, msg, n);
			if (err)
				return err;
			r->hash_in = hash(r->hash_in, drv_bo_cpu(s->src), s->len);
			err = slot_send(p, s, e);
		}
		if (progress)
			progress(r, arg);
	}
	if (err)
		explain(p, e, err, msg, n);
	r->verified = r->verified && !err && r->hash_in == r->hash_out;
	r->seconds = (double)(clock_ns() - start) / 1e9;
	return err;
}
