// SPDX-License-Identifier: MIT
/*
 * Claim: a recording that is cut off anywhere, has any byte changed, or was
 * made up by somebody is refused with one line, and never harms the reader.
 */
#include "tests/t.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/dev/recording.h"
#include "gpuvm/dev/reclog.h"
#include "gpuvm/fermi/regs.h"
#include "tests/replay/tmpfile.h"

static int tmp_setup(void **state)
{
	struct tmpdir *t = calloc(1, sizeof(*t));

	*state = t;
	return t ? tmpdir_make(t) : -1;
}

static int tmp_teardown(void **state)
{
	tmpdir_drop(*state);
	free(*state);
	return 0;
}

static int open_spec(const char *how, const char *arg, struct dev **d, char *msg, size_t n)
{
	char spec[200];

	snprintf(spec, sizeof(spec), "%s:%s", how, arg);
	msg[0] = '\0';
	return dev_open(spec, NULL, d, msg, n);
}

/* Refused: an error, one line, no device. */
static void refused(const struct tmpdir *t, const char *word)
{
	struct dev *d = NULL;
	char msg[400];
	int r = open_spec("replay", t->file, &d, msg, sizeof(msg));

	if (r >= 0 || d || !strstr(msg, word) || strchr(msg, '\n'))
		fail_msg("wanted '%s', got %d '%s'", word, r, msg);
}

static size_t slurp(const struct tmpdir *t, uint8_t *buf, size_t n)
{
	FILE *f = fopen(t->file, "rb");
	size_t got;

	assert_non_null(f);
	got = fread(buf, 1, n, f);
	fclose(f);
	assert_true(got < n);
	return got;
}

