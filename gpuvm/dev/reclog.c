// SPDX-License-Identifier: MIT
/*
 * Reading and writing recordings.  docs/record-format.md is the description.
 *
 * Always true: a reader believes nothing.  Kinds, numbers and lengths are
 * checked against the table below and against what is left of the file before
 * they are used, on every pass.
 */
#include "gpuvm/dev/reclog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"

struct header {
	char magic[8];
	uint32_t version, len; /* of this header */
	uint32_t caps, boot0;
	uint64_t vram_len, bar_len[6];
	uint32_t nr_chan, nr_pbdma;
	char name[32]; /* of the device that was recorded */
};
_Static_assert(sizeof(struct header) == 120, "the header is on disk");

static const char magic[8] = "GPUVMREC";

/* What an answer looks like. */
enum ret_form { RET_NONE, RET_VALUE, RET_INT };

static const struct shape {
	const char *name;
	uint8_t nr_args, ret;
	bool data; /* if the call succeeded */
	const char *arg[4];
} shapes[REC_NR] = {
	[REC_RD32] = { "rd32", 1, RET_VALUE, false, { "reg" } },
	[REC_WR32] = { "wr32", 2, RET_NONE, false, { "reg", "val" } },
	[REC_VRAM_RD] = { "vram_rd", 2, RET_INT, true, { "at", "len" } },
	[REC_VRAM_WR] = { "vram_wr", 2, RET_INT, true, { "at", "len" } },
	[REC_VRAM_ZERO] = { "vram_zero", 2, RET_INT, false, { "at", "len" } },
	[REC_BAR_RD] = { "bar_rd", 3, RET_VALUE, false, { "bar", "off", "size" } },
	[REC_BAR_WR] = { "bar_wr", 4, RET_NONE, false, { "bar", "off", "size", "val" } },
	[REC_RESET] = { "reset", 0, RET_INT, false, { NULL } },
	[REC_NOW] = { "now", 0, RET_VALUE, false, { NULL } },
	[REC_ADVANCE] = { "advance", 1, RET_INT, false, { "ns" } },
	[REC_DMA_MAP] = { "dma_map", 2, RET_INT, false, { "at", "len" } },
	[REC_DMA_UNMAP] = { "dma_unmap", 2, RET_INT, false, { "at", "len" } },
	[REC_IRQ] = { "irq", 1, RET_NONE, false, { "count" } },
	[REC_MEM] = { "mem", 2, RET_NONE, true, { "at", "len" } },
	[REC_BUSY] = { "busy", 1, RET_VALUE, false, { "chid" } },
	[REC_END] = { "end", 2, RET_NONE, false, { "calls", "sum" } },
};

/* FNV-1a, 64 bits (the published constants): any single changed byte changes it. */
#define SUM_INIT 0xcbf29ce484222325ull
#define SUM_PRIME 0x100000001b3ull

static uint64_t sum(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		h = (h ^ *p++) * SUM_PRIME;
	return h;
}

bool rec_has_data(const struct rec *r)
{
	return shapes[r->kind].data && (shapes[r->kind].ret != RET_INT || r->ret == 0);
}

int rec_nr_args(enum rec_kind kind)
{
	return shapes[kind].nr_args;
}

const char *rec_describe(const struct rec *r, char *buf, size_t n)
{
	const struct shape *s = &shapes[r->kind];
	size_t at = (size_t)snprintf(buf, n, "%s", s->name);

	for (int i = 0; i < s->nr_args && at < n; i++)
		at += (size_t)snprintf(buf + at, n - at, " %s=0x%" PRIx64, s->arg[i], r->arg[i]);
	return buf;
}

/* ---- writing -------------------------------------------------------------- */

struct reclog_w {
	FILE *f;
	uint64_t sum, calls;
	int err; /* first error; nothing is written after it */
};

static void put_bytes(struct reclog_w *w, const void *p, size_t len)
{
	if (w->err || !len)
		return;
	w->sum = sum(w->sum, p, len);
	if (fwrite(p, 1, len, w->f) != len)
		w->err = errno ? -errno : -EIO;
}

int reclog_create(const char *file, const struct dev_info *info, uint32_t caps, const char *name,
		  struct reclog_w **out)
{
	struct header h = {
		.version = RECLOG_VERSION,
		.len = sizeof(h),
		.caps = caps,
		.boot0 = info->boot0,
		.vram_len = info->vram_len,
		.nr_chan = info->nr_chan,
		.nr_pbdma = info->nr_pbdma,
	};
	struct reclog_w *w = mem_new(struct reclog_w);

