// SPDX-License-Identifier: MIT
/*
 * What all workloads share: buffers, phases, the comparison, the checksum.
 * The reference is computed after the device is closed, outside every phase.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"

void *job_host(size_t len)
{
	void *p = mem_calloc(1, len);

	if (!p) {
		fprintf(stderr, "gpuvm-work: out of memory\n");
		exit(1);
	}
	return p;
}

struct buf *job_buf(struct job *j, const char *name, size_t len, unsigned int flags)
{
	struct buf *b = &j->buf[j->nr_bufs++];

	if (j->nr_bufs > JOB_BUFS)
		abort();
	*b = (struct buf){ .name = name, .len = len, .flags = flags, .in = job_host(len) };
	if (flags & BUF_OUT) {
		b->out = job_host(len);
		b->want = job_host(len);
	}
	return b;
}

void buf_tolerance(struct buf *b, float rel, float abs)
{
	b->kind = BUF_FLOAT;
	b->rel = rel;
	b->abs = abs;
}

void job_phase(struct job *j, enum phase p)
{
	uint64_t now = clock_ns();

	j->ns[j->phase] += now - j->phase_start;
	j->phase = p;
	j->phase_start = now;
}

void job_fail(struct job *j, int err, const char *fmt, ...)
{
	char line[2400];
	va_list ap;

	if (j->err)
		return;
	j->err = err;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	fprintf(stderr, "gpuvm-work: %s: %s\n", j->work->name, line);
}

void job_fail_row(struct job *j, const struct table *t, uint32_t row, const char *what)
{
	job_fail(j, -EINVAL, "%s:%u: %s", t->path, t->line[row], what);
}

static void load(struct job *j)
{
	struct table t;
	char why[400];
	int err = table_read(j->input, j->work->columns, &t, why, sizeof why);

	if (err) {
		/* Whatever the reason: it is the input that cannot be used. */
		job_fail(j, -EINVAL, "%s", why);
		return;
	}
	j->work->load(j, &t);
	table_free(&t);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* HtoD to DtoH. */
static void round_trip(struct job *j)
{
	j->launches = 0;
	job_phase(j, PHASE_HTOD);
	for (unsigned int i = 0; i < j->nr_bufs; i++)
		if ((j->buf[i].flags & (BUF_IN | BUF_HOST)) == BUF_IN)
			job_write(j, &j->buf[i], j->buf[i].in);
	job_finish(j);
	job_phase(j, PHASE_LAUNCH);
	if (j->work->run && !j->err)
		j->work->run(j);
	job_finish(j);
	job_phase(j, PHASE_DTOH);
	for (unsigned int i = 0; i < j->nr_bufs; i++)
		if ((j->buf[i].flags & (BUF_OUT | BUF_HOST)) == BUF_OUT)
			job_read(j, &j->buf[i], 0, j->buf[i].out, j->buf[i].len);
}

int job_run(struct job *j, unsigned int repeat, double us[NR_PHASES])
{
	double *v;

	j->rng.state = j->seed;
	if (j->input)
		load(j);
	else
		j->work->setup(j);
	if (j->err)
		return j->err;
	v = job_host(repeat * NR_PHASES * sizeof *v);
	j->phase = PHASE_INIT;
	j->phase_start = clock_ns();
	cl_open(j);
	for (unsigned int i = 0; i < j->nr_bufs; i++)
		cl_buf(j, &j->buf[i]);
	for (unsigned int r = 0; r < repeat && !j->err; r++) {
		round_trip(j);
		job_phase(j, PHASE_CLOSE);
		for (unsigned int p = PHASE_HTOD; p <= PHASE_DTOH; p++) {
			v[p * repeat + r] = (double)j->ns[p] / 1000;
			j->ns[p] = 0;
		}
	}
	j->ns[PHASE_CLOSE] = 0;
	cl_close(j);
	job_phase(j, PHASE_CLOSE);
	for (unsigned int p = 0; p < NR_PHASES; p++) {
		qsort(v + p * repeat, repeat, sizeof *v, compare);
		us[p] = p < PHASE_HTOD || p > PHASE_DTOH ? (double)j->ns[p] / 1000 :
							   v[p * repeat + repeat / 2];
	}
	mem_free(v);
	return j->err;
}

static void compare_bits(struct job *j, const struct buf *b)
{
	const uint32_t *got = b->out, *want = b->want;

	if (!memcmp(got, want, b->len))
		return;
	for (size_t i = 0; i < b->len / 4; i++)
		if (got[i] != want[i]) {
			job_fail(j, -EILSEQ, "wrong result: %s[%zu] is 0x%08x, must be 0x%08x",
				 b->name, i, got[i], want[i]);
			return;
		}
}

static void compare_floats(struct job *j, const struct buf *b)
{
	const float *got = b->out, *want = b->want;

	for (size_t i = 0; i < b->len / 4; i++)
		/* Written so that a NaN is a difference. */
		if (!(fabsf(got[i] - want[i]) <= b->rel * fabsf(want[i]) + b->abs)) {
			job_fail(j, -EILSEQ, "wrong result: %s[%zu] is %.9g, must be %.9g", b->name,
				 i, (double)got[i], (double)want[i]);
			return;
		}
}

int job_check(struct job *j)
{
	if (j->err)
		return j->err;
	for (unsigned int i = 0; i < j->nr_bufs; i++)
		if (j->buf[i].flags & BUF_OUT)
			memcpy(j->buf[i].want, j->buf[i].in, j->buf[i].len);
	j->work->check(j);
	for (unsigned int i = 0; i < j->nr_bufs && !j->err; i++) {
		if (!(j->buf[i].flags & BUF_OUT))
			continue;
		if (j->buf[i].kind == BUF_FLOAT)
			compare_floats(j, &j->buf[i]);
		else
			compare_bits(j, &j->buf[i]);
	}
	return j->err;
}

uint64_t job_checksum(const struct job *j)
{
	uint64_t sum = 0xcbf29ce484222325ull;

	for (unsigned int i = 0; i < j->nr_bufs; i++) {
		const uint8_t *p = j->buf[i].out;

		for (size_t k = 0; p && k < j->buf[i].len; k++)
			sum = (sum ^ p[k]) * 0x100000001b3ull;
	}
	return sum;
}

void job_fini(struct job *j)
{
	for (unsigned int i = 0; i < j->nr_bufs; i++) {
		mem_free(j->buf[i].in);
		mem_free(j->buf[i].out);
		mem_free(j->buf[i].want);
	}
}