static void spill(const struct tmpdir *t, const uint8_t *buf, size_t n)
{
	FILE *f = fopen(t->file, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(buf, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* A little of each kind a null device has. */
static void make_recording(const struct tmpdir *t)
{
	char arg[120], msg[200], buf[40] = "contents";
	struct dev *d = NULL;

	snprintf(arg, sizeof(arg), "%s,null", t->file);
	assert_int_equal(open_spec("record", arg, &d, msg, sizeof(msg)), 0);
	dev_rd32(d, NV_PMC_BOOT_0);
	dev_wr32(d, NV_PMC_INTR_EN, 0xffffffff);
	dev_vram_wr(d, hvram(0), buf, sizeof(buf));
	dev_vram_rd(d, hvram(4), buf, 30);
	dev_vram_rd(d, hvram(~0ull), buf, 30);
	dev_vram_rd(d, hvram(0), buf, 0);
	dev_vram_zero(d, hvram(0), 1 << 20);
	dev_bar_wr(d, 1, 8, 8, ~0ull);
	dev_bar_rd(d, 3, 0, 1);
	dev_now(d);
	dev_reset(d);
	dev_close(d);
}

static void cut_off_anywhere(void **state)
{
	const struct tmpdir *t = *state;
	uint8_t buf[2048];
	size_t len;

	make_recording(t);
	len = slurp(t, buf, sizeof(buf));
	assert_true(len > 250);
	for (size_t n = 0; n < len; n++) {
		spill(t, buf, n);
		refused(t, n < 120 ? "not a recording" : "cut off");
	}
	buf[len] = 0;
	spill(t, buf, len + 1);
	refused(t, "after its end");
}

static void any_changed_byte(void **state)
{
	const struct tmpdir *t = *state;
	uint8_t buf[2048];
	size_t len;

	make_recording(t);
	len = slurp(t, buf, sizeof(buf));
	for (size_t n = 0; n < len; n++) {
		static const uint8_t flip[] = { 0x01, 0x80, 0xff };

		for (size_t k = 0; k < ARRAY_SIZE(flip); k++) {
			buf[n] ^= flip[k];
			spill(t, buf, len);
			refused(t, "recording");
			buf[n] ^= flip[k];
		}
	}
	spill(t, buf, len);
	buf[8] = 2;
	spill(t, buf, len);
	refused(t, "has version 2, this program reads version 1");
}

static void not_a_recording_at_all(void **state)
{
	const struct tmpdir *t = *state;
	struct tmpdir dir = *t;
	struct dev *d = NULL;
	char msg[400];

	refused(t, "No such file");
	spill(t, (const uint8_t *)"#!/bin/sh\n", 10);
	refused(t, "not a recording");
	snprintf(dir.file, sizeof(dir.file), "%s", t->dir);
	refused(&dir, "not a regular file");
	assert_int_equal(open_spec("replay", "", &d, msg, sizeof(msg)), -EINVAL);
	assert_string_equal(msg, "replay: wants FILE");
}

static const struct dev_info info = { .boot0 = GF100_BOOT_0, .vram_len = 4096 };

/* A file with a right checksum and whatever records somebody likes. */
static void forge(const struct tmpdir *t, uint32_t caps, const struct rec *r, size_t nr)
{
	struct reclog_w *w = NULL;

	assert_int_equal(reclog_create(t->file, &info, caps, "forged", &w), 0);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(reclog_put(w, &r[i]), 0);
	assert_int_equal(reclog_finish(w), 0);
}

static void forged_events_stay_inside(void **state)
{
	static const struct rec map = { .kind = REC_DMA_MAP, .arg = { 0x1000, 0x1000 } };
	static const struct { uint64_t at, len; bool ok; } mem[] = {
		{ 0x1000, 16, true },  { 0x1ff0, 16, true },	  { 0x1ff1, 16, false },
		{ 0xfff, 16, false },  { 0x2000, 16, false },	  { 0, 16, false },
		{ ~0ull, 16, false },  { ~0ull - 15, 16, false }, { 0x2000, 0, true },
		{ 1ull << 63, 16, false },
	};
	const struct tmpdir *t = *state;
	static uint8_t page[0x1000];

	for (size_t i = 0; i < ARRAY_SIZE(mem); i++) {
		struct rec r[3] = { map,
				    { .kind = REC_MEM, .arg = { mem[i].at, mem[i].len },
				      .data = "0123456789abcdef" },
				    { .kind = REC_RD32, .arg = { 0 }, .ret = 7 } };
		struct replay_status st;
		struct dev *d = NULL;
		char msg[200];

		memset(page, 0, sizeof(page));
		forge(t, DEV_CAP_DMA_MAP, r, ARRAY_SIZE(r));
		assert_int_equal(open_spec("replay", t->file, &d, msg, sizeof(msg)), 0);
		assert_int_equal(dev_dma_map(d, dma(0x1000), page, sizeof(page)), 0);
		assert_int_equal(replay_status(d, &st), 0);
		assert_int_equal(st.divergences, mem[i].ok ? 0 : 1);
		assert_int_equal(dev_rd32(d, 0), mem[i].ok ? 7 : UINT32_MAX);
		if (mem[i].ok && mem[i].len)
			assert_memory_equal(page + (mem[i].at - 0x1000), "0123456789abcdef", 16);
		dev_close(d);
	}
	/* An event before any call is in order; a write to nothing is not. */
	forge(t, 0, &(struct rec){ .kind = REC_MEM, .arg = { 0, 4 }, .data = "abcd" }, 1);
	{
		struct replay_status st;
		struct dev *d = NULL;
		char msg[200];

		assert_int_equal(open_spec("replay", t->file, &d, msg, sizeof(msg)), 0);
		assert_int_equal(replay_status(d, &st), 0);
		assert_non_null(strstr(st.first, "not mapped"));
		dev_close(d);
	}
	forge(t, 1u << 30, NULL, 0);
	refused(t, "unknown abilities");
	forge(t, DEV_CAP_VRAM_FD, NULL, 0);
	refused(t, "unknown abilities");
}

/* A length that no file can hold asks for no memory. */
static void forged_length(void **state)
{
	const struct tmpdir *t = *state;
	uint8_t buf[256];
	size_t len;

	forge(t, 0, NULL, 0);
	len = slurp(t, buf, sizeof(buf));
	assert_true(len < 200);
	len = 120;
	buf[len++] = REC_VRAM_RD;
	buf[len++] = 0; /* at */
	memset(buf + len, 0xff, 9);
	len += 9;
	buf[len++] = 1; /* len: 2^64 - 1 */
	buf[len++] = 0; /* answer: 0 */
	buf[len++] = 'x';
	spill(t, buf, len);
	refused(t, "cut off or damaged");
	buf[len - 3] = 2; /* more than 64 bits */
	spill(t, buf, len);
	refused(t, "no number at byte 131");
	buf[120] = REC_NR;
	spill(t, buf, len);
	refused(t, "unknown record 17 at byte 120");
	buf[120] = 0;
	spill(t, buf, len);
	refused(t, "unknown record 0 at byte 120");
}

static void numbers_keep_their_value(void **state)
{
	static const uint64_t v[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, 1ull << 63,
				      ~0ull, ~0ull - 1 };
	const struct tmpdir *t = *state;
	struct reclog_r *r = NULL;
	struct rec rec[2 * ARRAY_SIZE(v)], got;
	char msg[200];

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		rec[2 * i] = (struct rec){ .kind = REC_BAR_WR,
					   .arg = { v[i], ~v[i], 3, v[i] ^ 9 } };
		/* An int answer: small negatives and 0 must survive the zigzag. */
		rec[2 * i + 1] = (struct rec){ .kind = REC_ADVANCE, .arg = { v[i] },
					       .ret = (uint64_t)(int64_t)-(int)i };
	}
	forge(t, 0, rec, ARRAY_SIZE(rec));
	assert_int_equal(reclog_open(t->file, &r, msg, sizeof(msg)), 0);
	assert_int_equal(reclog_calls(r), ARRAY_SIZE(rec));
	for (size_t i = 0; i < ARRAY_SIZE(rec); i++) {
		assert_int_equal(reclog_next(r, &got, msg, sizeof(msg)), 0);
		assert_int_equal(got.kind, rec[i].kind);
		assert_memory_equal(got.arg, rec[i].arg, sizeof(got.arg));
		assert_true(got.ret == rec[i].ret);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(reclog_next(r, &got, msg, sizeof(msg)), 0);
		assert_int_equal(got.kind, REC_END);
	}
	reclog_close(r);
	reclog_close(NULL);
	assert_int_equal(reclog_finish(NULL), 0);
}

/* The world's errors: no room, no folder, nonsense arguments. */
static void recording_errors(void **state)
{
	const struct tmpdir *t = *state;
	struct dev *d = NULL;
	char arg[120], msg[300];
	uint8_t keep[64] = "an older recording";
	struct stat st;

	assert_int_equal(open_spec("record", "", &d, msg, sizeof(msg)), -EINVAL);
	assert_int_equal(open_spec("record", "file", &d, msg, sizeof(msg)), -EINVAL);
	assert_string_equal(msg, "record: wants FILE,GPU, not 'file'");
	assert_int_equal(open_spec("record", ",null", &d, msg, sizeof(msg)), -EINVAL);
	snprintf(arg, sizeof(arg), "%s/no/such,null", t->dir);
	assert_int_equal(open_spec("record", arg, &d, msg, sizeof(msg)), -ENOENT);
	assert_non_null(strstr(msg, "No such file"));
	/* A wrong device name does not cost the file that is there. */
	spill(t, keep, sizeof(keep));
	snprintf(arg, sizeof(arg), "%s,nul", t->file);
	assert_true(open_spec("record", arg, &d, msg, sizeof(msg)) < 0);
	assert_non_null(strstr(msg, "nul"));
	assert_int_equal(stat(t->file, &st), 0);
	assert_int_equal(st.st_size, sizeof(keep));
	assert_null(d);
	/* A full disk ends the recording, not the run. */
	assert_int_equal(open_spec("record", "/dev/full,null", &d, msg, sizeof(msg)), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		dev_wr32(d, NV_PTIMER_ALARM, i);
		assert_int_equal(dev_rd32(d, NV_PTIMER_ALARM), i);
	}
	assert_int_equal(record_status(d), -ENOSPC);
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cut_off_anywhere, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(any_changed_byte, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(not_a_recording_at_all, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(forged_events_stay_inside, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(forged_length, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(numbers_keep_their_value, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(recording_errors, tmp_setup, tmp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
