// SPDX-License-Identifier: MIT
/*
 * Parts: which chunk of VRAM and which channel id belongs to whom.
 *
 * Always true:
 *  1. A chunk is owned by at most one part, and the pool's reverse entry
 *     {owner, index} and the part's map name each other.  The same for channel ids.
 *     There is no second record of what is free: free means no owner.
 *  2. Addresses outside a part have no translation.  Neither has an empty
 *     range: it is nobody's.
 *  3. Nothing here overflows whatever 64-bit numbers a guest hands in.
 */
#include "gpuvm/part.h"

#include <assert.h>
#include <errno.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"

/* Who has a chunk or a channel id of the card, and under which number of his own. */
struct slot {
	struct part *owner; /* NULL: free */
	uint32_t guest;
};

#define NO_CHAN UINT32_MAX

struct part_pool {
	uint64_t base;
	uint32_t nr_chunks, free_chunks;
	uint32_t nr_chan, free_chan;
	uint32_t nr_parts;
	struct slot *chunk; /* nr_chunks, owned */
	struct slot *chan;  /* nr_chan, owned */
	struct part *nobody; /* owned: whose retired chunks are */
};

struct part {
	struct part_pool *pool; /* borrowed; outlives the part */
	uint32_t nr_chunks;
	uint32_t max_chan, nr_chan;
	hvram_t *chunk;	/* guest chunk -> card address, owned */
	uint32_t *chan; /* guest id -> card id or NO_CHAN, pool->nr_chan entries, owned */
};

