// SPDX-License-Identifier: MIT
/*
 * Copies of n KiB without a kernel: to the device and back (cpy), the same
 * through pinned host memory and the device's copy engines (pincpy).
 */
#include <string.h>

#include "bench/work/work.h"

enum { DATA, UP, DOWN, RESULT };

static void fill(struct job *j, struct buf *b)
{
	for (size_t i = 0; i < b->len / 4; i++)
		((uint32_t *)b->in)[i] = rng_u32(&j->rng);
}

static void setup_cpy(struct job *j)
{
	fill(j, job_buf(j, "data", (size_t)j->sz.n << 10, BUF_IN | BUF_OUT));
}

/* What went there comes back; want is a copy of in already. */
static void check_cpy(struct job *j)
{
	(void)j;
}

static void setup_pincpy(struct job *j)
{
	size_t len = (size_t)j->sz.n << 10;

	job_buf(j, "device", len, 0);
	fill(j, job_buf(j, "up", len, BUF_PINNED));
	job_buf(j, "down", len, BUF_PINNED);
	job_buf(j, "result", len, BUF_OUT | BUF_HOST);
}

static void run_pincpy(struct job *j)
{
	struct buf *b = j->buf;
	void *p;

	job_phase(j, PHASE_HTOD);
	p = job_map(j, b[UP].mem, b[UP].len, CL_MAP_WRITE_INVALIDATE_REGION);
	if (p)
		memcpy(p, b[UP].in, b[UP].len);
	job_unmap(j, b[UP].mem, p);
	job_copy(j, &b[UP], &b[DATA]);
	job_finish(j);
	job_phase(j, PHASE_DTOH);
	job_copy(j, &b[DATA], &b[DOWN]);
	p = job_map(j, b[DOWN].mem, b[DOWN].len, CL_MAP_READ);
	if (p)
		memcpy(b[RESULT].out, p, b[DOWN].len);
	job_unmap(j, b[DOWN].mem, p);
}

static void check_pincpy(struct job *j)
{
	memcpy(j->buf[RESULT].want, j->buf[UP].in, j->buf[UP].len);
}

const struct work work_cpy = {
	.name = "cpy",
	.help = "host to device to host",
	.size = { { .n = 1024 }, { .n = 64 << 10 }, { .n = 128 << 10 } },
	.setup = setup_cpy,
	.check = check_cpy,
};
const struct work work_pincpy = {
	.name = "pincpy",
	.help = "host to device to host, pinned host memory",
	.size = { { .n = 1024 }, { .n = 32 << 10 }, { .n = 64 << 10 } },
	.setup = setup_pincpy,
	.run = run_pincpy,
	.check = check_pincpy,
};
