// SPDX-License-Identifier: MIT
/*
 * Files of a guest's VRAM: one for each run of chunks that are neighbours on
 * the card and in the guest's numbers, sorted by the guest's numbers.
 */
#include "gpuvm/lend.h"

#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/gpuvm.h"

struct lend_run {
	uint64_t at, len; /* the guest's numbers */
	hvram_t card;
	int fd; /* owned */
};

struct lend {
	uint32_t nr;
	struct lend_run run[]; /* in order from 0 on, without gaps */
};

/* How many runs the part has. */
static uint32_t count_runs(const hvram_t *chunk, uint32_t nr)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < nr; i++)
		n += !i || hvram_x(chunk[i]) != hvram_x(chunk[i - 1]) + PART_CHUNK_LEN;
	return n;
}

static uint64_t lent_up_to(const struct lend *l)
{
	return l->nr ? l->run[l->nr - 1].at + l->run[l->nr - 1].len : 0;
}

/* The run that begins with the first chunk that is not lent yet. */
static int lend_next(struct vgpu *v, struct lend *l)
{
	struct lend_run *r = &l->run[l->nr];
	int err;

	*r = (struct lend_run){ .at = lent_up_to(l) };
	err = part_vram_run(v->part, gvram(r->at), part_vram_len(v->part) - r->at, &r->card,
			    &r->len);
	if (!err)
		err = dev_vram_fd(v->g->dev, r->card, r->len, &r->fd);
	if (!err)
		l->nr++;
	return err;
}

int lend_start(struct vgpu *v)
{
	const hvram_t *chunk;
	uint32_t nr;
	int err = 0;

	if (!v->part || !dev_has(v->g->dev, DEV_CAP_VRAM_FD) || !hv_has(v->guest->hv, HV_CAP_MAP))
		return -EOPNOTSUPP;
	if (!v->lend) {
		chunk = part_chunks(v->part, &nr);
		v->lend = mem_calloc(1, sizeof *v->lend +
						count_runs(chunk, nr) * sizeof v->lend->run[0]);
		if (!v->lend)
			return -ENOMEM;
	}
	while (!err && lent_up_to(v->lend) < part_vram_len(v->part))
		err = lend_next(v, v->lend);
	return err;
}

int lend_find(const struct vgpu *v, uint64_t at, uint64_t len, int *fd, uint64_t *fd_at,
	      uint64_t *run)
{
	const struct lend *l = v->lend;
	uint32_t lo = 0, hi = l ? l->nr : 0;

	if (!v->part || !len || at >= part_vram_len(v->part))
		return -ERANGE;
	if (!l || at >= lent_up_to(l))
		return -ENOENT;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (l->run[mid].at + l->run[mid].len <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	*fd = l->run[lo].fd;
	*fd_at = at - l->run[lo].at;
	*run = l->run[lo].len - *fd_at;
	*run = *run < len ? *run : len;
	return 0;
}

void lend_free(struct vgpu *v)
{
	struct lend *l = v->lend;

	for (uint32_t i = 0; l && i < l->nr; i++) {
		struct lend_run *r = &l->run[i];

		/* What is still a file of this guest's must not become anybody else's. */
		if (dev_vram_join(v->g->dev, r->card, r->len)) {
			log_error(v->g->log, "guest %s: the device does not take its VRAM back: lost",
				  v->name);
			part_retire(v->part, r->card, r->len);
		}
		close(r->fd);
	}
	mem_free(l);
	v->lend = NULL;
}