int part_pool_new(hvram_t base, uint64_t len, uint32_t nr_chan, struct part_pool **out)
{
	struct part_pool *p;

	if (!len || !is_aligned(hvram_x(base) | len, PART_CHUNK_LEN) ||
	    len >> PART_CHUNK_SHIFT > UINT32_MAX || hvram_x(base) + len < len)
		return -EINVAL;
	p = mem_new(struct part_pool);
	if (!p)
		return -ENOMEM;
	p->base = hvram_x(base);
	p->nr_chunks = p->free_chunks = (uint32_t)(len >> PART_CHUNK_SHIFT);
	p->nr_chan = p->free_chan = nr_chan;
	p->chunk = mem_calloc(p->nr_chunks, sizeof(*p->chunk));
	p->chan = mem_calloc(nr_chan ? nr_chan : 1, sizeof(*p->chan));
	p->nobody = mem_new(struct part);
	if (!p->chunk || !p->chan || !p->nobody) {
		part_pool_free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void part_pool_free(struct part_pool *p)
{
	if (!p)
		return;
	assert(!p->nr_parts);
	mem_free(p->nobody);
	mem_free(p->chunk);
	mem_free(p->chan);
	mem_free(p);
}

uint64_t part_pool_free_vram(const struct part_pool *p)
{
	return (uint64_t)p->free_chunks << PART_CHUNK_SHIFT;
}

uint32_t part_pool_free_chans(const struct part_pool *p)
{
	return p->free_chan;
}

/* First fit, chunk by chunk.  The caller has checked that enough are free. */
static void take_chunks(struct part_pool *pool, struct part *p, uint32_t nr)
{
	for (uint32_t h = 0; p->nr_chunks < nr; h++) {
		if (pool->chunk[h].owner)
			continue;
		pool->chunk[h] = (struct slot){ p, p->nr_chunks };
		p->chunk[p->nr_chunks++] = hvram(pool->base + ((uint64_t)h << PART_CHUNK_SHIFT));
		pool->free_chunks--;
	}
}

int part_new(struct part_pool *pool, uint64_t vram_len, uint32_t max_chan, struct part **out)
{
	uint64_t nr = (vram_len >> PART_CHUNK_SHIFT) + !is_aligned(vram_len, PART_CHUNK_LEN);
	struct part *p;

	if (!nr)
		return -EINVAL;
	if (nr > pool->free_chunks)
		return -ENOSPC;
	p = mem_new(struct part);
	if (!p)
		return -ENOMEM;
	p->pool = pool;
	p->max_chan = max_chan;
	pool->nr_parts++;
	p->chunk = mem_calloc(nr, sizeof(*p->chunk));
	p->chan = mem_calloc(pool->nr_chan ? pool->nr_chan : 1, sizeof(*p->chan));
	if (!p->chunk || !p->chan) {
		part_free(p);
		return -ENOMEM;
	}
	for (uint32_t g = 0; g < pool->nr_chan; g++)
		p->chan[g] = NO_CHAN;
	take_chunks(pool, p, (uint32_t)nr);
	*out = p;
	return 0;
}

static struct slot *slot_at(struct part_pool *pool, uint64_t a)
{
	return &pool->chunk[(a - pool->base) >> PART_CHUNK_SHIFT];
}

void part_retire(struct part *p, hvram_t a, uint64_t len)
{
	for (uint64_t at = hvram_x(a); at < hvram_x(a) + len; at += PART_CHUNK_LEN)
		if (part_owns(p, hvram(at), 1))
			slot_at(p->pool, at)->owner = p->pool->nobody;
}

void part_free(struct part *p)
{
	struct part_pool *pool;

	if (!p)
		return;
	pool = p->pool;
	for (uint32_t g = 0; p->nr_chan && g < pool->nr_chan; g++)
		part_chan_put(p, gchan(g));
	for (uint32_t i = 0; i < p->nr_chunks; i++) {
		struct slot *s = slot_at(pool, hvram_x(p->chunk[i]));

		if (s->owner != p)
			continue; /* retired */
		s->owner = NULL;
		pool->free_chunks++;
	}
	pool->nr_parts--;
	mem_free(p->chunk);
	mem_free(p->chan);
	mem_free(p);
}

uint64_t part_vram_len(const struct part *p)
{
	return (uint64_t)p->nr_chunks << PART_CHUNK_SHIFT;
}

int part_vram_run(const struct part *p, gvram_t a, uint64_t len, hvram_t *out, uint64_t *run)
{
	uint64_t in = gvram_x(a) & (PART_CHUNK_LEN - 1);
	uint64_t i = gvram_x(a) >> PART_CHUNK_SHIFT;
	uint64_t got = PART_CHUNK_LEN - in;

	if (i >= p->nr_chunks || !len)
		return -ERANGE;
	*out = hvram(hvram_x(p->chunk[i]) + in);
	while (got < len && i + 1 < p->nr_chunks &&
	       hvram_x(p->chunk[i + 1]) == hvram_x(p->chunk[i]) + PART_CHUNK_LEN) {
		got += PART_CHUNK_LEN;
		i++;
	}
	*run = got < len ? got : len;
	return 0;
}

int part_vram_g2h(const struct part *p, gvram_t a, uint64_t len, hvram_t *out)
{
	uint64_t run;
	hvram_t h;
	int r;

	/* Before the walk over chunks: its cost must not follow a guest's number. */
	if (!range_ok(gvram_x(a), len, part_vram_len(p)))
		return -ERANGE;
	r = part_vram_run(p, a, len, &h, &run);
	if (r < 0)
		return r;
	if (run < len)
		return -ERANGE;
	*out = h;
	return 0;
}

/* The reverse entry of the chunk that holds a, if it is p's. */
static const struct slot *chunk_of(const struct part *p, uint64_t a)
{
	const struct part_pool *pool = p->pool;
	const struct slot *s;

	if (a < pool->base || (a - pool->base) >> PART_CHUNK_SHIFT >= pool->nr_chunks)
		return NULL;
	s = &pool->chunk[(a - pool->base) >> PART_CHUNK_SHIFT];
	return s->owner == p ? s : NULL;
}

int part_vram_h2g(const struct part *p, hvram_t a, gvram_t *out)
{
	const struct slot *s = chunk_of(p, hvram_x(a));

	if (!s)
		return -ERANGE;
	*out = gvram(((uint64_t)s->guest << PART_CHUNK_SHIFT) |
		     (hvram_x(a) & (PART_CHUNK_LEN - 1)));
	return 0;
}

bool part_owns(const struct part *p, hvram_t a, uint64_t len)
{
	uint64_t at = hvram_x(a), last = at + len - 1;

	if (!len || last < at || len > part_vram_len(p))
		return false;
	for (uint64_t c = align_down(at, PART_CHUNK_LEN); c <= last; c += PART_CHUNK_LEN)
		if (!chunk_of(p, c))
			return false;
	return true;
}

const hvram_t *part_chunks(const struct part *p, uint32_t *nr)
{
	*nr = p->nr_chunks;
	return p->chunk;
}

int part_chan_get(struct part *p, gchan_t g, hchan_t *out)
{
	struct part_pool *pool = p->pool;
	uint32_t h = 0;

	if (gchan_x(g) >= pool->nr_chan)
		return -ERANGE;
	if (p->chan[gchan_x(g)] != NO_CHAN) {
		*out = hchan(p->chan[gchan_x(g)]);
		return 0;
	}
	if (p->nr_chan >= p->max_chan)
		return -EDQUOT;
	while (h < pool->nr_chan && pool->chan[h].owner)
		h++;
	if (h == pool->nr_chan)
		return -ENOSPC;
	pool->chan[h] = (struct slot){ p, gchan_x(g) };
	pool->free_chan--;
	p->chan[gchan_x(g)] = h;
	p->nr_chan++;
	*out = hchan(h);
	return 0;
}

int part_chan_g2h(const struct part *p, gchan_t g, hchan_t *out)
{
	if (gchan_x(g) >= p->pool->nr_chan || p->chan[gchan_x(g)] == NO_CHAN)
		return -ENOENT;
	*out = hchan(p->chan[gchan_x(g)]);
	return 0;
}

int part_chan_h2g(const struct part *p, hchan_t h, gchan_t *out)
{
	if (hchan_x(h) >= p->pool->nr_chan || p->pool->chan[hchan_x(h)].owner != p)
		return -ENOENT;
	*out = gchan(p->pool->chan[hchan_x(h)].guest);
	return 0;
}

void part_chan_put(struct part *p, gchan_t g)
{
	hchan_t h;

	if (part_chan_g2h(p, g, &h) < 0)
		return;
	p->pool->chan[hchan_x(h)].owner = NULL;
	p->pool->free_chan++;
	p->chan[gchan_x(g)] = NO_CHAN;
	p->nr_chan--;
}