	if (!w)
		return -ENOMEM;
	w->f = fopen(file, "wbe");
	if (!w->f) {
		int r = -errno;

		mem_free(w);
		return r;
	}
	w->sum = SUM_INIT;
	memcpy(h.magic, magic, sizeof(magic));
	memcpy(h.bar_len, info->bar_len, sizeof(h.bar_len));
	snprintf(h.name, sizeof(h.name), "%s", name);
	put_bytes(w, &h, sizeof(h));
	*out = w;
	return 0;
}

/* Little groups of seven bits, lowest first, the top bit set on all but the last. */
static size_t varint(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

/* Small negative numbers become small: 0 -1 1 -2 as 0 1 2 3. */
static uint64_t zigzag(uint64_t v)
{
	return v << 1 ^ (0 - (v >> 63));
}

static uint64_t unzigzag(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

int reclog_put(struct reclog_w *w, const struct rec *r)
{
	const struct shape *s = &shapes[r->kind];
	uint8_t head[1 + 5 * 10];
	size_t n = 0;

	head[n++] = (uint8_t)r->kind;
	for (int i = 0; i < s->nr_args; i++)
		n += varint(head + n, r->arg[i]);
	if (s->ret != RET_NONE)
		n += varint(head + n, s->ret == RET_INT ? zigzag(r->ret) : r->ret);
	put_bytes(w, head, n);
	if (rec_has_data(r))
		put_bytes(w, r->data, r->arg[1]);
	w->calls += rec_is_call(r);
	return w->err;
}

int reclog_finish(struct reclog_w *w)
{
	int r;

	if (!w)
		return 0;
	reclog_put(w, &(struct rec){ .kind = REC_END, .arg = { w->calls, w->sum } });
	if (fclose(w->f) != 0 && !w->err)
		w->err = -errno;
	r = w->err;
	mem_free(w);
	return r;
}

/* ---- reading -------------------------------------------------------------- */

struct reclog_r {
	FILE *f;
	uint64_t size, at;   /* of the file; next byte to read */
	uint64_t rec_at;     /* where the last record began */
	uint64_t sum, calls; /* so far in this pass */
	uint64_t all_calls;  /* of the whole recording */
	bool ended;
	struct dev_info info;
	uint32_t caps;
	uint8_t *buf; /* owned; data of the last record */
	size_t buf_len;
};

#define BAD(...) (snprintf(msg, n, __VA_ARGS__), -EPROTO)

static int cut_off(const struct reclog_r *r, char *msg, size_t n)
{
	return BAD("recording is cut off or damaged: the record at byte %" PRIu64 ", after %" PRIu64
		   " calls, does not end within the file's %" PRIu64 " bytes",
		   r->rec_at, r->calls, r->size);
}

static int get_varint(struct reclog_r *r, uint64_t *out, char *msg, size_t n)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		int c = getc_unlocked(r->f);
		uint8_t b = (uint8_t)c;

		if (c == EOF)
			return cut_off(r, msg, n);
		r->sum = sum(r->sum, &b, 1);
		r->at++;
		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*out = v;
			return 0;
		}
	}
	return BAD("recording is damaged: no number at byte %" PRIu64, r->at - 1);
}

static int get_data(struct reclog_r *r, uint64_t len, char *msg, size_t n)
{
	/* Also bounds the allocation by what the file can fill. */
	if (len > r->size - r->at)
		return cut_off(r, msg, n);
	if (!len)
		return 0;
	if (len > r->buf_len) {
		uint8_t *p = mem_realloc(r->buf, len);

		if (!p) {
			snprintf(msg, n, "out of memory for %" PRIu64 " bytes", len);
			return -ENOMEM;
		}
		r->buf = p;
		r->buf_len = len;
	}
	if (fread(r->buf, 1, len, r->f) != len)
		return cut_off(r, msg, n);
	r->sum = sum(r->sum, r->buf, len);
	r->at += len;
	return 0;
}

int reclog_next(struct reclog_r *r, struct rec *out, char *msg, size_t n)
{
	struct rec rec = { .kind = REC_END };
	uint64_t before = r->sum;
	uint64_t kind;
	int err;

	if (r->ended) {
		*out = rec;
		return 0;
	}
	r->rec_at = r->at;
	err = get_varint(r, &kind, msg, n);
	if (err < 0)
		return err;
	if (kind >= REC_NR || !shapes[kind].name)
		return BAD("recording is damaged: unknown record %" PRIu64 " at byte %" PRIu64,
			   kind, r->rec_at);
	rec.kind = (enum rec_kind)kind;
	for (int i = 0; i < shapes[kind].nr_args && err == 0; i++)
		err = get_varint(r, &rec.arg[i], msg, n);
	if (err == 0 && shapes[kind].ret != RET_NONE)
		err = get_varint(r, &rec.ret, msg, n);
	if (err < 0)
		return err;
	if (shapes[kind].ret == RET_INT)
		rec.ret = unzigzag(rec.ret);
	if (rec_has_data(&rec)) {
		err = get_data(r, rec.arg[1], msg, n);
		if (err < 0)
			return err;
		rec.data = rec.arg[1] ? r->buf : NULL;
	}
	if (kind == REC_END) {
		if (rec.arg[0] != r->calls || rec.arg[1] != before)
			return BAD("recording is damaged: its checksum does not match");
		r->ended = true;
	}
	r->calls += rec_is_call(&rec);
	*out = rec;
	return 0;
}

static int read_header(struct reclog_r *r, char *msg, size_t n)
{
	struct header h;
	struct stat st;

	if (fstat(fileno(r->f), &st) < 0 || !S_ISREG(st.st_mode))
		return BAD("not a regular file");
	r->size = (uint64_t)st.st_size;
	if (fread(&h, 1, sizeof(h), r->f) != sizeof(h) ||
	    memcmp(h.magic, magic, sizeof(magic)) != 0)
		return BAD("not a recording");
	if (h.version != RECLOG_VERSION || h.len != sizeof(h))
		return BAD("recording has version %u, this program reads version %u", h.version,
			   RECLOG_VERSION);
	r->at = sizeof(h);
	r->sum = sum(SUM_INIT, &h, sizeof(h));
	r->caps = h.caps;
	r->info = (struct dev_info){
		.boot0 = h.boot0,
		.vram_len = h.vram_len,
		.nr_chan = h.nr_chan,
		.nr_pbdma = h.nr_pbdma,
	};
	memcpy(r->info.bar_len, h.bar_len, sizeof(h.bar_len));
	return 0;
}

/* The first pass: to the end, so that damage is told now and not in the middle of a run. */
static int check_all(struct reclog_r *r, char *msg, size_t n)
{
	struct rec rec = { .kind = REC_NR };

	while (rec.kind != REC_END) {
		int err = reclog_next(r, &rec, msg, n);

		if (err < 0)
			return err;
	}
	if (r->at != r->size)
		return BAD("recording is damaged: %" PRIu64 " bytes after its end",
			   r->size - r->at);
	r->all_calls = r->calls;
	return 0;
}

int reclog_open(const char *file, struct reclog_r **out, char *msg, size_t n)
{
	struct reclog_r *r = mem_new(struct reclog_r);
	char why[160], clean[160];
	int err = -ENOMEM;

	snprintf(why, sizeof(why), "out of memory");
	if (!r)
		goto err;
	r->f = fopen(file, "rbe");
	if (!r->f) {
		err = -errno;
		snprintf(why, sizeof(why), "%s", strerror(errno));
		goto err;
	}
	err = read_header(r, why, sizeof(why));
	if (err == 0)
		err = check_all(r, why, sizeof(why));
	if (err < 0)
		goto err;
	rewind(r->f);
	err = read_header(r, why, sizeof(why));
	if (err < 0)
		goto err;
	r->calls = 0;
	r->ended = false;
	*out = r;
	return 0;
err:
	snprintf(msg, n, "'%s': %s", log_clean(clean, sizeof(clean), file), why);
	reclog_close(r);
	return err;
}

void reclog_close(struct reclog_r *r)
{
	if (!r)
		return;
	if (r->f)
		fclose(r->f);
	mem_free(r->buf);
	mem_free(r);
}

const struct dev_info *reclog_info(const struct reclog_r *r)
{
	return &r->info;
}

uint32_t reclog_caps(const struct reclog_r *r)
{
	return r->caps;
}

uint64_t reclog_calls(const struct reclog_r *r)
{
	return r->all_calls;
}

uint64_t reclog_at(const struct reclog_r *r)
{
	return r->rec_at;
}
